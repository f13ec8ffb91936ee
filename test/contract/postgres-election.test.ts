/** Real electors on a real PostgreSQL: what they cost it at rest, and how fast a release is passed on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createProgress } from '../../sandbox/progress.ts';
import { startPostgres, type PostgresServer } from '../../sandbox/servers/postgres.ts';
import { createSystem } from '../../src/adapters/system.ts';
import type { AnchorRecord } from '../../src/core/election/record.ts';
import { planTiming } from '../../src/core/election/timing.ts';
import type { FenceAnchor } from '../../src/ports/fence-anchor.ts';
import { createElector } from '../../src/runtime/elector.ts';
import { eventually } from '../e2e/eventually.ts';
import { PostgresBench } from './postgres-bench.ts';

const TTL = 5_000;
const SETTLING_MS = 12_000;
const OBSERVED_SECONDS = 16;
const system = createSystem({ level: 'error', format: 'text', fields: {} });
const bench = new PostgresBench();
let server: PostgresServer;

beforeAll(async () => {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  server = await startPostgres(surroundings, new AbortController().signal);
});
afterAll(async () => {
  await bench.close();
  await server?.stop();
});

/** One anchor for all of them, as in one cluster. */
function openAnchor(): FenceAnchor {
  let present: { readonly record: AnchorRecord; readonly version: string } | undefined;
  return {
    read: async () => (present === undefined ? { kind: 'absent' } : { kind: 'present', ...present }),
    raise: async (record, version) => {
      if (version !== present?.version) return { kind: 'conflict' };
      present = { record, version: String(record.epoch) };
      return { kind: 'raised', version: present.version };
    },
    watch: (_onChange, signal) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
  };
}

async function candidate(holder: string, anchor: FenceAnchor) {
  const plan = planTiming(TTL);
  if ('problem' in plan) throw new Error(plan.problem.message);
  const { timing } = plan;
  const store = await bench.open(server, { timeout: timing.opTimeout });
  const leadership = { prepareTerm: () => {}, startTerm: () => {}, drain: async () => ({ clean: true }) };
  const elector = createElector(
    { store, anchor, system, leadership, observe: () => {} },
    { name: 'blue', holder, timing, fingerprint: 'f' },
  );
  const over = new AbortController();
  const running = elector.run(over.signal);
  return {
    leads: () => elector.view().role === 'leading',
    async stop(): Promise<void> {
      over.abort();
      await running;
    },
  };
}

it('a leader writes once a second, three followers ask at most every four, and a release is taken up at once', async () => {
  const anchor = openAnchor();
  const leader = await candidate('a', anchor);
  await eventually('one leads', () => leader.leads());
  const followers = await Promise.all(['b', 'c', 'd'].map((holder) => candidate(holder, anchor)));
  // They listen and have looked; a session that rests reports what it did at the latest after ten seconds.
  await sleep(SETTLING_MS);
  const before = await bench.tableUse(server);
  await sleep(OBSERVED_SECONDS * 1_000);
  const after = await bench.tableUse(server);
  const written = after.written - before.written;
  // The server counts late by up to a second. A renewal looks at the row twice, and so does a request in vain.
  expect(written).toBeGreaterThanOrEqual(OBSERVED_SECONDS - 3);
  expect(written).toBeLessThanOrEqual(OBSERVED_SECONDS + 2);
  const requests = (after.scans - before.scans) / 2 - written;
  expect(requests).toBeLessThanOrEqual(followers.length * (OBSERVED_SECONDS / 4 + 1));
  const releasedAt = performance.now();
  await leader.stop();
  await eventually('another leads', () => followers.some((follower) => follower.leads()));
  expect(performance.now() - releasedAt).toBeLessThan(1_000);
  await Promise.all(followers.map((follower) => follower.stop()));
});
