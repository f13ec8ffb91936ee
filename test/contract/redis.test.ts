/** The lock in Redis on a real server: what only Redis can get wrong, and living beside the Go program. */
import { createClient } from '@redis/client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startRedis, type RedisServer } from '../../sandbox/servers/redis.ts';
import { openRedisLock, type RedisLockOptions } from '../../src/adapters/lock/redis.ts';
import { createSystem } from '../../src/adapters/system.ts';
import type { AcquireReply, AcquireRequest, Grant, LockStore } from '../../src/ports/lock-store.ts';
import { eventually } from '../e2e/eventually.ts';
import { describeLockStore } from './lock-store.ts';

const LOCK = 'highlander-leader-lock:blue';
const RECORD = 'highlander-leader-epoch:blue';
const TTL = 1500;
const never = new AbortController().signal;
const system = createSystem({ level: 'error', format: 'text', fields: {} });
const surroundings = { env: process.env, progress: createProgress(process.stderr) };

const stores: LockStore[] = [];
const clients: { destroy(): void }[] = [];

function open(server: RedisServer, options: Partial<RedisLockOptions> = {}): LockStore {
  const store = openRedisLock({ address: server.address, database: 0, timeout: 300, ...options }, system);
  stores.push(store);
  return store;
}

/** A client of its own, for the operator and for the Go program. */
async function connect(server: RedisServer, password?: string) {
  const client = createClient({ url: `redis://${server.address}`, ...(password && { password }) });
  client.on('error', () => {});
  clients.push(client);
  await client.connect();
  return client;
}

function request(nonce: string, options: Partial<AcquireRequest> = {}): AcquireRequest {
  return { name: 'blue', holder: `node-a/uid/${nonce}`, nonce, ttl: TTL, floor: 0, ...options };
}

async function win(store: LockStore, nonce: string, floor = 0): Promise<Grant & { ttl: number }> {
  const reply = await store.acquire(request(nonce, { floor }), never);
  if (reply.kind !== 'granted') throw new Error(`not granted: ${JSON.stringify(reply)}`);
  return { name: 'blue', nonce, epoch: reply.epoch, ttl: TTL };
}

/** The first answer that is not `held`. */
function winEventually(store: LockStore, nonce: string, floor = 0): Promise<AcquireReply> {
  return eventually(
    'the lock is granted',
    async () => {
      const reply = await store.acquire(request(nonce, { floor }), never);
      return reply.kind === 'held' ? undefined : reply;
    },
    5_000,
  );
}

/** What a Go instance does, command by command: acquire and the two halves of its release. */
function goInstance(client: Awaited<ReturnType<typeof connect>>, id: string) {
  const json =
    `{"value":"${id}","clusterName":"","createdAt":"2026-11-22T16:41:08.846829842Z",` +
    `"updatedAt":"2026-11-22T16:41:08.846829842Z","expiresAt":"2026-11-22T16:42:48.846829842Z",` +
    `"ttl":100000000000,"version":1795365668846829846}`;
  return {
    tryToAcquire: () => client.set(LOCK, json, { condition: 'NX', expiration: { type: 'EX', value: 100 } }),
    read: () => client.get(LOCK),
    release: () => client.del(LOCK),
  };
}

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis(surroundings, never);
});
afterAll(() => server.stop());
beforeEach(async () => {
  await (await connect(server)).flushAll();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const store of stores.splice(0)) await store.close();
});

describeLockStore('redis', async () => ({
  store: open(server),
  second: open(server),
  another: () => open(server, { timeout: 5_000 }),
  stop: async () => {},
}));

