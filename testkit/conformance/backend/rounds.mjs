// Tools of the stateless era that need the client's answer: they end with what they ask, and are called again with the answers.
// What must be remembered between the rounds travels with the client, signed, since nothing is kept here.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

import { text } from './content.mjs';
import { Refusal, invalid } from './protocol.mjs';

const KEY = randomBytes(32);

// What may be asked: its method, the capability it needs, and whether an answer is one.
const accepted = (answer) => answer?.action === 'accept' && typeof answer.content === 'object';
const form = (properties) => ({ type: 'object', properties, required: Object.keys(properties) });
const elicitation = (message, properties) => ({
  capability: 'elicitation',
  request: { method: 'elicitation/create', params: { message, requestedSchema: form(properties) } },
  answered: accepted,
});
const sampling = (asked) => ({
  capability: 'sampling',
  request: { method: 'sampling/createMessage', params: { messages: [{ role: 'user', content: text(asked) }], maxTokens: 50 } },
  answered: (answer) => answer?.content !== undefined,
});
const ROOTS = { capability: 'roots', request: { method: 'roots/list', params: {} }, answered: (answer) => Array.isArray(answer?.roots) };

const STRING = { type: 'string' };
const NAME = { user_name: elicitation('What is your name?', { name: STRING }) };
const CAPITAL = { capital_question: sampling('What is the capital of France?') };
const CONFIRM = { confirm: elicitation('Please confirm', { ok: { type: 'boolean' } }) };
const CONTEXT = { user_context: elicitation('What context should the prompt use?', { context: STRING }) };
const LISTED = { client_roots: ROOTS };
const ALL = { ...NAME, ...LISTED, greeting: sampling('Greet somebody') };
const COLOR = { step2: elicitation('And your favorite color?', { color: STRING }) };

export const ROUNDS = [
  asks('elicitation', 'Asks for a name', NAME, ({ user_name: { content } }) => `Hello, ${content.name}!`),
  asks('sampling', "Asks the client's model", CAPITAL, ({ capital_question: { content } }) => content.text),
  asks('list_roots', "Asks for the client's roots", LISTED, ({ client_roots: { roots } }) => roots.map(({ uri }) => uri).join(' ')),
  asks('request_state', 'Asks, and knows its own state again', CONFIRM, () => 'state-ok', { state: 'confirm' }),
  asks('multiple_inputs', 'Asks three things at once', ALL, ({ user_name: { content } }) => `Thanks, ${content.name}.`, { state: 'all' }),
  asks('tampered_state', 'Refuses a state that is not its own', CONFIRM, () => 'untouched', { state: 'sealed' }),
  asks('capabilities', 'Asks only what the client can answer', ALL, () => 'answered', { within: true }),
  named('test_input_required_result_multi_round', 'Asks twice, one after the other', twice),
  named('test_streaming_elicitation', 'Asks at the end of a stream', (call) => {
    call.open();
    return needed(call, NAME) ?? { content: [text('Answered.')] };
  }),
];

export const ROUND_PROMPT = {
  name: 'test_input_required_result_prompt',
  description: 'Asks what it is about',
  run: (call) =>
    needed(call, CONTEXT) ?? { messages: [{ role: 'user', content: text(call.params.inputResponses.user_context.content.context) }] },
};

// Asks for a name, for those that go on with it.
export function nameOf(call) {
  const asked = needed(call, NAME);
  return asked ? { asked } : { name: call.params.inputResponses.user_name.content.name };
}

// An input request as a task shows it.
export const question = (message, properties) => elicitation(message, properties).request;

function named(name, description, run) {
  return { name, description, run };
}

function asks(name, description, wanted, told, { state, within = false } = {}) {
  return named(`test_input_required_result_${name}`, description, (call) => {
    const asked = within ? able(call, wanted) : wanted;
    return needed(call, asked, state) ?? { content: [text(told(call.params.inputResponses))] };
  });
}

function able({ capabilities }, wanted) {
  return Object.fromEntries(Object.entries(wanted).filter(([, { capability }]) => capabilities[capability]));
}

// What is still to be asked, or nothing where everything is answered.
function needed(call, wanted, state) {
  const { inputResponses, requestState } = call.params;
  if (requestState !== undefined && opened(call, requestState) !== state) throw invalid('this state belongs to another round');
  const missing = Object.entries(wanted).filter(([key, { answered }]) => !answered(inputResponses?.[key]));
  if (missing.length === 0 && (state === undefined || requestState !== undefined)) return undefined;
  for (const [, { capability }] of missing) {
    const data = { requiredCapabilities: { [capability]: {} } };
    if (!call.capabilities[capability]) throw new Refusal(-32021, `this needs a client that offers ${capability}`, { status: 400, data });
  }
  const inputRequests = Object.fromEntries(Object.entries(wanted).map(([key, { request }]) => [key, request]));
  return { resultType: 'input_required', inputRequests, ...(state === undefined ? {} : { requestState: sealed(call, state) }) };
}

function twice(call) {
  const { requestState, inputResponses } = call.params;
  const before = requestState === undefined ? '' : opened(call, requestState);
  const name = before.startsWith('second:') ? before.slice('second:'.length) : undefined;
  if (name === undefined) {
    const first = needed(call, { step1: NAME.user_name }, 'first');
    return first ?? needed({ ...call, params: { name: call.params.name } }, COLOR, `second:${inputResponses.step1.content.name}`);
  }
  return needed(call, COLOR, before) ?? { content: [text(`${name} likes ${inputResponses.step2.content.color}.`)] };
}

function sealed({ params }, state) {
  const said = Buffer.from(JSON.stringify([params.name, state])).toString('base64url');
  return `${said}.${signature(said)}`;
}

function opened({ params }, token) {
  const [said, signed, ...rest] = `${token}`.split('.');
  const [given, expected] = [signed ?? '', signature(said)].map((value) => Buffer.from(value));
  if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) throw invalid('this state was changed');
  const [name, state] = JSON.parse(Buffer.from(said, 'base64url'));
  if (name !== params.name) throw invalid('this state belongs to another call');
  return state;
}

function signature(said) {
  return createHmac('sha256', KEY).update(said).digest('base64url');
}
