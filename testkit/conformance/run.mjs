// The MCP conformance suite, unmodified, twice at a server of ours: alone, where all that is scored must pass, and through the gateway.
// What passes alone and fails through the gateway is lost. Then the suite's scenarios for authorization servers, at the issuer.
//
//   node run.mjs CHANCERY RESULTS.json
//
// 1. start what stands behind, the gateway, and a bearer in front of it, since the suite has no way to send a token;
// 2. for each set of requirements: the suite alone, the suite through; 3. the demo's issuer, with alice deciding; 4. write what was seen.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { backend } from './backend/server.mjs';
import { bearing } from './bearer.mjs';
import { following } from './browser.mjs';
import { freePort, program, stopAll } from './processes.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const REVISIONS = ['2025-11-25', '2026-07-28'];
const SECRET = 'a-secret-that-only-this-run-knows-0123456789abcdef';
const require = createRequire(import.meta.url);
const MANIFEST = join(HERE, 'node_modules/@modelcontextprotocol/conformance/package.json');
const SUITE = join(dirname(MANIFEST), 'dist/index.js');

const [chancery, results] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'chancery-conformance-'));
let code = 1;
try {
  const server = await serverScenarios();
  const authorization = await authorizationScenarios();
  const seen = { suite: require(MANIFEST).version, node: process.versions.node, server, authorization };
  writeFileSync(results, text(seen));
  code = 0;
} catch (error) {
  console.error(error);
} finally {
  stopAll();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(code);

async function serverScenarios() {
  const behind = await backend();
  const front = await gateway(behind);
  const all = [];
  for (const revision of REVISIONS) {
    const alone = await suite(`${revision}-alone`, ['server', '--url', behind, '--requirements', revision]);
    const through = await suite(`${revision}-through`, ['server', '--url', front, '--requirements', revision]);
    const unscored = new Map([...alone.said.matchAll(/^ {2}[✓✗] (\S+) \((.+)\)$/gmu)].map(([, name, why]) => [name, why]));
    for (const [scenario, checks] of alone.scenarios) {
      const passing = through.scenarios.get(scenario) ?? [];
      const row = { revision, scenario, alone: tally(checks), through: tally(passing), lost: lost(checks, passing) };
      all.push(unscored.has(scenario) ? { ...row, unscored: unscored.get(scenario) } : row);
    }
  }
  return all;
}

// The gateway's base URL is the bearer's address, so Host and Origin arrive as the suite sent them.
async function gateway(behind) {
  const [inner, outer] = [await freePort(), await freePort()];
  const base = `http://127.0.0.1:${outer}`;
  const file = {
    server: { listen: `127.0.0.1:${inner}`, store: `sqlite:${folder}/server.db`, keys: { file: `${folder}/server.key` }, socket: `${folder}/server.sock` },
    tenant: 'suite',
    base_url: base,
    identity_providers: [{ name: 'nobody', issuer: 'http://127.0.0.1:1', client_id: 'chancery', client_secret: 'env:SUITE_SECRET' }],
    clients: [{ name: 'suite', secret: 'env:SUITE_SECRET', grants: ['client_credentials'], scopes: 'all' }],
    resources: [{ name: 'backend', upstream: { url: behind }, scopes: { all: 'Everything' }, default_scope: 'all' }],
  };
  writeFileSync(join(folder, 'chancery.yaml'), JSON.stringify(file)); // JSON is YAML
  const environment = { ...process.env, SUITE_SECRET: SECRET };
  const served = await program([chancery, ['serve', '--log', 'json']], { cwd: folder, env: environment }, 'listening on');
  const client = /"client_id":"(cli_[0-9a-f]+)"/.exec(await served.until('"client_id"'))[1];
  await bearing({ port: outer, to: inner, tokens: () => token(`http://127.0.0.1:${inner}/t/suite/token`, client, `${base}/mcp/backend`) });
  return `${base}/mcp/backend`;
}

async function token(endpoint, client, resource) {
  const form = { grant_type: 'client_credentials', client_id: client, client_secret: SECRET, resource };
  const answer = await fetch(endpoint, { method: 'POST', body: new URLSearchParams(form) });
  const body = await answer.json();
  if (!body.access_token) throw new Error(`no token: ${JSON.stringify(body)}`);
  return body;
}

async function authorizationScenarios() {
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const words = ['demo', '--as', 'alice', '--port', `${port}`, '--data', join(folder, 'demo')];
  const demo = await program([chancery, words], { cwd: folder }, 'Ctrl');
  const waiting = await freePort();
  const metadata = { client_name: 'Conformance suite', redirect_uris: [`http://127.0.0.1:${waiting}/callback`], token_endpoint_auth_method: 'none' };
  const headers = { 'content-type': 'application/json' };
  const registered = await (await fetch(`${base}/t/demo/register`, { method: 'POST', headers, body: JSON.stringify(metadata) })).json();
  const asked = ['--url', `${base}/t/demo`, '--client-id', registered.client_id, '--resource', `${base}/mcp/bank`, '--port', `${waiting}`];
  const visited = following(`${base}/t/demo/authorize?`);
  const { scenarios } = await suite('authorization', ['authorization', ...asked], visited);
  demo.stop();
  return [...scenarios].map(([scenario, checks]) => ({ scenario, ...tally(checks), told: checks.filter((check) => check.status !== 'SUCCESS').map(told) }));
}

// Runs the suite and reads what it wrote down: a folder for each scenario, `server-SCENARIO-TIME` or `authorization-server-SCENARIO-TIME`.
async function suite(name, words, hear = () => {}) {
  const out = join(folder, name);
  const run = spawn(process.execPath, [SUITE, ...words, '-o', out], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [run.stdout, run.stderr]) {
    stream.on('data', (bytes) => {
      said += bytes;
      hear(said);
    });
  }
  await new Promise((done) => run.on('close', done)); // it fails where a scenario does, which is ours to judge
  const scenarios = new Map();
  for (const place of readdirSync(out).sort((a, b) => time(a).localeCompare(time(b)))) {
    const scenario = place.replace(/^(authorization-)?server-/, '').replace(/-\d{4}-\d{2}-\d{2}T[\d-]+Z$/, '');
    const written = join(out, place, 'checks.json'); // none where the scenario itself broke off
    scenarios.set(scenario, existsSync(written) ? JSON.parse(readFileSync(written)) : [{ id: scenario, status: 'FAILURE', errorMessage: 'broke off' }]);
  }
  if (scenarios.size === 0) throw new Error(`the suite ran nothing:\n${said}`);
  return { scenarios, said };
}

function time(place) {
  return place.slice(-24);
}

function tally(checks) {
  const of = (status) => checks.filter((check) => check.status === status).length;
  return { passed: of('SUCCESS'), failed: of('FAILURE'), warned: of('WARNING') };
}

// What holds alone, and less often through the gateway; or what fails more often. Whatever it is, it is ours to explain.
function lost(alone, through) {
  const count = (checks, id, status) => checks.filter((check) => check.id === id && check.status === status).length;
  const ids = [...new Set([...alone, ...through].map((check) => check.id))];
  const worse = (id) => count(through, id, 'FAILURE') > count(alone, id, 'FAILURE') || count(through, id, 'SUCCESS') < count(alone, id, 'SUCCESS');
  return ids.filter(worse).map((id) => told(through.find((check) => check.id === id && check.status !== 'SUCCESS') ?? { id }));
}

function told(check) {
  return `${check.id}: ${(check.errorMessage ?? 'not seen').replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1')}`.slice(0, 400);
}

// One line a scenario, so that a change can be read.
function text({ server, authorization, ...rest }) {
  const rows = (all) => `[\n${all.map((row) => `  ${JSON.stringify(row)}`).join(',\n')}\n]`;
  return `{\n"suite": ${JSON.stringify(rest.suite)},\n"node": ${JSON.stringify(rest.node)},\n"server": ${rows(server)},\n"authorization": ${rows(authorization)}\n}\n`;
}