describe('the lock in Redis', () => {
  it('is the record of the Go program, with all seven keys of the right types', async () => {
    await win(open(server), 'n1', 41);
    const client = await connect(server);
    const text = (await client.get(LOCK)) ?? '';
    const record = JSON.parse(text);
    const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/;
    expect(record).toMatchObject({
      value: 'node-a/uid/n1',
      clusterName: '',
      version: 42,
      nonce: 'n1',
      epoch: 42,
    });
    expect(record.createdAt).toMatch(instant);
    expect(record.updatedAt).toMatch(instant);
    expect(record.expiresAt).toMatch(instant);
    expect(text).toMatch(/"ttl":1500000000,"version":42,/);
    expect(await client.pTTL(LOCK)).toBeGreaterThan(TTL - 500);
    expect(await client.pTTL(RECORD)).toBe(-1);
  });

  it('writes epochs exactly, up to the last safe one, and refuses the next', async () => {
    const store = open(server);
    const last = Number.MAX_SAFE_INTEGER;
    const grant = await win(store, 'n1', last - 1);
    expect(grant.epoch).toBe(last);
    expect(await (await connect(server)).get(LOCK)).toContain(`"version":${last},`);
    await store.release(grant, never);
    expect(await store.acquire(request('n2'), never)).toMatchObject({ kind: 'unavailable' });
  });

  it('quotes a holder whose id needs it', async () => {
    const store = open(server);
    await store.acquire(request('n1', { holder: 'a"b\\c/ü/1' }), never);
    expect(await store.read('blue', never)).toMatchObject({
      kind: 'held',
      holder: 'a"b\\c/ü/1',
      nonce: 'n1',
    });
  });

  it('is not freed by the eviction of its key: held until its time has passed', async () => {
    const store = open(server);
    const grant = await win(store, 'n1');
    const endsAt = performance.now() + TTL;
    await (await connect(server)).del(LOCK);
    expect(await store.renew(grant, never)).toEqual({ kind: 'lost' });
    expect(await store.acquire(request('n1'), never)).toMatchObject({
      kind: 'held',
      view: { epoch: grant.epoch },
    });
    const view = await store.read('blue', never);
    expect(view).toMatchObject({ kind: 'held', holder: 'node-a/uid/n1' });
    expect(view).not.toHaveProperty('nonce');
    expect(view).not.toHaveProperty('isStranger');
    expect(await winEventually(store, 'n2')).toMatchObject({ kind: 'granted', epoch: grant.epoch + 1 });
    expect(performance.now()).toBeGreaterThan(endsAt - 50);
  });

  it('keeps its counter when the lock is released, and says who held it', async () => {
    const store = open(server);
    const grant = await win(store, 'n1', 6);
    expect(await store.release(grant, never)).toEqual({ kind: 'released' });
    expect(await store.read('blue', never)).toMatchObject({
      kind: 'free',
      epoch: 7,
      lastHolder: 'node-a/uid/n1',
    });
    expect((await win(store, 'n2')).epoch).toBe(8);
  });

  it('that was put back by hand under a newer record is lost, and lowers no counter', async () => {
    const store = open(server);
    const client = await connect(server);
    const former = await win(store, 'n1');
    const copy = (await client.get(LOCK)) ?? '';
    await store.release(former, never);
    const next = await win(store, 'n2');
    await client.set(LOCK, copy, { expiration: { type: 'PX', value: TTL } });
    expect(await store.renew(former, never)).toMatchObject({ kind: 'lost' });
    await client.del(LOCK);
    expect(await winEventually(store, 'n3')).toMatchObject({ kind: 'granted', epoch: next.epoch + 1 });
  });

  it('runs scripts that the server has forgotten', async () => {
    const store = open(server);
    const grant = await win(store, 'n1');
    await (await connect(server)).scriptFlush();
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
  });

  it('refuses a record that is not ours instead of starting the count anew', async () => {
    await (await connect(server)).set(RECORD, 'twelve');
    const reply = await open(server).acquire(request('n1'), never);
    expect(reply).toMatchObject({ kind: 'unavailable', cause: expect.stringContaining('delete it') });
  });
});

