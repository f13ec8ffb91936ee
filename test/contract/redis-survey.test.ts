/** Looking for locks of the Go program, on a real Redis. */
import { createClient } from '@redis/client';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../sandbox/free-port.ts';
import { createProgress } from '../../sandbox/progress.ts';
import { startRedis, type RedisServer } from '../../sandbox/servers/redis.ts';
import { openRedisSurvey } from '../../src/adapters/lock/redis-survey.ts';
import { createSystem } from '../../src/adapters/system.ts';

const GO_RECORD = '{"value":"go-1","clusterName":"","ttl":100000000000,"version":1795365668846829846}';
const OUR_RECORD = '{"value":"a/b/c","nonce":"n","epoch":4,"version":4}';
const NEVER = new AbortController().signal;

const { clock } = createSystem({ level: 'error', format: 'text', fields: {} });
let server: RedisServer;
let client: ReturnType<typeof createClient>;

beforeAll(async () => {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  server = await startRedis(surroundings, NEVER);
  client = createClient({ url: `redis://${server.address}` });
  client.on('error', () => {});
  await client.connect();
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});
afterEach(async () => {
  server.resume();
  await client.configSet('requirepass', '');
  await client.flushAll();
});

/** How a look went and how long it took. */
async function look(address = server.address, timeout = 1_000, database = 0) {
  const survey = openRedisSurvey({ address, database, timeout }, clock);
  const before = performance.now();
  const reply = await survey.look(NEVER);
  return { reply, took: performance.now() - before };
}

describe('a look', () => {
  it('finds the locks of the Go program, whatever their tenant, and not ours, among many other keys', async () => {
    const others = Array.from({ length: 20_000 }, (_, index) => [`other:${index}`, 'x'] as const);
    await client.mSet(Object.fromEntries(others));
    await client.set('highlander-leader-lock:blue', GO_RECORD, { EX: 100 });
    await client.set('highlander-leader-lock:old.form', 'go-2');
    await client.set('highlander-leader-lock:ours', OUR_RECORD, { EX: 100 });
    await client.hSet('highlander-leader-lock:odd', 'not', 'a lock');
    const { reply } = await look();
    if (reply.kind !== 'found') throw new Error(JSON.stringify(reply));
    expect(reply.locks.toSorted((a, b) => (a.tenant < b.tenant ? -1 : 1))).toEqual([
      { tenant: 'blue', holder: 'go-1' },
      { tenant: 'old.form', holder: 'go-2' },
    ]);
  });

  it('looks into the configured database alone', async () => {
    await client.set('highlander-leader-lock:blue', GO_RECORD);
    expect((await look(server.address, 1_000, 1)).reply).toEqual({ kind: 'found', locks: [] });
  });

  it('changes nothing', async () => {
    await client.set('highlander-leader-lock:blue', GO_RECORD, { EX: 100 });
    await look();
    expect(await client.get('highlander-leader-lock:blue')).toBe(GO_RECORD);
    expect(await client.ttl('highlander-leader-lock:blue')).toBeGreaterThan(90);
    expect(await client.keys('*')).toEqual(['highlander-leader-lock:blue']);
  });

  it('costs nothing where nobody listens', async () => {
    const [port] = await freePorts(1);
    for (const address of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]) {
      const { reply, took } = await look(address, 250);
      expect(reply).toEqual({ kind: 'nobody' });
      expect(took).toBeLessThan(100);
    }
  });

  it('is over in time where a server hangs, and says so', async () => {
    server.pause();
    const { reply, took } = await look(server.address, 250);
    expect(reply).toMatchObject({ kind: 'unavailable' });
    expect(took).toBeLessThan(300);
  });

  it('is over in time where something else listens', async () => {
    const mute = createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((resolve) => mute.once('listening', resolve));
    const address = mute.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const { reply, took } = await look(`127.0.0.1:${port}`, 250);
    mute.close();
    expect(reply).toMatchObject({ kind: 'unavailable' });
    expect(took).toBeLessThan(300);
  });

  it('tells a server that refuses from one that does not answer', async () => {
    await client.configSet('requirepass', 'secret');
    const { reply } = await look();
    expect(reply).toMatchObject({
      kind: 'refused',
      cause: expect.stringContaining('asks for a password') as string,
    });
  });
});
