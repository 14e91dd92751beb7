// Headers that repeat what the body says, so that whoever routes need not read it: they say the same, or the request is refused.

import { Refusal } from './protocol.mjs';
import { tools } from './tools.mjs';

// Which parameter names what a method is about.
const NAMES = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
]);
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function mirrored(headers, method, params) {
  same(headers, 'Mcp-Method', method);
  if (NAMES.has(method)) same(headers, 'Mcp-Name', params[NAMES.get(method)]);
  if (method !== 'tools/call') return;
  const { properties = {} } = tools('stateless').find(({ name }) => name === params.name)?.inputSchema ?? {};
  for (const [property, schema] of Object.entries(properties)) {
    const header = schema['x-mcp-header'];
    if (header !== undefined) same(headers, `Mcp-Param-${header}`, params.arguments?.[property]);
  }
}

function same(headers, header, said) {
  const value = decoded(headers[header.toLowerCase()], header);
  const expected = said === undefined || said === null ? undefined : String(said);
  if (value !== expected) throw mismatch(`${header} and the body differ`);
}

// What no header can hold is written `=?base64?…?=`; anything else means itself.
function decoded(value, header) {
  const wrapped = /^=\?base64\?(.*)\?=$/s.exec(value ?? '')?.[1];
  if (wrapped === undefined) return value;
  if (!BASE64.test(wrapped)) throw mismatch(`${header} is not proper base64`);
  return Buffer.from(wrapped, 'base64').toString('utf8');
}

function mismatch(message) {
  return new Refusal(-32020, message, { status: 400 });
}
