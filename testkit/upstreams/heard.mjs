// Loaded into a Node.js server before it begins (`node --import`): tells what each HTTP request to it carried, as a line of JSON.

import { subscribe } from 'node:diagnostics_channel';

subscribe('http.server.request.start', ({ request }) => {
  const { method, headers } = request;
  console.log(`heard ${JSON.stringify({ method, headers })}`);
});
