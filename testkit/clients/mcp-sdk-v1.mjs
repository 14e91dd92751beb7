// The MCP TypeScript SDK v1, unmodified, from a URL to a tool call.
//
//   node mcp-sdk-v1.mjs URL TOOL ARGUMENTS [LOGIN]
//
// Whatever pages come are answered as LOGIN would (a login form, our consent form). Prints one JSON object: the tools listed, the call's
// result, the tokens' shape after a refresh. Exits 1 with the reason on standard error.

import { refreshAuthorization, discoverAuthorizationServerMetadata } from '@modelcontextprotocol/sdk/client/auth.js';

import { signedIn } from './signed-in.mjs';

const [target, tool, args, login = 'alice'] = process.argv.slice(2);
const url = new URL(target);

const { client, transport, kept, iss, steps } = await signedIn(url, login);
const { tools } = await client.listTools();
const result = await client.callTool({ name: tool, arguments: JSON.parse(args) });

const metadata = await discoverAuthorizationServerMetadata(new URL(iss));
const before = kept.tokens.refresh_token;
const refreshed = await refreshAuthorization(new URL(iss), { metadata, clientInformation: kept.client, refreshToken: before, resource: url });
kept.tokens = refreshed;
const again = await client.callTool({ name: tool, arguments: JSON.parse(args) });

await transport.terminateSession();
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
  steps,
}));
