// Tools of the session era that ask the client back while they run.

import { text } from './content.mjs';

const titled = (...names) => names.map((name, at) => ({ const: `value${at + 1}`, title: name }));
const OPTIONS = ['option1', 'option2', 'option3'];

const PERSON = {
  username: { type: 'string', description: 'What you are called' },
  email: { type: 'string', description: 'Where mail reaches you' },
};

// A default of every simple type.
const DEFAULTS = {
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
};

// Every way to write a choice.
const CHOICES = {
  untitledSingle: { type: 'string', enum: OPTIONS },
  titledSingle: { type: 'string', oneOf: titled('One', 'Two', 'Three') },
  legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['One', 'Two', 'Three'] },
  untitledMulti: { type: 'array', items: { type: 'string', enum: OPTIONS } },
  titledMulti: { type: 'array', items: { anyOf: titled('One', 'Two', 'Three') } },
};

export const ASKING = [
  {
    name: 'test_sampling',
    description: "Asks the client's model",
    inputSchema: { type: 'object', properties: { prompt: { type: 'string' } }, required: ['prompt'] },
    run: async ({ args, ask }) => {
      const messages = [{ role: 'user', content: text(args.prompt) }];
      const { content } = await ask('sampling', 'sampling/createMessage', { messages, maxTokens: 100 });
      return { content: [text(`The model said: ${content.text}`)] };
    },
  },
  {
    name: 'test_elicitation',
    description: 'Asks the person who they are',
    inputSchema: { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] },
    run: ({ args, ask }) => elicited(ask, args.message, PERSON, ['username', 'email']),
  },
  {
    name: 'test_elicitation_sep1034_defaults',
    description: 'Asks the person, with a default for everything',
    run: ({ ask }) => elicited(ask, 'Is this right?', DEFAULTS),
  },
  {
    name: 'test_elicitation_sep1330_enums',
    description: 'Asks the person to choose',
    run: ({ ask }) => elicited(ask, 'Which ones?', CHOICES),
  },
];

async function elicited(ask, message, properties, required = []) {
  const requestedSchema = { type: 'object', properties, required };
  const { action, content } = await ask('elicitation', 'elicitation/create', { message, requestedSchema });
  return { content: [text(`The person answered: ${action}, ${JSON.stringify(content)}`)] };
}
