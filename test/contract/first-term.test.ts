/** What the guard of the first term does where it cannot look: on a real Redis that hangs, refuses or is gone. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startRedis, type RedisServer } from '../../sandbox/servers/redis.ts';
import { openRedisSurvey } from '../../src/adapters/lock/redis-survey.ts';
import { createSystem } from '../../src/adapters/system.ts';
import type { AnchorView } from '../../src/ports/fence-anchor.ts';
import { guardFirstTerm, LOOK_LIMIT } from '../../src/runtime/first-term.ts';

const NEVER = new AbortController().signal;
const { clock, log } = createSystem({ level: 'error', format: 'text', fields: {} });

const RECORD = { epoch: 1, nonce: 'n', holder: 'a', fingerprint: 'f', ttl: 2_000, storeIdentity: '' };

let server: RedisServer;
beforeEach(async () => {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  server = await startRedis(surroundings, NEVER);
});
afterEach(() => server.stop());

/** The guarded anchor of a process of its own; `stored` is what the anchor itself answers. */
function guard(store: 'lease' | 'redis', stored: AnchorView = { kind: 'absent' }) {
  const warnings: unknown[] = [];
  const anchor = guardFirstTerm(
    {
      anchor: {
        read: async () => stored,
        raise: async () => ({ kind: 'conflict' }),
        watch: async () => {},
      },
      survey: openRedisSurvey({ address: server.address, database: 0, timeout: LOOK_LIMIT }, clock),
      cluster: {
        get: async () => ({ kind: 'gone' }),
        list: async () => ({ kind: 'done', items: [], resourceVersion: '1' }),
      },
      log: { ...log, warn: (_message, fields) => void warnings.push(fields) },
    },
    { tenant: 'blue', store, lookedIn: 'redis', workloads: [] },
  );
  return { warnings, read: async () => (await anchor.read(NEVER)).kind };
}

describe.each(['lease', 'redis'] as const)('with the store %s', (store) => {
  it('a free Redis delays nothing', async () => {
    // A machine that is busy with other tests may answer late; then the next look is in time.
    await vi.waitFor(async () => expect(await guard(store).read()).toBe('absent'), { timeout: 10_000 });
  });

  it('a Redis that hangs is asked three times, each in time, and then it goes on with one warning', async () => {
    server.pause();
    const { read, warnings } = guard(store);
    const before = performance.now();
    expect([await read(), await read(), await read()]).toEqual(['unavailable', 'unavailable', 'absent']);
    expect((performance.now() - before) / 3).toBeLessThan(300);
    expect(await read()).toBe('absent');
    expect(warnings).toHaveLength(1);
  });

  it('where this program led before, Redis is not asked', async () => {
    server.pause();
    const before = performance.now();
    expect(await guard(store, { kind: 'present', record: RECORD, version: '1' }).read()).toBe('present');
    expect(performance.now() - before).toBeLessThan(50);
  });
});

it('where nobody listens, a Lease can be led at once; the lock in Redis cannot', async () => {
  await server.kill();
  expect(await guard('lease').read()).toBe('absent');
  expect(await guard('redis').read()).toBe('unavailable');
});
