// The MCP TypeScript SDK v1, unmodified, signed in at a server: whatever pages come are answered as LOGIN would (a login form, our consent
// form).

import { createServer } from 'node:http';

import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { Browser } from './browser.mjs';

/**
 * @param capabilities of the client
 * @param prepare is given the client before it connects, to answer what the server may ask
 * @return the client, its transport, what it keeps (client, tokens, state), what the browser saw, and `reauthorized()`: takes the
 *   answer of the authorization that the SDK began last, as a host does when a call ends in UnauthorizedError, and gives the scope asked for
 */
export async function signedIn(url, login, capabilities = {}, prepare = () => {}) {
  // A loopback port of our own, as a native client has; nothing needs to listen once the redirect has been seen.
  const redirectUrl = await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(`http://127.0.0.1:${port}/callback`));
    });
  });

  const browser = new Browser({ login, username: login, password: 'anything', person: login, decision: 'approve' });
  const kept = {};
  const provider = {
    redirectUrl,
    clientMetadata: {
      client_name: 'MCP TypeScript SDK v1',
      redirect_uris: [redirectUrl],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
    state: () => (kept.state ??= crypto.randomUUID()),
    clientInformation: () => kept.client,
    saveClientInformation: (client) => void (kept.client = client),
    tokens: () => kept.tokens,
    saveTokens: (tokens) => void (kept.tokens = tokens),
    saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
    codeVerifier: () => kept.verifier,
    invalidateCredentials: (which) => {
      if (which === 'tokens' || which === 'all') delete kept.tokens;
      if (which === 'client' || which === 'all') delete kept.client;
    },
    redirectToAuthorization: async (authorize) => {
      kept.asked = authorize.searchParams.get('scope');
      kept.answer = (await browser.open(authorize, redirectUrl)).searchParams;
    },
  };

  const finish = async (transport) => {
    const { answer } = kept;
    if (answer.get('error')) throw new Error(`authorization refused: ${answer}`);
    if (answer.get('state') !== kept.state) throw new Error('the state came back changed');
    await transport.finishAuth(answer.get('code'));
    return kept.asked;
  };

  const opened = () => {
    const client = new Client({ name: 'mcp-sdk-v1', version: '1' }, { capabilities });
    prepare(client);
    return [client, new StreamableHTTPClientTransport(url, { authProvider: provider })];
  };

  const [stranger, first] = opened();
  try {
    await stranger.connect(first);
    throw new Error('the server let a client in that had no token');
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
  }
  await finish(first);
  const iss = kept.answer.get('iss');
  const [client, transport] = opened();
  await client.connect(transport);
  return { client, transport, kept, iss, steps: browser.seen, reauthorized: () => finish(transport) };
}
