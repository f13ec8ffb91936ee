/** The lock in a file of SQLite: what only a file on one host can get wrong. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HostClock } from '../../src/adapters/lock/sqlite-clock.ts';
import { openSqliteLock, type SqliteLockOptions } from '../../src/adapters/lock/sqlite.ts';
import { createSystem } from '../../src/adapters/system.ts';
import type { AcquireRequest, Grant, LockStore } from '../../src/ports/lock-store.ts';
import { eventually } from '../e2e/eventually.ts';
import { describeLockStore } from './lock-store.ts';
import type { Order } from './sqlite-contender.ts';

const system = createSystem({ level: 'error', format: 'text', fields: {} });
const stores: LockStore[] = [];
let folder: string;

function open(path: string, options: Partial<SqliteLockOptions> = {}): LockStore {
  const store = openSqliteLock({ path, timeout: 500, ...options }, system);
  stores.push(store);
  return store;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8-highlander-sqlite-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

describeLockStore(
  'sqlite',
  async () => ({
    store: open(join(folder, 'suite.db')),
    second: open(join(folder, 'suite.db')),
    another: () => open(join(folder, 'suite.db'), { timeout: 5_000 }),
    stop: async () => {},
  }),
  { crowd: 12 },
);

const TTL = 1500;
const never = new AbortController().signal;
const unavailable = (cause: string) => ({ kind: 'unavailable', cause: expect.stringContaining(cause) });

function request(nonce: string, options: Partial<AcquireRequest> = {}): AcquireRequest {
  return { name: 'blue', holder: `node-a/uid/${nonce}`, nonce, ttl: TTL, floor: 0, ...options };
}

async function win(store: LockStore, nonce: string, floor = 0): Promise<Grant & { ttl: number }> {
  const reply = await store.acquire(request(nonce, { floor }), never);
  if (reply.kind !== 'granted') throw new Error(`not granted: ${JSON.stringify(reply)}`);
  return { name: 'blue', nonce, epoch: reply.epoch, ttl: TTL };
}

/** A clock that a test moves, under a name of its own. */
function manualClock(name: string, milliseconds: number) {
  const state = { name, milliseconds };
  const openClock = async (): Promise<HostClock> => ({
    name: state.name,
    now: () => BigInt(Math.round(state.milliseconds * 1000)),
  });
  return { state, openClock };
}

async function listen(path: string) {
  const over = new AbortController();
  const heard: string[] = [];
  const onState = (up: boolean): void => void heard.push(up ? 'up' : 'down');
  const listening = open(path).subscribe('blue', (hint) => heard.push(hint), onState, over.signal);
  const end = async (): Promise<void> => {
    over.abort();
    await listening;
  };
  await eventually('it listens', () => heard.includes('up'), 5_000);
  return { heard, end };
}

