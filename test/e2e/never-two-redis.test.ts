/** Never two, with the lock in Redis, and with the faults that Redis adds. */
import { createClient } from '@redis/client';
import { expect, it } from 'vitest';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { createProgress } from '../../sandbox/progress.ts';
import { startRedis, type RedisServer } from '../../sandbox/servers/redis.ts';
import { describeNeverTwo, TTL_MS } from './never-two.ts';

let redis: RedisServer;

async function openStore() {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  redis = await startRedis(surroundings, new AbortController().signal);
  const config = { storageType: 'redis', redis: { addr: redis.address } };
  return { config, stop: () => redis.stop() };
}

/**
 * A leader whose record is gone does not know until its next renewal, and may act until then: who takes the lock in the
 * meantime raises the anchor, and waits. Only after the loss is "who leads" the next one.
 */
async function lossOf(leader: ControllerProcess): Promise<void> {
  await leader.waitForLog('the loss', ({ msg }) => msg === 'leadership-lost');
}

describeNeverTwo('Redis', openStore, (openRound) => {
  it('after Redis came back empty: the instance is the same, and is looked after again', async () => {
    const { world, leader, second, uid, replaced, name } = await openRound();
    const before = await uid();
    await redis.restart();
    await lossOf(leader);
    const next = await world.leader([leader, second], 10 * TTL_MS);
    expect(await uid()).toBe(before);
    expect(world.referee.starts(name)).toBe(1);
    expect([leader.id, second.id]).toContain(next.id);
    await world.deletePod(`${name}-pod`);
    await replaced(before);
  });

  it('after FLUSHALL under a live leader', async () => {
    const { world, leader, second, uid, replaced, name } = await openRound();
    const before = await uid();
    const client = createClient({ url: `redis://${redis.address}` });
    await client.connect();
    await client.flushAll();
    client.destroy();
    await lossOf(leader);
    await world.leader([leader, second], 10 * TTL_MS);
    expect(await uid()).toBe(before);
    await world.deletePod(`${name}-pod`);
    await replaced(before);
  });

  it('while Redis hangs for longer than the lock: nobody acts, the instance runs on, and is adopted afterwards', async () => {
    const { world, leader, second, uid, replaced, name } = await openRound();
    const before = await uid();
    redis.pause();
    await lossOf(leader);
    expect((await leader.get('/readyz')).status).toBe(503);
    expect(JSON.parse((await second.get('/status')).body)).toMatchObject({ isLeader: false });
    redis.resume();
    await world.leader([leader, second], 10 * TTL_MS);
    expect(await uid()).toBe(before);
    expect(world.referee.starts(name)).toBe(1);
    await world.deletePod(`${name}-pod`);
    await replaced(before);
  });
});
