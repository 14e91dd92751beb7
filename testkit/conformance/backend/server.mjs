// The server that stands behind the gateway while the suite runs: whole in both eras of MCP, so that whatever fails was lost on the way.
// It owns the listener, who may ask at all, and which era a request belongs to.
//
// 1. only from this computer, by a name of this computer: a page that rebinds its name gets nothing; 2. read the body; 3. hand it on:
//    a request that brings its own version and capabilities is of the stateless era, all else belongs to a session.

import { createServer } from 'node:http';

import { Refusal, VERSION_KEY, failed, json } from './protocol.mjs';
import { SESSION_VERSIONS, bySession } from './session_era.mjs';
import { stateless } from './stateless_era.mjs';

const LOCAL = new Set(['localhost', '127.0.0.1', '[::1]']);

// Listens on loopback until the process that asked for it ends. Gives its address.
export async function backend() {
  const server = createServer((request, response) => {
    serve(request, response).catch((error) => failed(response, null, error));
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return `http://127.0.0.1:${server.address().port}/mcp`;
}

async function serve(request, response) {
  if (!local(request.headers)) throw new Refusal(-32600, 'this server answers only to names of this computer', { status: 403 });
  if (request.url !== '/mcp') return json(response, 404, {});
  const message = request.method === 'POST' ? await read(request) : undefined;
  return ofSession(request.headers, message) ? bySession(request, response, message) : stateless(request, response, message);
}

function local({ host, origin }) {
  const named = (address) => URL.canParse(address) && LOCAL.has(new URL(address).hostname);
  return named(`http://${host}`) && (origin === undefined || named(origin));
}

function ofSession(headers, message) {
  if (message?.params?._meta?.[VERSION_KEY] !== undefined) return false;
  const version = headers['mcp-protocol-version'];
  return version === undefined || SESSION_VERSIONS.includes(version);
}

async function read(request) {
  const chunks = await request.toArray();
  const message = parsed(Buffer.concat(chunks));
  if (typeof message === 'object' && message !== null && !Array.isArray(message)) return message;
  throw new Refusal(-32600, 'the body is not one message', { status: 400 });
}

function parsed(bytes) {
  try {
    return JSON.parse(bytes);
  } catch {
    throw new Refusal(-32700, 'the body is not JSON', { status: 400 });
  }
}
