/** What the server itself answers, before and around the handlers. */
import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createManualSystem, type ManualSystem } from '../../test/manual-system.ts';
import { openShownSurface } from '../../test/shown-surface.ts';
import { ShownWorld } from '../../test/shown-world.ts';
import { listen, type HttpServer, type ListenOptions } from './http.ts';
import { json, Router, type Route } from './route.ts';
import { startingRoutes } from './routes.ts';
import { openV1 } from './v1/routes.ts';
import { MOST_STREAMS } from './v1/stream.ts';

let system: ManualSystem;
let server: HttpServer;
let closers: (() => void)[];

beforeEach(() => {
  system = createManualSystem();
  closers = [];
});

afterEach(async () => {
  for (const close of closers) close();
  await server.close(0);
});

async function open(routes: readonly Route[], options: ListenOptions = {}): Promise<void> {
  const listening = await listen(0, new Router(routes), system, options);
  if ('code' in listening) throw new Error(listening.message);
  server = listening;
}

function openAll(options: ListenOptions = {}): Promise<void> {
  const surface = openShownSurface(new ShownWorld(), system);
  closers.push(() => surface.close());
  return open(surface.routes, options);
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function ask(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const url = `http://127.0.0.1:${server.port}${path}`;
  const answer = await fetch(url, { headers: { connection: 'close', ...headers } });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

describe('a handler that fails', () => {
  const broken = (refusals: Route['refusals']): Route => ({
    method: 'GET',
    pattern: '/broken',
    needs: 'read',
    refusals,
    handle: () => {
      throw new Error('canary-of-the-inside');
    },
  });

  it('is a 500 with a code and the id of the request; what went wrong is in the log alone', async () => {
    await open([broken('problem')]);
    const { status, text } = await ask('/broken', { 'x-request-id': 'mine-1' });
    expect(status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({ code: 'internal', requestId: 'mine-1', errors: [] });
    expect(text).not.toMatch(/canary|\.ts:/);
    expect(system.lines).toContain('error a request could not be answered');
  });

  it('has the envelope where clients of the Go program ask', async () => {
    await open([broken('envelope')]);
    const { status, text } = await ask('/broken');
    expect(status).toBe(500);
    expect(JSON.parse(text)).toEqual({ status: 'error', error: 'the request could not be answered' });
  });
});

it('before anything is connected version 1 says that it is starting, and when to come again', async () => {
  await open(startingRoutes());
  const { status, text, headers } = await ask('/api/v1/workloads');
  expect(status).toBe(503);
  expect(JSON.parse(text)).toMatchObject({ code: 'starting', retryable: true });
  expect(headers.get('retry-after')).toBe('1');
  expect(await ask('/healthz')).toMatchObject({ status: 200 });
});

it('a client that takes no JSON is told so', async () => {
  await openAll();
  const { status, text } = await ask('/api/v1/leader', { accept: 'text/html' });
  expect(status).toBe(406);
  expect(JSON.parse(text)).toMatchObject({ code: 'not-acceptable' });
});

it('a port for probes and metrics has nothing else', async () => {
  await openAll({ serves: ['probe', 'metrics'] });
  for (const path of ['/healthz', '/readyz', '/metrics']) expect((await ask(path)).status, path).toBe(200);
  for (const path of ['/status', '/api/v1', '/api/v1/leader', '/api/v1/whoami', '/openapi.json', '/none'])
    expect((await ask(path)).status, path).toBe(404);
});

it(
  'one stream more than there are places for is refused, with the time to wait',
  { timeout: 30_000 },
  async () => {
    const v1 = openV1(new ShownWorld(), system);
    closers.push(() => v1.close());
    await open([
      ...v1.routes,
      { method: 'GET', pattern: '/x', needs: 'read', refusals: 'problem', handle: () => json(200, '') },
    ]);
    const options = { port: server.port, host: '127.0.0.1', path: '/api/v1/stream', agent: false } as const;
    const streams = await Promise.all(
      Array.from({ length: MOST_STREAMS }, async () => {
        const [response] = (await once(get(options), 'response')) as [IncomingMessage];
        response.on('error', () => undefined);
        return response;
      }),
    );
    const { status, text, headers } = await ask('/api/v1/stream');
    expect(status).toBe(503);
    expect(JSON.parse(text)).toMatchObject({ code: 'too-many-streams', retryable: true });
    expect(headers.get('retry-after')).toBe('10');
    // They take no place from other questions.
    expect((await ask('/x')).status).toBe(200);
    for (const response of streams) response.destroy();
  },
);
