// The resources: a text, a picture, one to watch, and a template.

import { PNG } from './content.mjs';
import { Refusal, invalid } from './protocol.mjs';

export const RESOURCES = [
  resource('test://static-text', 'text', 'text/plain', { text: 'This is the content of the static text resource.' }),
  resource('test://static-binary', 'picture', 'image/png', { blob: PNG }),
  resource('test://watched-resource', 'watched', 'text/plain', { text: 'Nothing has changed.' }),
];

export const TEMPLATES = [
  { uriTemplate: 'test://template/{id}/data', name: 'data', description: 'Data of an id', mimeType: 'application/json' },
];

export function read({ params: { uri }, stateless }) {
  const found = RESOURCES.find((one) => one.uri === uri)?.contents ?? templated(uri);
  if (found) return { contents: [found] };
  throw stateless ? invalid('there is no such resource', { uri }) : new Refusal(-32002, 'there is no such resource', { data: { uri } });
}

function templated(uri) {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  return id && { uri, mimeType: 'application/json', text: JSON.stringify({ id }) };
}

function resource(uri, name, mimeType, content) {
  return { uri, name, description: `The ${name}`, mimeType, contents: { uri, mimeType, ...content } };
}
