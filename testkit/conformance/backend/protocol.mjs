// What both eras say in the same words: results, refusals, and events on a stream.

export const SERVER = { name: 'conformance-backend', version: '1.0.0' };
export const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
export const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

// An error that the client is told as it is, and with which status, where nothing was sent yet.
export class Refusal extends Error {
  constructor(code, message, { status = 200, data } = {}) {
    super(message);
    Object.assign(this, { code, status, data });
  }
}

export const invalid = (message, data, status) => new Refusal(-32602, message, { data, status });

export function refusal(id, error) {
  const { code = -32603, data } = error;
  const told = { code, message: error.message, ...(data === undefined ? {} : { data }) };
  return { jsonrpc: '2.0', ...(id === null ? {} : { id }), error: told };
}

export function failed(response, id, error) {
  if (response.headersSent) return response.end();
  return json(response, error.status ?? 500, refusal(id, error));
}

export function json(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

// A stream of events. One with a name numbers them and keeps what it said, so that a client who lost it can take it up again.
export class Stream {
  #response;
  #over = false;
  #said = [];

  constructor(name) {
    this.name = name;
  }

  // Says on this connection what comes after the event of that number.
  attach(response, after, headers = {}) {
    this.#response = response;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', ...headers });
    response.flushHeaders();
    this.#said.slice(after).forEach((event) => response.write(event));
    if (this.#over) response.end();
  }

  // An empty event first: by its number a client can come back even if nothing else arrived.
  prime(retry) {
    this.#say(`id: ${this.name}/${this.#said.length + 1}\nretry: ${retry}\ndata: \n\n`);
  }

  send(message) {
    const number = this.name ? `id: ${this.name}/${this.#said.length + 1}\n` : '';
    this.#say(`${number}event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }

  // Leaves the client, but goes on keeping what there is to say.
  detach() {
    this.#response?.end();
    this.#response = undefined;
  }

  end() {
    this.#over = true;
    this.detach();
  }

  #say(event) {
    if (this.name) this.#said.push(event);
    this.#response?.write(event);
  }
}

// What a client would rather have, a stream or one JSON body: the one it names first.
export function prefersStream({ accept = '' }) {
  const [stream, body] = ['text/event-stream', 'application/json'].map((type) => accept.indexOf(type));
  return stream >= 0 && (body < 0 || stream < body);
}

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
