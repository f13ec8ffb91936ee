/** A replicated Redis: what counts as granted, and what a failover by a Sentinel may and may not lose. */
import { createClient } from '@redis/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startRedis, startSentinel, type RedisServer } from '../../sandbox/servers/redis.ts';
import { openRedisLock, type RedisLockOptions } from '../../src/adapters/lock/redis.ts';
import { createSystem } from '../../src/adapters/system.ts';
import type { AcquireReply, LockStore } from '../../src/ports/lock-store.ts';
import type { System } from '../../src/ports/system.ts';
import { eventually } from '../e2e/eventually.ts';

const TTL = 4_000;
const never = new AbortController().signal;
const system = createSystem({ level: 'error', format: 'text', fields: {} });
const surroundings = { env: process.env, progress: createProgress(process.stderr) };
const cleanUps: (() => unknown)[] = [];

let master: RedisServer;
let replica: RedisServer;

beforeEach(async () => {
  master = await startRedis(surroundings, never, ['--repl-diskless-sync-delay', '0']);
  cleanUps.push(() => master.stop());
  replica = await startRedis(surroundings, never, ['--replicaof', '127.0.0.1', String(master.port)]);
  cleanUps.push(() => replica.stop());
  const client = await connect(master);
  const follower = await connect(replica);
  await eventually('the replica follows', async () => {
    const [ofMaster, ofReplica] = [await client.info('replication'), await follower.info('replication')];
    return /state=online/.test(ofMaster) && ofReplica.includes('master_link_status:up') ? true : undefined;
  });
  await client.set('first', '1');
  if ((await client.wait(1, 5_000)) !== 1) throw new Error('the replica does not confirm');
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function connect({ address }: RedisServer) {
  const client = createClient({ url: `redis://${address}` });
  client.on('error', () => {});
  cleanUps.push(() => client.destroy());
  await client.connect();
  return client;
}

function open(options: Partial<RedisLockOptions> = {}, by: System = system): LockStore {
  const store = openRedisLock({ address: master.address, database: 0, timeout: 1_000, ...options }, by);
  cleanUps.push(() => store.close());
  return store;
}

function request(nonce: string, floor = 0) {
  return { name: 'blue', holder: `a/h/${nonce}`, nonce, ttl: TTL, floor };
}

async function win(store: LockStore, nonce: string) {
  const reply = await store.acquire(request(nonce), never);
  if (reply.kind !== 'granted') throw new Error(`not granted: ${JSON.stringify(reply)}`);
  return { name: 'blue', nonce, epoch: reply.epoch, ttl: TTL };
}

/** Tries until the lock is granted, as a follower would. */
function winEventually(store: LockStore, nonce: string, floor: number): Promise<AcquireReply> {
  return eventually(
    'the lock is granted',
    async () => {
      const reply = await store.acquire(request(nonce, floor), never);
      return reply.kind === 'granted' ? reply : undefined;
    },
    20_000,
  );
}

describe('a lock on a server with replicas', () => {
  const unconfirmed = { kind: 'unavailable', cause: expect.stringContaining('NOTACKED') as string };

  it('is granted and renewed when the replica has confirmed it', async () => {
    const store = open();
    const grant = await win(store, 'n1');
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
    expect(await (await connect(replica)).get('highlander-leader-lock:blue')).toContain('"nonce":"n1"');
  });

  it('is not granted, not renewed, and not read as our own while the replica does not confirm it', async () => {
    const store = open();
    const other = open();
    replica.pause();
    expect(await store.acquire(request('n1'), never)).toMatchObject(unconfirmed);
    expect(await store.read('blue', never)).toMatchObject(unconfirmed);
    expect(await store.acquire(request('n1'), never)).toMatchObject(unconfirmed);
    expect(await other.read('blue', never)).toMatchObject({ kind: 'held', nonce: 'n1' });
    replica.resume();
    expect(await store.read('blue', never)).toMatchObject({ kind: 'held', nonce: 'n1' });
    const grant = { name: 'blue', nonce: 'n1', epoch: 1, ttl: TTL };
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
    replica.pause();
    expect(await store.renew(grant, never)).toMatchObject(unconfirmed);
    replica.resume();
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
  });

  it('is held without confirmation where the replica is gone', async () => {
    const store = open();
    await replica.kill();
    const client = await connect(master);
    await eventually('the master knows', async () =>
      /state=online/.test(await client.info('replication')) ? undefined : true,
    );
    expect(await store.renew(await win(store, 'n1'), never)).toMatchObject({ kind: 'ok' });
  });

  it('warns once where the server accepts writes without its replicas, and not where it refuses them', async () => {
    const warn = vi.fn<System['log']['warn']>();
    const heard = { ...system, log: { ...system.log, warn } };
    const store = open({}, heard);
    await store.renew(await win(store, 'n1'), never);
    expect(warn.mock.calls.map(([text]) => text)).toEqual([expect.stringContaining('min-replicas-to-write')]);
    await (await connect(master)).configSet('min-replicas-to-write', '1');
    const guarded = open({}, heard);
    await guarded.renew({ name: 'blue', nonce: 'n1', epoch: 1, ttl: TTL }, never);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it('is refused where the server itself misses its replicas', async () => {
    await (await connect(master)).configSet('min-replicas-to-write', '2');
    expect(await open().acquire(request('n1'), never)).toMatchObject({
      kind: 'unavailable',
      cause: expect.stringContaining('NOREPLICAS') as string,
    });
  });
});

describe('with a Sentinel', () => {
  let sentinel: RedisServer;
  const bySentinel = (masterName = 'main') => ({ sentinel: { addresses: [sentinel.address], masterName } });

  beforeEach(async () => {
    sentinel = await startSentinel(surroundings, never, 'main', master);
    cleanUps.push(() => sentinel.stop());
    const client = await connect(sentinel);
    await eventually(
      'the Sentinel knows the replica',
      async () => {
        const replicas: unknown = await client.sendCommand(['SENTINEL', 'REPLICAS', 'main']);
        return Array.isArray(replicas) && replicas.length === 1 ? true : undefined;
      },
      15_000,
    );
  });

  it('the lock is found by the name of its master', async () => {
    const store = open({ ...bySentinel(), address: 'localhost:1' });
    expect(store.address).toBe(`main@${sentinel.address}/0`);
    expect(await win(store, 'n1')).toMatchObject({ epoch: 1 });
    expect(await open().read('blue', never)).toMatchObject({ kind: 'held', nonce: 'n1' });
  });

  it('a name or an address that is wrong is told in the terms of the settings', async () => {
    expect(await open(bySentinel('other')).read('blue', never)).toMatchObject({
      cause: expect.stringContaining('check redis.masterName') as string,
    });
    const addresses = [master.address];
    const cause = expect.stringContaining('is no Sentinel: check redis.sentinels') as string;
    const store = open({ sentinel: { addresses, masterName: 'main' } });
    expect(await store.read('blue', never)).toMatchObject({ cause });
  });

  it('one that is gone or hangs is done without while another answers', async () => {
    const { address } = replica;
    const addresses = ['127.0.0.1:1', address, sentinel.address];
    replica.pause();
    const store = open({ timeout: 1_500, sentinel: { addresses, masterName: 'main' } });
    expect(await store.read('blue', never)).toMatchObject({ kind: 'free' });
    replica.resume();
  });

  it('after the death of the master the next term is higher and waits, although the last writes are lost', async () => {
    const first = open(bySentinel());
    const grant = await win(first, 'n1');
    replica.pause();
    await first.release(grant, never);
    expect(await open(bySentinel()).acquire(request('n2', 1), never)).toMatchObject({ kind: 'unavailable' });
    // What follows n1 is on the master alone, which dies with it.
    await master.kill();
    replica.resume();
    const next = await winEventually(open(bySentinel()), 'n3', 2);
    expect(next).toMatchObject({ kind: 'granted', epoch: 3, amnesia: true });
  });

  it('a planned failover is noticed by who holds the lock and by who listens, and loses nothing', async () => {
    const store = open(bySentinel());
    const states: boolean[] = [];
    const over = new AbortController();
    const listening = store.subscribe(
      'blue',
      () => {},
      (up) => void states.push(up),
      over.signal,
    );
    await eventually('it listens', () => states.length === 1);
    const grant = { ...(await win(store, 'n1')), ttl: 30_000 };
    await store.renew(grant, never);
    await (await connect(sentinel)).sendCommand(['SENTINEL', 'FAILOVER', 'main']);
    const promoted = await connect(replica);
    await eventually('the replica is the master', async () =>
      (await promoted.info('replication')).includes('role:master') ? true : undefined,
    );
    await eventually(
      'the lock is renewed there',
      async () => ((await store.renew(grant, never)).kind === 'ok' ? true : undefined),
      10_000,
    );
    await eventually('it listens there', () => states.length >= 3 && states.at(-1) === true, 10_000);
    over.abort();
    await listening;
    expect(await store.read('blue', never)).toMatchObject({ kind: 'held', nonce: 'n1', epoch: 1 });
  });
});
