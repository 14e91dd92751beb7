// Streams of changes, of the stateless era: each hears what it asked for and nothing else, under the id of the request that opened it.

const LISTS = { toolsListChanged: 'notifications/tools/list_changed', promptsListChanged: 'notifications/prompts/list_changed' };
const listening = new Set();

export async function listen({ id, params, notify, gone }) {
  const filter = params.notifications ?? {};
  const granted = Object.fromEntries(Object.keys(LISTS).flatMap((list) => (filter[list] ? [[list, true]] : [])));
  const hear = (method, said = {}) => notify(method, { ...said, _meta: { 'io.modelcontextprotocol/subscriptionId': id } });
  const one = { granted, hear };
  hear('notifications/subscriptions/acknowledged', { notifications: granted });
  listening.add(one);
  await gone;
  listening.delete(one);
  return { _meta: { 'io.modelcontextprotocol/subscriptionId': id } };
}

export function changed(list) {
  for (const { granted, hear } of listening) if (granted[list]) hear(LISTS[list]);
}
