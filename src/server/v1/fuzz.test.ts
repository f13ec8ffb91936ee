/** Whatever is asked for, in whatever way: no 5xx, no crash, no answer that is not ours. */
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createManualSystem } from '../../../test/manual-system.ts';
import { ShownWorld } from '../../../test/shown-world.ts';
import { listen, type HttpServer } from '../http.ts';
import { Router } from '../route.ts';
import { startingRoutes } from '../routes.ts';
import { openV1, type V1 } from './routes.ts';

/** Some of them ask for a stream, and are left out. */
const REQUESTS = 21_000;
/** In one connection, one after the other. */
const BATCH = 100;

const system = createManualSystem();
let world: ShownWorld;
let v1: V1;
let server: HttpServer;

beforeAll(async () => {
  world = new ShownWorld();
  for (let number = 0; number < 30; number++) world.set(`process/ns-${number % 3}/name-${number}`);
  v1 = openV1(world, system);
  const listening = await listen(0, new Router([...startingRoutes(), ...v1.routes]), system);
  if ('code' in listening) throw new Error(listening.message);
  server = listening;
});

afterAll(async () => {
  v1.close();
  await server.close(0);
});

const word = fc.oneof(
  fc.constantFrom(
    'workloads',
    'process',
    'ns-1',
    'name-1',
    'explain',
    'history',
    'events',
    'objects',
    'summary',
  ),
  fc.constantFrom(
    '..',
    '.',
    '%2e%2e',
    '%00',
    '%zz',
    '%F0%9F%98%80',
    '*',
    '{kind}',
    '__proto__',
    'constructor',
    '',
  ),
  fc.string({ maxLength: 12 }).map(encodeURIComponent),
);
const path = fc.oneof(
  fc.array(word, { maxLength: 6 }).map((words) => `/api/v1/${words.join('/')}`),
  fc.array(word, { maxLength: 4 }).map((words) => `/${words.join('/')}`),
  fc.constantFrom('*', '//', 'http://example.org/api/v1/leader', '/api/v1/workloads'),
);
const parameter = fc.tuple(
  fc.constantFrom(
    'kind',
    'namespace',
    'labelSelector',
    'q',
    'status',
    'sort',
    'limit',
    'continue',
    'fields',
    'since',
    'type',
    'tenant',
    '__proto__',
  ),
  fc.oneof(
    fc.constantFrom(
      'process',
      'ready=true',
      'reason!=Active',
      '-age',
      '1',
      '1000',
      '-1',
      '1e3',
      'a in (b,c)',
      '!x',
      'e-1',
      '(',
    ),
    fc.string({ maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 10 }),
    fc.base64String({ maxLength: 40 }),
  ),
);
const query = fc
  .array(parameter, { maxLength: 4 })
  .map((parameters) => parameters.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join('&'));
const header = fc.tuple(
  fc.constantFrom(
    'accept',
    'if-none-match',
    'x-request-id',
    'last-event-id',
    'accept-encoding',
    'content-type',
    'cookie',
    'authorization',
  ),
  fc.oneof(
    fc.constantFrom('*/*', 'application/json', 'text/html', '*', 'W/"x"', 'gzip', 'gzip;q=0', ',,;q=', 'a b'),
    fc.string({ maxLength: 60 }).map((text) => text.replaceAll(/[^\x20-\x7e]/g, '')),
  ),
);
const request = fc.record({
  method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
  target: fc.tuple(path, query).map(([where, what]) => (what === '' ? where : `${where}?${what}`)),
  headers: fc.uniqueArray(header, { maxLength: 3, selector: ([name]) => name }),
  body: fc.option(fc.string({ maxLength: 200 }), { nil: undefined }),
});

function encode({
  method,
  target,
  headers,
  body,
}: typeof request extends fc.Arbitrary<infer T> ? T : never): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const length = body === undefined ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`;
  return `${method} ${target} HTTP/1.1\r\nhost: x\r\n${lines}${length}\r\n${body ?? ''}`;
}

/** Sends all of them over one connection and answers the status lines. */
function exchange(text: string): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1');
    let received = '';
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer in 10 s')));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The server may close after what it cannot read, while we still write.
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error);
    });
    socket.on('data', (chunk) => (received += chunk.toString('latin1')));
    socket.on('close', () =>
      resolve([...received.matchAll(/HTTP\/1\.1 (\d{3}) [A-Z]/g)].map(([, status]) => Number(status))),
    );
    socket.write(`${text}GET /api/v1/leader HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
  });
}

it('no request makes it fail', { timeout: 120_000 }, async () => {
  // A stream does not end, so that nothing behind it on its connection is answered: streams have their own test.
  const requests = fc
    .sample(request, { numRuns: REQUESTS, seed: 20_260_101 })
    .filter(({ target, method }) => !(target.includes('/stream') && method === 'GET'));
  expect(requests.length).toBeGreaterThan(20_000);
  const seen = new Map<number, number>();
  for (let at = 0; at < requests.length; at += BATCH) {
    const batch = requests.slice(at, at + BATCH);
    if (at % 10 === 0) world.set(`process/ns-0/name-${at % 40}`, { restarts: at });
    const statuses = await exchange(batch.map(encode).join(''));
    expect(statuses).toHaveLength(batch.length + 1);
    for (const status of statuses) seen.set(status, (seen.get(status) ?? 0) + 1);
  }
  expect([...seen.keys()].filter((status) => status >= 500)).toEqual([]);
  expect([...seen.keys()]).toEqual(expect.arrayContaining([200, 304, 400, 404, 405, 406]));
  expect(system.lines.filter((line) => line.startsWith('error'))).toEqual([]);
  const answer = await fetch(`http://127.0.0.1:${server.port}/api/v1/leader`, {
    headers: { connection: 'close' },
  });
  expect(await answer.json()).toMatchObject({ id: 'one' });
});
