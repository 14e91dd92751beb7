// The tools, by era: what they show, how they run, and what they tell meanwhile. Those that need the client's answer have files of
// their own.

import { ASKING } from './asking.mjs';
import { audio, embedded, image, text } from './content.mjs';
import { Refusal, pause } from './protocol.mjs';
import { ROUNDS } from './rounds.mjs';
import { changed } from './subscriptions.mjs';
import { TASK_TOOLS } from './tasks.mjs';

const NOTHING = { type: 'object', properties: {} };

// Keywords of JSON Schema that whoever rebuilds a schema would drop.
const RICH_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { $anchor: 'place', type: 'object', properties: { town: { type: 'string' } } } },
  properties: { mail: { type: 'string' }, home: { $ref: '#/$defs/address' } },
  allOf: [{ anyOf: [{ required: ['mail'] }, { required: ['home'] }] }],
  if: { required: ['home'] },
  then: { properties: { home: { required: ['town'] } } },
  else: { required: ['mail'] },
  additionalProperties: false,
};

const SHOWING = [
  shows('test_simple_text', 'A line of text', () => [text('This is a simple text response for testing.')]),
  shows('test_image_content', 'A picture', () => [image()]),
  shows('test_audio_content', 'A sound', () => [audio()]),
  shows('test_embedded_resource', 'A resource within the answer', () => [embedded('test://embedded-resource', 'text/plain', 'Embedded.')]),
  shows('test_multiple_content_types', 'Text, a picture and a resource', () => [
    text('Three kinds of content:'),
    image(),
    embedded('test://mixed-content-resource', 'application/json', '{"kinds":3}'),
  ]),
  shows('greet', 'Greets somebody', ({ args }) => [text(`Hello, ${args.name}!`)], { name: { type: 'string' } }),
  tool('json_schema_2020_12_tool', 'Takes what a rich schema describes', () => ({ content: [text('taken')] }), RICH_SCHEMA),
];

const TELLING = [
  tool('test_error_handling', 'Fails', () => {
    throw new Error('This tool fails whenever it is called.');
  }),
  tool('test_tool_with_progress', 'Tells how far it has come', async ({ meta, notify }) => {
    for (const progress of [0, 50, 100]) {
      if (meta.progressToken !== undefined) notify('notifications/progress', { progressToken: meta.progressToken, progress, total: 100 });
      await pause(20);
    }
    return { content: [text('It has come all the way.')] };
  }),
  tool('test_tool_with_logging', 'Logs while it runs', logging),
];

const SESSION = [
  tool('test_reconnection', 'Closes its stream before it is done, and goes on', async ({ hangUp }) => {
    hangUp();
    await pause(50);
    return { content: [text('Told to whoever came back.')] };
  }),
];

const STATELESS = [
  tool('test_logging_tool', 'Logs where the call wants to hear it', logging),
  tool('test_missing_capability', 'Needs a client that samples', ({ capabilities }) => {
    const needed = { requiredCapabilities: { sampling: {} } };
    if (!capabilities.sampling) throw new Refusal(-32021, 'this tool needs a client that samples', { status: 400, data: needed });
    return { content: [text('It samples.')] };
  }),
  changes('test_trigger_tool_change', 'Announces other tools', 'toolsListChanged'),
  changes('test_trigger_prompt_change', 'Announces other prompts', 'promptsListChanged'),
  shows('test_mirrored_argument', 'Has its argument in a header too', ({ args }) => [text(`In ${args.region}.`)], {
    region: { type: 'string', 'x-mcp-header': 'Region' },
  }),
];

const BY_ERA = {
  session: [...SHOWING, ...TELLING, ...SESSION, ...ASKING],
  stateless: [...SHOWING, ...TELLING, ...STATELESS, ...ROUNDS, ...TASK_TOOLS],
};

export function tools(era) {
  return BY_ERA[era].map((one) => ({ inputSchema: NOTHING, ...one }));
}

function tool(name, description, run, inputSchema = NOTHING) {
  return { name, description, inputSchema, run };
}

function shows(name, description, contents, properties = {}) {
  return tool(name, description, (call) => ({ content: contents(call) }), { type: 'object', properties });
}

function changes(name, description, list) {
  return tool(name, description, () => {
    changed(list);
    return { content: [text('Announced.')] };
  });
}

async function logging({ log }) {
  for (const said of ['begun', 'under way', 'done']) {
    log('info', said);
    await pause(20);
  }
  return { content: [text('Logged.')] };
}
