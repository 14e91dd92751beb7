// npm oidc-provider as the company's identity provider: an independent, certified server with its own login and consent forms.
//
//   node oidc-provider.mjs PORT CALLBACK [CALLBACK …]
//
// One confidential client, `chancery` with the secret below, may return to the callbacks. Any login name signs in. Prints the issuer when it listens.

import { Provider } from 'oidc-provider';

const [port, ...callbacks] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'chancery',
    client_secret: 'a-secret-of-the-tests-alone-0123456789',
    redirect_uris: callbacks,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }],
  claims: { openid: ['sub', 'auth_time', 'acr', 'amr'], profile: ['name', 'preferred_username'], email: ['email'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: id, preferred_username: id, email: `${id}@example.com` }) }),
  features: { devInteractions: { enabled: true } },
  cookies: { keys: ['of the tests alone'] },
  pkce: { required: () => true },
});

provider.on('server_error', (_, error) => console.error(error));
provider.listen(Number(port), '127.0.0.1', () => console.log(issuer));
