/** Electors on a real Redis: hand-over among ours, and a rolling migration from the Go program, which deletes unguarded. */
import { createClient } from '@redis/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startRedis, type RedisServer } from '../../sandbox/servers/redis.ts';
import { openRedisLock } from '../../src/adapters/lock/redis.ts';
import { createSystem } from '../../src/adapters/system.ts';
import type { AnchorRecord } from '../../src/core/election/record.ts';
import { planTiming, type Timing } from '../../src/core/election/timing.ts';
import type { FenceAnchor } from '../../src/ports/fence-anchor.ts';
import { createElector } from '../../src/runtime/elector.ts';
import { eventually } from '../e2e/eventually.ts';

const LOCK = 'highlander-leader-lock:blue';
const GO_RECORD =
  '{"value":"go-1","clusterName":"","createdAt":"2026-11-22T16:41:08.846829842Z","updatedAt":"2026-11-22T16:41:08.846829842Z",' +
  '"expiresAt":"2026-11-22T16:42:48.846829842Z","ttl":100000000000,"version":1795365668846829846}';
/** The Go program's own compare-and-delete. */
const GO_RELEASE = `
  local text = redis.call('GET', KEYS[1])
  if text and cjson.decode(text).value == ARGV[1] then return redis.call('DEL', KEYS[1]) end
  return 0`;

const system = createSystem({ level: 'error', format: 'text', fields: {} });
const timing = timingOf(2_000);

function timingOf(ttl: number): Timing {
  const plan = planTiming(ttl);
  if ('problem' in plan) throw new Error(plan.problem.message);
  return plan.timing;
}

const surroundings = { env: process.env, progress: createProgress(process.stderr) };

let server: RedisServer;
let go: ReturnType<typeof createClient>;
let anchor: FenceAnchor;
let running: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  server = await startRedis(surroundings, new AbortController().signal);
  go = createClient({ url: `redis://${server.address}` });
  go.on('error', () => {});
  await go.connect();
});
afterAll(async () => {
  go.destroy();
  await server.stop();
});
beforeEach(async () => {
  await go.flushAll();
  await go.get(LOCK); // a connection of the Go program is known by the commands it sends
  anchor = createAnchor();
});
afterEach(async () => {
  for (const each of running) await each.stop();
  running = [];
});

/** The anchor of one cluster, shared by its electors. */
function createAnchor(): FenceAnchor {
  let stored: { record: AnchorRecord; version: string } | undefined;
  return {
    read: async () => (stored === undefined ? { kind: 'absent' } : { kind: 'present', ...stored }),
    raise: async (record, version) => {
      if (stored?.version !== version) return { kind: 'conflict' };
      stored = { record, version: String(record.epoch) };
      return { kind: 'raised', version: stored.version };
    },
    watch: (_onChange, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
  };
}

/** An elector of a process of its own, with what it told and when. */
function start(id: string, at = server, by = timing) {
  const events: { readonly at: number; readonly kind: string }[] = [];
  const stopping = new AbortController();
  const store = openRedisLock({ address: at.address, database: 0, timeout: by.opTimeout }, system);
  const leadership = {
    prepareTerm: () => {},
    startTerm: () => {},
    drain: async () => ({ clean: true }),
  };
  const elector = createElector(
    {
      store,
      anchor,
      system,
      leadership,
      observe: ({ kind }) => events.push({ at: performance.now(), kind }),
    },
    { name: 'blue', holder: `${id}/host/${id}`, timing: by, fingerprint: 'redis' },
  );
  const done = elector.run(stopping.signal);
  const process = {
    events,
    leads: () => elector.view().role === 'leading',
    epoch: () => elector.view().epoch,
    count: (kind: string) => events.filter((event) => event.kind === kind).length,
    stop: async () => {
      stopping.abort();
      await done;
      await store.close(); // safe to repeat
    },
  };
  running.push(process);
  return process;
}

/** How often the server ran a command since its statistics were reset. */
async function callsOf(client: typeof go): Promise<(command: string) => number> {
  const text = await client.info('commandstats');
  return (command) =>
    Number(new RegExp(`^cmdstat_${command.replace('|', '\\|')}:calls=(\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

function takeAsGo(): Promise<string | null> {
  return go.set(LOCK, GO_RECORD, { condition: 'NX', expiration: { type: 'EX', value: 100 } });
}

/** Compare and delete, look, and delete whatever is there: what the Go program was seen to send. */
async function releaseAsGo(): Promise<void> {
  await go.eval(GO_RELEASE, { keys: [LOCK], arguments: ['go-1'] });
  await sleep(50); // the time in which a successor that is told at once would have taken it
  if ((await go.get(LOCK)) !== null) await go.del(LOCK);
}

describe('among ours', () => {
  it('a standby that saw the leader takes over at once when it stops', async () => {
    const first = start('a');
    await eventually('a leads', first.leads);
    const second = start('b');
    await eventually('b has seen a', () => second.count('holder-changed') > 0);
    const stoppedAt = performance.now();
    await first.stop();
    await eventually('b leads', second.leads);
    expect(performance.now() - stoppedAt).toBeLessThan(500);
    expect(second.epoch()).toBe(2);
  });
});

describe('at rest, with the default TTL', () => {
  it('a leader renews once a second and a follower reads at most every four, by the count of the server', async () => {
    const own = await startRedis(surroundings, new AbortController().signal);
    const counter: typeof go = createClient({ url: `redis://${own.address}` });
    try {
      await counter.connect();
      const leader = start('a', own, timingOf(5_000));
      await eventually('a leads', leader.leads);
      const follower = start('b', own, timingOf(5_000));
      await eventually('b has seen a', () => follower.count('holder-changed') > 0);
      await counter.configResetStat();
      await sleep(12_000); // the time over which it is counted
      const calls = await callsOf(counter);
      expect(calls('pexpire')).toBeGreaterThan(9); // each renewal
      expect(calls('pexpire')).toBeLessThanOrEqual(13);
      expect(calls('pttl')).toBeLessThanOrEqual(3); // each look at a lock that is held
      expect(calls('evalsha')).toBe(calls('pexpire') + calls('pttl'));
      expect(calls('client|list')).toBe(0);
      await leader.stop();
      await follower.stop();
    } finally {
      counter.destroy();
      await own.stop();
    }
  });
});

