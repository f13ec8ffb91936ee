/** A client that stops reading, on a real connection: the server keeps little for it, and it ends up with the truth. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { expect, it, vi } from 'vitest';
import { createSystem } from '../../adapters/system.ts';
import { ShownWorld } from '../../../test/shown-world.ts';
import { listen } from '../http.ts';
import { Router } from '../route.ts';
import { openV1 } from './routes.ts';

const WORKLOADS = 50;
const ROUNDS = 15;
/** So that what is sent in all is far more than any socket buffer holds. */
const MESSAGE = 'x'.repeat(20_000);

it(
  'a client that stops reading is dropped to a snapshot, and others do not notice',
  { timeout: 60_000 },
  async () => {
    const world = new ShownWorld();
    const system = createSystem({ level: 'error', format: 'text', fields: {} });
    const v1 = openV1(world, system);
    const server = await listen(0, new Router(v1.routes), system);
    if ('code' in server) throw new Error(server.message);
    try {
      const slow = await open(server.port);
      const quick = await open(server.port);
      await vi.waitFor(() => expect(slow.kinds).toContain('snapshot'));
      slow.response.pause();
      for (let round = 1; round <= ROUNDS; round++) {
        for (let at = 0; at < WORKLOADS; at++)
          world.set(`process/a/w-${at}`, { restarts: round, message: MESSAGE });
        const isHere = (): void => expect(quick.last(`w-0`)).toBe(round);
        await vi.waitFor(isHere, { timeout: 5000, interval: 5 });
      }
      expect(quick.kinds.filter((kind) => kind === 'snapshot')).toHaveLength(1);
      slow.response.resume();
      await vi.waitFor(() => expect(slow.last(`w-${WORKLOADS - 1}`)).toBe(ROUNDS), { timeout: 20_000 });
      expect(slow.kinds.filter((kind) => kind === 'snapshot')).toHaveLength(2);
      expect(slow.kinds.length).toBeLessThan(quick.kinds.length);
      for (const { response } of [slow, quick]) response.destroy();
    } finally {
      v1.close();
      await server.close(0);
    }
  },
);

interface Reading {
  readonly response: IncomingMessage;
  /** Of the messages so far. */
  readonly kinds: string[];
  /** The restarts of a workload as last received. */
  readonly last: (name: string) => number | undefined;
}

async function open(port: number): Promise<Reading> {
  const request = get({ port, host: '127.0.0.1', path: '/api/v1/stream', agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const kinds: string[] = [];
  const restarts = new Map<string, number>();
  let text = '';
  response.setEncoding('utf8');
  response.on('error', () => undefined);
  response.on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = text.slice(0, end);
      text = text.slice(end + 2);
      const kind = /^event: (\w+)/m.exec(event)?.[1];
      if (kind === undefined) continue;
      kinds.push(kind);
      for (const [, name = '', count] of event.matchAll(/"name":"(w-\d+)".*?"restarts":(\d+)/g))
        restarts.set(name, Number(count));
    }
  });
  return { response, kinds, last: (name) => restarts.get(name) };
}
