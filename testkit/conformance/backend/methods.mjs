// The methods that both eras have.

import { invalid } from './protocol.mjs';
import { completed, prompts } from './prompts.mjs';
import { RESOURCES, TEMPLATES, read } from './resources.mjs';
import { tools } from './tools.mjs';

export function methods(era) {
  const [offered, prompting] = [tools(era), prompts(era)];
  return [
    ['tools/list', () => ({ tools: offered.map(({ run, ...shown }) => shown) })],
    ['tools/call', (call) => use(offered, call)],
    ['resources/list', () => ({ resources: RESOURCES.map(({ contents, ...shown }) => shown) })],
    ['resources/templates/list', () => ({ resourceTemplates: TEMPLATES })],
    ['resources/read', read],
    ['prompts/list', () => ({ prompts: prompting.map(({ run, ...shown }) => shown) })],
    ['prompts/get', (call) => named(prompting, call).run(call)],
    ['completion/complete', completed],
  ];
}

// What a tool fails at is its result, for the model to read; what was asked wrongly is an error.
async function use(offered, call) {
  const tool = named(offered, call);
  try {
    return await tool.run({ ...call, args: call.params.arguments ?? {} });
  } catch (error) {
    if (error.code !== undefined) throw error;
    return { content: [{ type: 'text', text: error.message }], isError: true };
  }
}

function named(all, { params }) {
  const found = all.find(({ name }) => name === params.name);
  if (!found) throw invalid(`there is nothing called ${params.name}`);
  return found;
}
