// The MCP TypeScript SDK v1, unmodified, from a URL to a tool call.
//
//   node mcp-sdk-v1.mjs URL TOOL ARGUMENTS [LOGIN]
//
// Whatever pages come are answered as LOGIN would (a login form, our consent form). Prints one JSON object: the tools listed, the call's
// result, the tokens' shape after a refresh. Exits 1 with the reason on standard error.

import { createServer } from 'node:http';

import { UnauthorizedError, refreshAuthorization, discoverAuthorizationServerMetadata } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { Browser } from './browser.mjs';

const [target, tool, args, login = 'alice'] = process.argv.slice(2);
const url = new URL(target);

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
  redirectToAuthorization: async (authorize) => void (kept.answer = await browser.open(authorize, redirectUrl)),
};

const transport = () => new StreamableHTTPClientTransport(url, { authProvider: provider });

async function connect() {
  const first = transport();
  const client = new Client({ name: 'mcp-sdk-v1', version: '1' });
  try {
    await client.connect(first);
    throw new Error('the server let a client in that had no token');
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
  }
  const answer = kept.answer.searchParams;
  if (answer.get('error')) throw new Error(`authorization refused: ${answer}`);
  if (answer.get('state') !== kept.state) throw new Error('the state came back changed');
  await first.finishAuth(answer.get('code'));
  const second = transport();
  const connected = new Client({ name: 'mcp-sdk-v1', version: '1' });
  await connected.connect(second);
  return [connected, second, answer.get('iss')];
}

const [client, session, iss] = await connect();
const { tools } = await client.listTools();
const result = await client.callTool({ name: tool, arguments: JSON.parse(args) });

const metadata = await discoverAuthorizationServerMetadata(new URL(iss));
const before = kept.tokens.refresh_token;
const refreshed = await refreshAuthorization(new URL(iss), { metadata, clientInformation: kept.client, refreshToken: before, resource: url });
kept.tokens = refreshed;
const again = await client.callTool({ name: tool, arguments: JSON.parse(args) });

await session.terminateSession();
await client.close();

console.log(JSON.stringify({
  iss,
  issuer: metadata.issuer,
  client_id: kept.client.client_id,
  tools: tools.map(({ name }) => name),
  result,
  again,
  rotated: refreshed.refresh_token !== undefined && refreshed.refresh_token !== before,
  claims: JSON.parse(Buffer.from(kept.tokens.access_token.split('.')[1], 'base64url')),
  steps: browser.seen,
}));
