// Stands in front of the gateway, adds a token, and passes all else on as it comes: the suite has no way to send one.

import { Agent, createServer, request } from 'node:http';

export async function bearing({ port, to, tokens }) {
  let kept = { until: 0 };
  const newest = async () => {
    if (Date.now() > kept.until) {
      const { access_token: token, expires_in: life } = await tokens();
      kept = { token, until: Date.now() + (life * 1000) / 2 };
    }
    return kept.token;
  };
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  const server = createServer(async (asked, answer) => {
    const headers = ['authorization', `Bearer ${await newest()}`];
    for (let at = 0; at < asked.rawHeaders.length; at += 2) {
      if (asked.rawHeaders[at].toLowerCase() !== 'authorization') headers.push(asked.rawHeaders[at], asked.rawHeaders[at + 1]);
    }
    const onward = request({ host: '127.0.0.1', port: to, method: asked.method, path: asked.url, headers, agent });
    onward.on('response', (answered) => {
      answer.writeHead(answered.statusCode, answered.rawHeaders);
      answer.flushHeaders();
      answered.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    asked.pipe(onward);
  });
  await new Promise((ready) => server.listen(port, '127.0.0.1', ready));
}
