// The MCP TypeScript SDK v1, unmodified, on a journey that somebody else planned.
//
//   node mcp-journey.mjs URL STEPS [LOGIN]
//
// STEPS is a JSON list, taken one after the other in one session: { list: 'tools' }, { call: NAME, arguments, after? }, { read: URI }.
// `after: n` calls and, once n notifications of progress have come, takes the call back. What the server asks meanwhile is answered: a
// sampling request by words, an elicitation by values of the kinds that it wants, numbers being how much progress was heard in this step.
// At the end the session is deleted. Prints one JSON object: for each step its result or error, the progress heard, what was asked; the
// session's status once it is over; the tokens that were used. Exits 1 with the reason on standard error.

import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

import { signedIn } from './signed-in.mjs';

const [target, steps, login = 'alice'] = process.argv.slice(2);
const url = new URL(target);
let step; // what is seen of the step under way

const { client, transport, kept, reauthorized } = await signedIn(url, login, { sampling: {}, elicitation: {} }, (client) => {
  client.setRequestHandler(CreateMessageRequestSchema, ({ method }) => {
    step.asked.push(method);
    const text = `${step.progress.length} seen, says the client's model`;
    return { role: 'assistant', model: 'none', stopReason: 'endTurn', content: { type: 'text', text } };
  });
  client.setRequestHandler(ElicitRequestSchema, ({ method, params }) => {
    step.asked.push(method);
    const { properties, required = [] } = params.requestedSchema;
    return { action: 'accept', content: Object.fromEntries(required.map((name) => [name, value(properties[name])])) };
  });
});

const seen = [];
for (const wanted of JSON.parse(steps)) {
  step = { progress: [], asked: [] };
  seen.push(Object.assign(step, await outcome(wanted)));
}

const token = kept.tokens.access_token;
const session = transport.sessionId;
await transport.terminateSession();
const ping = { jsonrpc: '2.0', id: 'after', method: 'ping' };
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const afterwards = await fetch(url, { method: 'POST', headers: { ...headers, 'mcp-session-id': session }, body: JSON.stringify(ping) });
await client.close();

console.log(JSON.stringify({ version: transport.protocolVersion, steps: seen, session, afterwards: afterwards.status, token, client: kept.client }));
process.exit(0);

async function outcome(wanted) {
  let scope;
  for (;;) {
    try {
      return { scope, result: await taken(wanted) };
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) return { scope, error: { code: error.code, message: error.message, data: error.data } };
      if (scope) throw error;
    }
    // What a host does: the person has come back from the browser, and the call is made again.
    scope = await reauthorized();
  }
}

async function taken(wanted) {
  if (wanted.list) return (await client.listTools()).tools.map(({ name }) => name);
  if (wanted.read) return await client.readResource({ uri: wanted.read });
  const taking = new AbortController();
  const onprogress = ({ progress }) => {
    step.progress.push(progress);
    if (step.progress.length === wanted.after) taking.abort('enough was heard');
  };
  return await client.callTool({ name: wanted.call, arguments: wanted.arguments ?? {} }, undefined, { onprogress, signal: taking.signal });
}

function value({ type }) {
  if (type === 'number' || type === 'integer') return step.progress.length;
  return type === 'boolean' ? true : 'what the person wrote';
}
