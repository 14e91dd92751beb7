// The era of 2026-07-28: every request stands by itself, and says its version and what its client can do.
//
// 1. the version, in header and body alike; 2. headers that mirror the body; 3. the method, or 404; 4. the answer, as one body, or as a
//    stream where there is more to say; 5. marks that every result carries: its kind, who says it, and how long a list may be kept.

import { methods } from './methods.mjs';
import { mirrored } from './mirrored.mjs';
import { LEVELS, Refusal, SERVER, Stream, VERSION_KEY, failed, invalid, json, prefersStream, refusal } from './protocol.mjs';
import { listen } from './subscriptions.mjs';
import { TASKS, taskMethods } from './tasks.mjs';

const SUPPORTED = ['2026-07-28'];
const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';
const LISTS = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'];
const CACHEABLE = new Set(['server/discover', 'resources/read', ...LISTS]);

const OFFERED = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { subscribe: true },
  completions: {},
  logging: {},
  extensions: { [TASKS]: {} },
};

const METHODS = new Map([
  ['server/discover', () => ({ supportedVersions: SUPPORTED, capabilities: OFFERED })],
  ['subscriptions/listen', listen],
  ...methods('stateless'),
  ...taskMethods,
]);

export async function stateless(request, response, message) {
  if (request.method !== 'POST') return json(response, 405, {}, { allow: 'POST' });
  const { id, method, params } = message;
  try {
    if (typeof method !== 'string') throw new Refusal(-32600, 'nothing is asked here', { status: 400 });
    if (id === undefined) return response.writeHead(202).end();
    rightVersion(request.headers, params?._meta ?? {});
    mirrored(request.headers, method, params);
    const run = METHODS.get(method);
    if (!run) throw new Refusal(-32601, `there is no method ${method}`, { status: 404 });
    return await answer(request, response, message, run);
  } catch (error) {
    return failed(response, id ?? null, error);
  }
}

function rightVersion(headers, meta) {
  const named = headers['mcp-protocol-version'];
  if (named === undefined) throw new Refusal(-32020, 'MCP-Protocol-Version is missing', { status: 400 });
  for (const key of [VERSION_KEY, CAPABILITIES_KEY]) {
    if (meta[key] === undefined) throw invalid(`_meta lacks ${key}`, undefined, 400);
  }
  const requested = meta[VERSION_KEY];
  if (named !== requested) throw new Refusal(-32020, 'MCP-Protocol-Version and the body name two versions', { status: 400 });
  if (SUPPORTED.includes(requested)) return;
  throw new Refusal(-32022, `version ${requested} is not spoken here`, { status: 400, data: { supported: SUPPORTED, requested } });
}

async function answer(request, response, { id, method, params }, run) {
  let stream;
  const open = () => {
    if (stream) return;
    stream = new Stream();
    stream.attach(response);
  };
  const say = (name, said) => {
    open();
    stream.send({ jsonrpc: '2.0', method: name, params: said });
  };
  const result = (value) => ({ jsonrpc: '2.0', id, result: marked(method, value) });
  if (prefersStream(request.headers)) open();
  const call = asked(id, params, say);
  const gone = new Promise((done) => response.on('close', done));
  try {
    const value = await run({ ...call, open, gone });
    if (stream) stream.send(result(value));
    else json(response, 200, result(value));
  } catch (error) {
    if (!stream) throw error;
    stream.send(refusal(id, error));
  }
  stream?.end();
}

// A call as the methods see it.
function asked(id, { _meta: meta, ...params }, notify) {
  const wanted = LEVELS.indexOf(meta['io.modelcontextprotocol/logLevel']);
  const log = (level, data) => wanted >= 0 && LEVELS.indexOf(level) >= wanted && notify('notifications/message', { level, data });
  return { id, params, meta, notify, log, capabilities: meta[CAPABILITIES_KEY], stateless: true };
}

function marked(method, value) {
  const kept = CACHEABLE.has(method) ? { ttlMs: 1000, cacheScope: 'public' } : {};
  return { resultType: 'complete', ...kept, ...value, _meta: { 'io.modelcontextprotocol/serverInfo': SERVER, ...value._meta } };
}
