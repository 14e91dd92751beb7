// The era of sessions, up to 2025-11-25: a client says once who it is and what it can do, and is known by its session from then on.
//
// POST: 1. initialize makes a session; 2. an answer to what we asked, or a notification, is taken; 3. a request is answered by one body,
// or by a stream where there is more to say or to ask. GET: a stream for the session, or one taken up again. DELETE: the session's end.

import { randomUUID } from 'node:crypto';

import { methods } from './methods.mjs';
import { LEVELS, Refusal, SERVER, Stream, failed, invalid, json, prefersStream, refusal } from './protocol.mjs';

export const SESSION_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26'];
const RETRY_MS = 100;
const sessions = new Map();

const OFFERED = { tools: { listChanged: true }, prompts: {}, resources: { subscribe: true }, completions: {}, logging: {} };

const METHODS = new Map([
  ['ping', () => ({})],
  ['logging/setLevel', setLevel],
  ['resources/subscribe', ({ session, params }) => session.watched.add(params.uri) && {}],
  ['resources/unsubscribe', ({ session, params }) => (session.watched.delete(params.uri), {})],
  ...methods('session'),
]);

export async function bySession(request, response, message) {
  const id = message?.method === undefined ? null : (message.id ?? null);
  try {
    if (message?.method === 'initialize') return initialize(request, response, message);
    const session = known(request.headers);
    if (request.method === 'GET') return takeUp(session, request, response);
    if (request.method === 'DELETE') return end(session, response);
    if (request.method !== 'POST') return json(response, 405, {}, { allow: 'GET, POST, DELETE' });
    if (message.method !== undefined && message.id !== undefined) return await answer(session, request, response, message);
    if (message.method === undefined) session.asked.get(message.id)?.(message);
    return response.writeHead(202).end();
  } catch (error) {
    return failed(response, id, error);
  }
}

function initialize(request, response, { id, params }) {
  const kept = { level: 0, watched: new Set(), asked: new Map(), streams: new Map() };
  const session = { id: randomUUID(), capabilities: params.capabilities ?? {}, ...kept };
  sessions.set(session.id, session);
  const protocolVersion = SESSION_VERSIONS.includes(params.protocolVersion) ? params.protocolVersion : SESSION_VERSIONS[0];
  const result = { jsonrpc: '2.0', id, result: { protocolVersion, capabilities: OFFERED, serverInfo: SERVER } };
  const headers = { 'mcp-session-id': session.id };
  if (!prefersStream(request.headers)) return json(response, 200, result, headers);
  const stream = opened(session, response, headers);
  stream.send(result);
  return stream.end();
}

function known(headers) {
  const id = headers['mcp-session-id'];
  if (id === undefined) throw new Refusal(-32600, 'Mcp-Session-Id is missing', { status: 400 });
  const session = sessions.get(id);
  if (!session) throw new Refusal(-32001, 'there is no such session', { status: 404 });
  return session;
}

// A stream of its own, or the rest of one that the client lost.
function takeUp(session, request, response) {
  const last = request.headers['last-event-id'];
  if (last === undefined) return opened(session, response);
  const [name, number] = last.split('/');
  const stream = session.streams.get(name);
  if (!stream) throw invalid('there is no such event', undefined, 404);
  return stream.attach(response, Number(number));
}

function end(session, response) {
  sessions.delete(session.id);
  session.streams.forEach((stream) => stream.end());
  response.writeHead(204).end();
}

function opened(session, response, headers) {
  const stream = new Stream(randomUUID());
  session.streams.set(stream.name, stream);
  stream.attach(response, 0, headers);
  stream.prime(RETRY_MS);
  return stream;
}

async function answer(session, request, response, { id, method, params = {} }) {
  const run = METHODS.get(method);
  if (!run) throw new Refusal(-32601, `there is no method ${method}`);
  let stream;
  const open = () => (stream ??= opened(session, response));
  if (prefersStream(request.headers)) open();
  let told;
  try {
    told = { jsonrpc: '2.0', id, result: await run(asked(session, params, open)) };
  } catch (error) {
    told = refusal(id, error);
  }
  if (!stream) return json(response, 200, told);
  stream.send(told);
  return stream.end();
}

// A call as the methods see it.
function asked(session, { _meta: meta = {}, ...params }, open) {
  const notify = (method, said) => open().send({ jsonrpc: '2.0', method, params: said });
  const log = (level, data) => LEVELS.indexOf(level) >= session.level && notify('notifications/message', { level, data });
  const hangUp = () => open().detach();
  return { session, params, meta, notify, log, capabilities: session.capabilities, ask: asking(session, open), hangUp };
}

// Asks the client on the stream of its own call, and waits for the answer, which comes as a POST.
function asking(session, open) {
  return (capability, method, params) => {
    if (!session.capabilities[capability]) throw new Error(`the client does not offer ${capability}`);
    const id = randomUUID();
    return new Promise((answered, refused) => {
      session.asked.set(id, ({ result, error }) => {
        session.asked.delete(id);
        if (error) refused(new Error(error.message));
        else answered(result);
      });
      open().send({ jsonrpc: '2.0', id, method, params });
    });
  };
}

function setLevel({ session, params }) {
  const level = LEVELS.indexOf(params.level);
  if (level < 0) throw invalid(`there is no level ${params.level}`);
  session.level = level;
  return {};
}
