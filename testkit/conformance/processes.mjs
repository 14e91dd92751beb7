// Programs that run beside the suite, until it is over.

import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

const running = new Set();

// Starts one, and waits until it has said so.
export async function program([path, words], options, ready) {
  const child = spawn(path, words, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const heard = { said: '', waiting: new Set() };
  const hear = (bytes) => {
    heard.said += bytes;
    heard.waiting.forEach((look) => look());
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  child.on('error', (error) => hear(`${error}`));
  const until = (words, patience = 60_000) =>
    new Promise((found, lost) => {
      const give = (done, value) => {
        clearTimeout(clock);
        heard.waiting.delete(look);
        child.off('exit', ended);
        done(value);
      };
      const look = () => heard.said.includes(words) && give(found, heard.said);
      const ended = () => give(lost, new Error(`${path} ended before it said ${words}:\n${heard.said}`));
      const clock = setTimeout(() => give(lost, new Error(`${path} never said ${words}:\n${heard.said}`)), patience);
      heard.waiting.add(look);
      child.on('exit', ended);
      look();
    });
  await until(ready);
  return { until, stop: () => child.kill() };
}

export function stopAll() {
  running.forEach((child) => child.kill());
}

export async function freePort() {
  const server = createServer();
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}
