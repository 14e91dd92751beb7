// The extension of tasks: a call that takes long is answered by a task, which the client then asks about, answers, or cancels.

import { randomUUID } from 'node:crypto';

import { text } from './content.mjs';
import { Refusal, invalid, pause } from './protocol.mjs';
import { nameOf, question } from './rounds.mjs';

export const TASKS = 'io.modelcontextprotocol/tasks';
const tasks = new Map();
const BOOLEAN = { confirm: { type: 'boolean' } };

export const taskMethods = [
  ['tasks/get', (call) => shown(known(call))],
  ['tasks/update', (call) => acknowledged(known(call), (task) => task.hear(call.params.inputResponses))],
  ['tasks/cancel', (call) => acknowledged(known(call), (task) => task.settle({ status: 'cancelled' }))],
];

export const TASK_TOOLS = [
  {
    name: 'slow_compute',
    description: 'Takes as many seconds as it is told',
    inputSchema: { type: 'object', properties: { seconds: { type: 'number' }, label: { type: 'string' } } },
    run: (call) => (declared(call) ? task(() => computed(call)) : computed(call)),
  },
  only('failing_job', 'Fails, and says so in its result', async () => {
    await pause(100);
    return { content: [text('The job failed.')], isError: true };
  }),
  only('protocol_error_job', 'Fails without a result', async () => {
    throw new Refusal(-32603, 'the job broke off');
  }),
  only('confirm_delete', 'Asks before it is done', async (_, ask) => {
    const [{ content }] = await ask({ confirm: question('Delete it?', BOOLEAN) });
    return { content: [text(content?.confirm ? 'Deleted.' : 'Kept.')] };
  }),
  only('multi_input', 'Asks two things at once', async (_, ask) => {
    const answers = await ask({ first: question('The first?', BOOLEAN), second: question('The second?', BOOLEAN) });
    return { content: [text(`${answers.length} answers.`)] };
  }),
  {
    name: 'test_tool_with_task',
    description: 'Asks for a name, then works on its own',
    run: (call) => {
      required(call);
      const { asked, name } = nameOf(call);
      return asked ?? task(async () => ({ content: [text(`Done for ${name}.`)] }));
    },
  },
];

function only(name, description, work) {
  const run = (call) => {
    required(call);
    return task((ask) => work(call, ask));
  };
  return { name, description, run };
}

async function computed({ args }) {
  await pause((args.seconds ?? 0) * 1000);
  return { content: [text(`${args.label}: computed.`)] };
}

// Begins the work, and tells of it before it is done.
function task(work) {
  const now = new Date().toISOString();
  const shown = { taskId: randomUUID(), status: 'working', createdAt: now, lastUpdatedAt: now, ttlMs: 600_000, pollIntervalMs: 100 };
  const one = { shown, settle, hear: () => {} };
  tasks.set(shown.taskId, one);
  work(asking(one)).then(
    (result) => settle({ status: 'completed', result: { resultType: 'complete', ...result } }),
    ({ code = -32603, message }) => settle({ status: 'failed', error: { code, message } }),
  );
  return { resultType: 'task', ...shown };

  // The first end is the last.
  function settle(end) {
    if (['completed', 'failed', 'cancelled'].includes(one.shown.status)) return;
    const { inputRequests, ...rest } = one.shown;
    one.shown = { ...rest, ...end, lastUpdatedAt: new Date().toISOString() };
  }
}

// Waits until all that is asked is answered, in whatever order and in how many posts.
function asking(one) {
  return (inputRequests) =>
    new Promise((answered) => {
      const answers = {};
      one.shown = { ...one.shown, status: 'input_required', inputRequests };
      one.hear = (given = {}) => {
        const left = Object.keys(one.shown.inputRequests ?? {});
        left.filter((key) => given[key]).forEach((key) => (answers[key] = given[key]));
        const open = left.filter((key) => !given[key]);
        const { inputRequests: all, ...rest } = one.shown;
        if (open.length > 0) one.shown = { ...rest, inputRequests: Object.fromEntries(open.map((key) => [key, all[key]])) };
        else if (left.length > 0) {
          one.shown = { ...rest, status: 'working' };
          answered(Object.keys(inputRequests).map((key) => answers[key]));
        }
      };
    });
}

function shown(one) {
  return { ...one.shown };
}

function acknowledged(one, act) {
  act(one);
  return {};
}

function known(call) {
  required(call);
  const found = tasks.get(call.params.taskId);
  if (!found) throw invalid('there is no such task', { taskId: call.params.taskId });
  return found;
}

function declared({ capabilities }) {
  return capabilities.extensions?.[TASKS] !== undefined;
}

function required(call) {
  const data = { requiredCapabilities: { extensions: { [TASKS]: {} } } };
  if (!declared(call)) throw new Refusal(-32021, 'this needs a client that knows tasks', { status: 400, data });
}
