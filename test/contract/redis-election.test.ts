/** An election in Redis: how fast it hands over, and what it costs while nothing happens, by the server's own count. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startRedis, type RedisServer } from '../../sandbox/servers/redis.ts';
import { openRedisLock } from '../../src/adapters/lock/redis.ts';
import { redisLockKey } from '../../src/core/workload/names.ts';
import { Electorate } from './electors.ts';

const TTL = 5_000;
let server: RedisServer;
let electorate: Electorate;

beforeAll(async () => {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  server = await startRedis(surroundings, new AbortController().signal);
  electorate = new Electorate((timeout, system) =>
    openRedisLock({ address: server.address, database: 0, timeout }, system),
  );
});
afterAll(() => server.stop());
afterEach(() => electorate.stop());

/** How many scripts were run so far, as the server counts. */
async function scripts(): Promise<number> {
  const client = await createClient({ url: `redis://${server.address}` }).connect();
  const said = await client.info('commandstats');
  client.destroy();
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(said)?.[1] ?? 0);
}

describe('an election in Redis', () => {
  it('takes up a release at once, whatever the leader was doing', async () => {
    expect(Math.max(...(await electorate.handOver(TTL)))).toBeLessThan(TTL / 5);
  });

  it('gives a lock whose key was evicted to nobody before its time is up', async () => {
    const client = await createClient({ url: `redis://${server.address}` }).connect();
    expect(await electorate.loseLock(TTL, () => client.del(redisLockKey('blue')))).toBeGreaterThanOrEqual(0);
    client.destroy();
  });

  it('costs one script a second for the leader and one every four for a follower', async () => {
    await electorate.startTwo(TTL);
    await sleep(1_000);
    const before = await scripts();
    await sleep(12_000);
    const run = (await scripts()) - before;
    expect(run).toBeGreaterThanOrEqual(11 + 2);
    expect(run).toBeLessThanOrEqual(13 + 3);
  });
});