describe('beside the Go program', () => {
  it('a lock that we hold cannot be taken by it', async () => {
    const store = open(server);
    const go = goInstance(await connect(server), 'go-1');
    const grant = await win(store, 'n1');
    expect(await go.tryToAcquire()).toBeNull();
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
    await store.release(grant, never);
    expect(await go.tryToAcquire()).toBe('OK');
  });

  it('its lock is held by somebody without a nonce, for as long as it is there', async () => {
    const store = open(server);
    const go = goInstance(await connect(server), 'go-1');
    await go.tryToAcquire();
    const view = await store.read('blue', never);
    expect(view).toMatchObject({ kind: 'held', holder: 'go-1', epoch: 0, isStranger: true });
    expect(view).not.toHaveProperty('nonce');
    expect(await store.acquire(request('n1', { floor: 9 }), never)).toEqual({
      kind: 'held',
      view: { ...view, remaining: expect.closeTo(100_000, -3) },
    });
    expect(await go.read()).toContain('"version":1795365668846829846');
    await go.release();
    expect((await win(store, 'n1', 9)).epoch).toBe(10);
  });

  it('its unguarded delete is a loss for us, and its lock is not renewed or released by us', async () => {
    const store = open(server);
    const go = goInstance(await connect(server), 'node-a/uid/n1');
    const grant = await win(store, 'n1');
    await go.release();
    await go.tryToAcquire();
    expect(await store.renew(grant, never)).toEqual({ kind: 'lost', holder: 'node-a/uid/n1' });
    expect(await store.release(grant, never)).toEqual({ kind: 'not-ours' });
    expect(await go.read()).toContain('"value":"node-a/uid/n1"');
  });

  it.each([['plain-text-id'], ['12345'], ['{"broken":'], ['["list"]'], ['{"nonce":"n1"}']])(
    'the old format %s is honoured, whatever it says, and without an expiry for ever',
    async (text) => {
      await (await connect(server)).set(LOCK, text);
      const reply = await open(server).acquire(request('n1'), never);
      expect(reply).toMatchObject({ kind: 'held', view: { holder: text, remaining: 86_400_000 } });
    },
  );
});

describe('data that was lost', () => {
  it('FLUSHALL while held: the holder loses, the next one is told of amnesia and gets a higher epoch', async () => {
    const store = open(server);
    const grant = await win(store, 'n1', 4);
    await (await connect(server)).flushAll();
    expect(await store.renew(grant, never)).toEqual({ kind: 'lost' });
    const next = await store.acquire(request('n2', { floor: grant.epoch }), never);
    expect(next).toMatchObject({ kind: 'granted', epoch: grant.epoch + 1, amnesia: true });
    expect(await store.read('blue', never)).toMatchObject({ kind: 'held', nonce: 'n2', amnesia: true });
  });

  it('the first start ever is no amnesia', async () => {
    expect(await open(server).acquire(request('n1'), never)).toMatchObject({ epoch: 1, amnesia: false });
  });

  it('a server that comes back empty is amnesia for whoever knows a floor', async () => {
    const own = await startRedis(surroundings, never);
    try {
      const store = open(own);
      const grant = await win(store, 'n1');
      await own.restart();
      const next = await winEventually(store, 'n2', grant.epoch);
      expect(next).toMatchObject({ kind: 'granted', epoch: grant.epoch + 1, amnesia: true });
    } finally {
      await own.stop();
    }
  });

  it('a server that comes back with its data, but without what followed, is amnesia while a holder was not released', async () => {
    const own = await startRedis(surroundings, never, ['--appendonly', 'yes', '--appendfsync', 'always']);
    try {
      const store = open(own);
      const first = await win(store, 'n1');
      await own.restart();
      expect(await winEventually(store, 'n2')).toMatchObject({ kind: 'granted', amnesia: true });
      const second = { name: 'blue', nonce: 'n2', epoch: first.epoch + 1 };
      await store.release(second, never);
      await own.restart();
      const third = await winEventually(store, 'n3', second.epoch);
      expect(third).toMatchObject({ kind: 'granted', epoch: second.epoch + 1, amnesia: false });
    } finally {
      await own.stop();
    }
  });

  it('a holder whose lock survived a restart of the server renews it', async () => {
    const own = await startRedis(surroundings, never, ['--appendonly', 'yes', '--appendfsync', 'always']);
    try {
      const store = open(own);
      const grant = await win(store, 'n1');
      await own.restart();
      expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
      expect(await winEventually(store, 'n2')).toMatchObject({ kind: 'granted', amnesia: false });
    } finally {
      await own.stop();
    }
  });
});

