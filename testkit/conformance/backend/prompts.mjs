// The prompts, and how their arguments are completed.

import { embedded, image, text } from './content.mjs';
import { invalid } from './protocol.mjs';
import { ROUND_PROMPT } from './rounds.mjs';

const WORDS = ['paris', 'park', 'party', 'test', 'testament'];

const PROMPTS = [
  prompt('test_simple_prompt', 'A line of text', [], () => [text('This is a simple prompt for testing.')]),
  prompt('test_prompt_with_arguments', 'Says its arguments', ['arg1', 'arg2'], ({ arg1, arg2 }) => [text(`Of '${arg1}' and '${arg2}'.`)]),
  prompt('test_prompt_with_embedded_resource', 'Holds a resource', ['resourceUri'], ({ resourceUri }) => [
    embedded(resourceUri, 'text/plain', 'Embedded.'),
    text('What does it say?'),
  ]),
  prompt('test_prompt_with_image', 'Holds a picture', [], () => [image(), text('What does it show?')]),
];

export function prompts(era) {
  return era === 'stateless' ? [...PROMPTS, ROUND_PROMPT] : PROMPTS;
}

export function completed({ params }) {
  const values = WORDS.filter((word) => word.startsWith(params.argument.value));
  return { completion: { values, total: values.length, hasMore: false } };
}

function prompt(name, description, required, contents) {
  const run = ({ params: { arguments: given = {} } }) => {
    const missing = required.find((argument) => given[argument] === undefined);
    if (missing) throw invalid(`the argument ${missing} is missing`);
    return { messages: contents(given).map((content) => ({ role: 'user', content })) };
  };
  return { name, description, arguments: required.map((argument) => ({ name: argument, required: true })), run };
}