describe('a start on a server without a lock', () => {
  it('is a leader within 0.8 s where nobody is connected who could be the Go program, again and again', async () => {
    const own = await startRedis(surroundings, new AbortController().signal);
    try {
      for (const id of ['a', 'b']) {
        const startedAt = performance.now();
        const process = start(id, own);
        await eventually(`${id} leads`, process.leads);
        expect(performance.now() - startedAt).toBeLessThan(800);
        await process.stop();
      }
    } finally {
      await own.stop();
    }
  });

  it('waits the three seconds while somebody is connected who could be', async () => {
    const startedAt = performance.now();
    const process = start('a');
    await eventually('a leads', process.leads);
    expect(performance.now() - startedAt).toBeGreaterThan(2_900);
  });
});

describe('a rolling migration', () => {
  it('a Go leader that releases loses nothing of ours: we take the lock once, two seconds later, and keep it', async () => {
    await takeAsGo();
    const ours = start('a');
    await eventually('the Go leader is seen', () => ours.count('holder-changed') > 0);
    await releaseAsGo();
    const releasedAt = performance.now();
    await eventually('we lead', ours.leads);
    expect(performance.now() - releasedAt).toBeGreaterThan(2_900);
    expect(ours.count('leader-elected')).toBe(1);
    expect(ours.count('leadership-lost')).toBe(0);
    expect(await takeAsGo()).toBeNull();
  });

  it('a Go instance that takes the lock while we still watch its absence leads alone', async () => {
    const ours = start('a');
    expect(await takeAsGo()).toBe('OK');
    await eventually('the Go leader is seen', () => ours.count('holder-changed') > 0);
    expect(ours.leads()).toBe(false);
  });

  it('a leader of ours whose lock is deleted stops leading before a Go instance can have seen it', async () => {
    const ours = start('a');
    await eventually('we lead', ours.leads);
    await go.del(LOCK);
    expect(await takeAsGo()).toBe('OK');
    const takenAt = performance.now();
    await eventually('we noticed', () => !ours.leads());
    expect(performance.now() - takenAt).toBeLessThan(timing.renewEvery + timing.opTimeout);
    await eventually('the Go leader is seen', () => ours.count('holder-changed') > 0);
    expect(await go.get(LOCK)).toBe(GO_RECORD);
  });
});