describe('a server that does not answer', () => {
  it('every call ends within its deadline, and a late reply is given to nobody', async () => {
    const store = open(server);
    const grant = await win(store, 'n1');
    server.pause();
    try {
      const calls = [
        () => store.acquire(request('n2'), never),
        () => store.renew(grant, never),
        () => store.release(grant, never),
        () => store.read('blue', never),
      ];
      for (const call of calls) {
        const startedAt = performance.now();
        const reply = await call();
        expect(reply).toMatchObject({
          kind: 'unavailable',
          cause: expect.stringContaining('no answer within 300 ms'),
        });
        expect(performance.now() - startedAt).toBeLessThan(450);
      }
    } finally {
      server.resume();
    }
  });

  it('an acquisition of unknown outcome can be repeated: one grant, one epoch', async () => {
    const store = open(server);
    server.pause();
    try {
      expect(await store.acquire(request('n1'), never)).toMatchObject({ kind: 'unavailable' });
    } finally {
      server.resume();
    }
    expect(await store.acquire(request('n1'), never)).toMatchObject({ kind: 'granted', epoch: 1 });
    expect(await store.acquire(request('n2'), never)).toMatchObject({ kind: 'held', view: { nonce: 'n1' } });
  });

  it('an aborted signal settles the call at once', async () => {
    const store = open(server);
    await win(store, 'n1');
    server.pause();
    try {
      const caller = new AbortController();
      const reply = store.read('blue', caller.signal);
      const startedAt = performance.now();
      caller.abort();
      expect(await reply).toMatchObject({ kind: 'unavailable' });
      expect(performance.now() - startedAt).toBeLessThan(100);
    } finally {
      server.resume();
    }
  });

  it('nothing is sent that was asked while it was away', async () => {
    const own = await startRedis(surroundings, never);
    try {
      const store = open(own);
      await own.kill();
      const reply = await store.acquire(request('n1'), never);
      expect(reply).toMatchObject({
        kind: 'unavailable',
        cause: expect.stringContaining('refused the connection'),
      });
      await own.restart();
      expect(await store.read('blue', never)).toMatchObject({ kind: 'free', epoch: 0 });
    } finally {
      await own.stop();
    }
  });
});