describe('the lock in a file', () => {
  let path: string;
  let files = 0;
  beforeEach(() => {
    files += 1;
    path = join(folder, `lock-${files}.db`);
  });

  it('keeps its counter when the lock is released, and says who held it', async () => {
    const store = open(path);
    const grant = await win(store, 'n1', 6);
    expect(await store.release(grant, never)).toEqual({ kind: 'released' });
    expect(await store.read('blue', never)).toEqual({ kind: 'free', epoch: 7, lastHolder: 'node-a/uid/n1' });
  });

  it('writes epochs exactly, up to the last safe one, and refuses the next', async () => {
    const store = open(path);
    const last = Number.MAX_SAFE_INTEGER;
    const grant = await win(store, 'n1', last - 1);
    expect(grant.epoch).toBe(last);
    expect(await store.release(grant, never)).toEqual({ kind: 'released' });
    expect(await store.acquire(request('n2'), never)).toMatchObject(unavailable('cannot rise'));
    expect(await open(path).acquire(request('n2', { floor: last }), never)).toMatchObject(
      unavailable('cannot rise'),
    );
  });

  it('outlives the processes that used it', async () => {
    const store = open(path);
    const { epoch } = await win(store, 'n1', 4);
    await store.close();
    expect(await open(path).read('blue', never)).toMatchObject({ kind: 'held', nonce: 'n1', epoch });
  });

  it.each([
    ['a reboot', 'boot-2', 5],
    ['another time namespace whose clock is ahead', 'boot-1 time:[2]', 9_000_000],
  ])('after %s the lock is held for one TTL more, then granted', async (_what, name, at) => {
    const before = manualClock('boot-1', 1_000_000);
    await win(open(path, before), 'n1');
    const after = manualClock(name, at);
    const store = open(path, after);
    expect(await store.read('blue', never)).toMatchObject({ kind: 'held', nonce: 'n1', remaining: TTL });
    after.state.milliseconds += TTL - 1;
    expect(await store.acquire(request('n2'), never)).toMatchObject({ kind: 'held', view: { remaining: 1 } });
    after.state.milliseconds += 1;
    expect(await store.acquire(request('n2'), never)).toMatchObject({ kind: 'granted', epoch: 2 });
  });

  it('a holder by another clock that lives keeps the lock, however often it is looked at', async () => {
    const own = manualClock('boot-1', 1_000_000);
    const other = manualClock('boot-2', 5);
    const holder = open(path, own);
    const follower = open(path, other);
    const grant = await win(holder, 'n1');
    for (let step = 0; step < 10; step += 1) {
      own.state.milliseconds += TTL / 2;
      other.state.milliseconds += TTL / 2;
      expect(await holder.renew(grant, never)).toMatchObject({ kind: 'ok' });
      expect(await follower.acquire(request('n2'), never)).toMatchObject({ kind: 'held' });
    }
    other.state.milliseconds += TTL;
    expect(await follower.acquire(request('n2'), never)).toMatchObject({ kind: 'granted' });
    expect(await holder.renew(grant, never)).toMatchObject({ kind: 'lost' });
  });

  it('a clock that goes back grants nothing early', async () => {
    const clock = manualClock('boot-1', 1_000_000);
    const store = open(path, clock);
    await win(store, 'n1');
    clock.state.milliseconds -= 500_000;
    const reply = await store.acquire(request('n2'), never);
    expect(reply).toMatchObject({ kind: 'held', view: { remaining: TTL + 500_000 } });
  });

  it('a file that was deleted in use is noticed: the holder loses, the next one is told of amnesia', async () => {
    const store = open(path);
    const grant = await win(store, 'n1', 4);
    for (const name of ['', '-wal', '-shm']) await rm(path + name, { force: true });
    expect(await store.renew(grant, never)).toMatchObject(unavailable('deleted or replaced'));
    expect(await store.renew(grant, never)).toEqual({ kind: 'lost' });
    const next = await open(path).acquire(request('n2', { floor: grant.epoch }), never);
    expect(next).toMatchObject({ kind: 'granted', epoch: grant.epoch + 1, amnesia: true });
  });

  it('while another process holds the file a write fails at its deadline, without stopping the loop; a read works', async () => {
    const store = open(path);
    const grant = await win(store, 'n1');
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    try {
      let longest = 0;
      let last = performance.now();
      const pulse = setInterval(() => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }, 5);
      const startedAt = performance.now();
      expect(await store.renew(grant, never)).toMatchObject(unavailable('locked by another process'));
      expect(performance.now() - startedAt).toBeLessThan(900);
      clearInterval(pulse);
      expect(longest).toBeLessThan(250);
      expect(await store.read('blue', never)).toMatchObject({ kind: 'held', nonce: 'n1' });
    } finally {
      other.exec('ROLLBACK');
      other.close();
    }
    expect(await store.renew({ ...grant, ttl: 5000 }, never)).toMatchObject({ kind: 'ok' });
  });

  it('an aborted signal settles the call at once', async () => {
    const store = open(path, { timeout: 5000 });
    const grant = await win(store, 'n1');
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const caller = new AbortController();
    const reply = store.renew(grant, caller.signal);
    const startedAt = performance.now();
    caller.abort();
    expect(await reply).toMatchObject({ kind: 'unavailable' });
    expect(performance.now() - startedAt).toBeLessThan(100);
    other.exec('ROLLBACK');
    other.close();
  });

  describe('that cannot be used', () => {
    it('says so for a missing folder, a folder, damage, and what is no database', async () => {
      expect(await open(join(folder, 'no/where.db')).read('blue', never)).toMatchObject(
        unavailable(`there is no folder ${join(folder, 'no')}`),
      );
      await mkdir(path);
      expect(await open(path).read('blue', never)).toMatchObject(unavailable('is a folder'));
      await writeFile(`${path}.txt`, 'a letter to a friend, long enough to be looked at '.repeat(100));
      expect(await open(`${path}.txt`).read('blue', never)).toMatchObject(
        unavailable('no SQLite database, or damaged'),
      );
    });

    it('says so for a database of another program and leaves it as it is', async () => {
      const other = new DatabaseSync(path);
      other.exec('CREATE TABLE recipes (name TEXT)');
      other.close();
      expect(await open(path).acquire(request('n1'), never)).toMatchObject(unavailable('another program'));
      const look = new DatabaseSync(path);
      expect(look.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'recipes' }]);
      look.close();
    });

    it('is used as soon as it can be', async () => {
      const store = open(join(folder, `later-${files}`, 'lock.db'));
      expect(await store.read('blue', never)).toMatchObject({ kind: 'unavailable' });
      await mkdir(join(folder, `later-${files}`));
      expect(await store.read('blue', never)).toEqual({ kind: 'free', epoch: 0 });
    });
  });

  describe('gives notice', () => {
    it('of a take-over and of a release, not of renewals', async () => {
      const { heard, end } = await listen(path);
      const store = open(path);
      const grant = await win(store, 'n1');
      await eventually('the take-over is heard', () => heard.includes('changed'), 2_000);
      const before = heard.length;
      await store.renew(grant, never);
      await store.renew(grant, never);
      await store.release(grant, never);
      await eventually('the release is heard', () => heard.includes('released'), 2_000);
      expect(heard.slice(before)).toEqual(['released']);
      await end();
    });

    it('again after its file was deleted', async () => {
      const { heard, end } = await listen(path);
      await rename(`${path}-notice`, `${path}-away`);
      await eventually('it listens again', () => heard.join().includes('down,up'), 5_000);
      await win(open(path), 'n1');
      await eventually('the take-over is heard', () => heard.at(-1) === 'changed', 2_000);
      await end();
    });
  });

  describe('shared by processes', () => {
    const children: ChildProcess[] = [];
    afterEach(async () => {
      for (const child of children.splice(0)) {
        const gone = once(child, 'exit');
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill('SIGKILL');
        await gone;
      }
    });

    type Sent = Order extends infer Each ? (Each extends Order ? Omit<Each, 'id'> : never) : never;

    async function start() {
      const child = fork(fileURLToPath(new URL('sqlite-contender.ts', import.meta.url)), [path], {
        execArgv: [],
      });
      children.push(child);
      const waiting = new Map<number, (reply: any) => void>();
      const ready = Promise.withResolvers<void>();
      waiting.set(0, () => ready.resolve());
      child.on('message', ({ id, reply }: any) => waiting.get(id)?.(reply));
      await ready.promise;
      let orders = 0;
      const order = (sent: Sent): Promise<any> => {
        orders += 1;
        const answer = Promise.withResolvers<any>();
        waiting.set(orders, answer.resolve);
        child.send({ ...sent, id: orders });
        return answer.promise;
      };
      return { child, order };
    }

    it('goes to one of four that ask at once, and in the end to each, with rising epochs', async () => {
      const contenders = await Promise.all(Array.from({ length: 4 }, start));
      const epochs: number[] = [];
      const waiting = new Set(contenders.keys());
      while (waiting.size > 0) {
        const asked = [...waiting];
        const ask = async (index: number): Promise<any> =>
          contenders[index]?.order({ kind: 'acquire', nonce: `n${index}`, ttl: 30_000 });
        const replies = await Promise.all(asked.map(ask));
        const winners = asked.filter((_, index) => replies[index].kind === 'granted');
        expect(winners).toHaveLength(1);
        const [winner = -1] = winners;
        const { epoch } = replies[asked.indexOf(winner)];
        epochs.push(epoch);
        expect(await contenders[winner]?.order({ kind: 'release', nonce: `n${winner}`, epoch })).toEqual({
          kind: 'released',
        });
        waiting.delete(winner);
      }
      expect(epochs).toEqual([1, 2, 3, 4]);
    });

    it.each(['SIGKILL', 'SIGSTOP'] as const)(
      'is taken from a holder that got %s when its time has passed, not before',
      async (signal) => {
        const { child, order } = await start();
        const { epoch } = await order({ kind: 'acquire', nonce: 'n1', ttl: TTL });
        const heldFrom = performance.now();
        child.kill(signal);
        const store = open(path);
        const reply = await eventually('it is granted', async () => {
          const answer = await store.acquire(request('n2', { ttl: 10_000 }), never);
          return answer.kind === 'held' ? undefined : answer;
        });
        expect(reply).toMatchObject({ kind: 'granted', epoch: epoch + 1 });
        expect(performance.now() - heldFrom).toBeGreaterThan(TTL - 100);
        if (signal === 'SIGKILL') return;
        child.kill('SIGCONT');
        expect(await order({ kind: 'renew', nonce: 'n1', epoch, ttl: TTL })).toMatchObject({ kind: 'lost' });
        expect(await order({ kind: 'release', nonce: 'n1', epoch })).toEqual({ kind: 'not-ours' });
      },
    );
  });
});