describe('a server that refuses', () => {
  it('says which password setting is wrong, and never the password', async () => {
    const own = await startRedis(surroundings, never, ['--requirepass', 'right-secret']);
    try {
      const wrong = await open(own, { password: 'wrong-secret' }).read('blue', never);
      expect(wrong).toMatchObject({
        kind: 'unavailable',
        cause: expect.stringContaining('check redis.password'),
      });
      expect(JSON.stringify(wrong)).not.toContain('wrong-secret');
      const none = await open(own).read('blue', never);
      expect(none).toMatchObject({
        kind: 'unavailable',
        cause: expect.stringContaining('set redis.password'),
      });
      const right = open(own, { password: 'right-secret' });
      expect(await right.read('blue', never)).toMatchObject({ kind: 'free', epoch: 0 });
      expect(right.address).toBe(`${own.address}/0`);
    } finally {
      await own.stop();
    }
  });

  it('a read-only replica is neither written nor believed', async () => {
    const own = await startRedis(surroundings, never);
    try {
      const store = open(own);
      await (await connect(own)).replicaOf('127.0.0.1', 1); // a master that is dead
      const refused = { kind: 'unavailable', cause: expect.stringContaining('read-only replica') };
      expect(await store.acquire(request('n2'), never)).toMatchObject(refused);
      expect(await store.read('blue', never)).toMatchObject(refused);
    } finally {
      await own.stop();
    }
  });

  it('a user without rights is told which', async () => {
    const client = await connect(server);
    await client.aclSetUser('weak', ['on', '>pw', '~highlander-*', '+@connection', '+evalsha', '+eval']);
    const reply = await open(server, { username: 'weak', password: 'pw' }).read('blue', never);
    expect(reply).toMatchObject({ kind: 'unavailable', cause: expect.stringContaining('allow the user') });
    await client.aclSetUser('enough', [
      'on',
      '>pw',
      '~highlander-*',
      '&highlander-*',
      '+@connection',
      '+eval',
      '+evalsha',
      '+info',
      '+time',
      '+get',
      '+set',
      '+del',
      '+pttl',
      '+pexpire',
      '+publish',
      '+subscribe',
    ]);
    const store = open(server, { username: 'enough', password: 'pw' });
    const grant = await win(store, 'n1');
    expect(await store.renew(grant, never)).toMatchObject({ kind: 'ok' });
    expect(await store.release(grant, never)).toEqual({ kind: 'released' });
  });
});

describe('hints', () => {
  it('name what happened and the epoch', async () => {
    const heard: string[] = [];
    const listener = await connect(server);
    await listener.subscribe('highlander-leader-events:blue', (message) => heard.push(message));
    const store = open(server);
    await store.release(await win(store, 'n1', 6), never);
    await eventually(
      'both are heard',
      () => heard.join() === 'a:7,r:7',
      2_000,
      () => heard.join(),
    );
  });

  it('a take-over and a release are heard; the subscription says when it breaks and when it is back', async () => {
    const own = await startRedis(surroundings, never);
    const heard: string[] = [];
    const over = new AbortController();
    try {
      const store = open(own);
      const listening = open(own).subscribe(
        'blue',
        (hint) => heard.push(hint),
        (up) => heard.push(up ? 'up' : 'down'),
        over.signal,
      );
      const hearing = (...expected: string[]) =>
        eventually(
          expected.join(),
          () => heard.join() === expected.join(),
          5_000,
          () => heard.join(),
        );
      await hearing('up');
      const grant = await win(store, 'n1');
      await hearing('up', 'changed');
      await store.release(grant, never);
      await hearing('up', 'changed', 'released');
      await own.restart();
      await hearing('up', 'changed', 'released', 'down', 'up');
      over.abort();
      await listening;
      expect(heard.at(-1)).toBe('up');
    } finally {
      over.abort();
      await own.stop();
    }
  });

  it('a subscription on which nothing comes any more is down after ten seconds at the latest', async () => {
    const own = await startRedis(surroundings, never);
    const over = new AbortController();
    const states: boolean[] = [];
    try {
      const onState = (up: boolean): void => void states.push(up);
      const listening = open(own).subscribe('blue', () => {}, onState, over.signal);
      await eventually('it is up', () => states.length === 1);
      own.pause();
      await eventually('it is down', () => states.join() === 'true,false', 11_000);
      own.resume();
      await eventually('it is up again', () => states.join() === 'true,false,true');
      over.abort();
      await listening;
    } finally {
      over.abort();
      await own.stop();
    }
  });

  it('a listener that gives up while the server hangs is done at once', async () => {
    const over = new AbortController();
    server.pause();
    try {
      const listening = open(server).subscribe(
        'blue',
        () => {},
        () => {},
        over.signal,
      );
      over.abort();
      await expect(listening).resolves.toBeUndefined();
    } finally {
      server.resume();
    }
  });
});
