/**
 * The leader is asked to stop, at a random phase of the renewals: how long until the next one acts. From the store's
 * release to the first write of the new leader on an instance pod in the audit log, and whether anything was restarted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEvent } from '../sandbox/control-plane/audit.ts';
import type { ControllerProcess } from '../sandbox/controller-process.ts';
import { refereedProcess } from '../sandbox/referee.ts';
import { eventually } from '../test/e2e/eventually.ts';
import { openWorld, type World } from '../test/e2e/world.ts';
import { micros, type BenchStore, type Micros } from './store.ts';
import { percentile, type Row, type RowOptions, type RowResult } from './row.ts';

const WORKLOADS = 10;
const SETTLE_MS = 500;
const names = Array.from({ length: WORKLOADS }, (_, index) => `ten-${index}`);

/** One row for each store. */
export function handOverRow(storeName: string, openStore: () => Promise<BenchStore>): Row {
  return {
    name: `hand-over-${storeName}`,
    about: `${storeName} store, ${WORKLOADS} processes: SIGTERM of the leader, release → first write of the next term on a pod`,
    run: (options) => run(options, openStore),
  };
}

async function run(
  { rounds = 100, say }: RowOptions,
  openStore: () => Promise<BenchStore>,
): Promise<RowResult> {
  const store = await openStore();
  const world = await openWorld();
  try {
    const pair = [await start(world, store, 'controller-a')];
    await world.leader(pair);
    pair.push(await start(world, store, 'controller-b'));
    await Promise.all(names.map((name) => world.running(name)));
    const starts = countStarts(world);
    const since = Date.now() * 1000;
    for (let round = 0; round < rounds; round++) {
      for (const controller of pair)
        await eventually(
          `${controller.id} is ready`,
          async () => (await controller.get('/readyz')).status === 200,
        );
      // At a random phase of the renewals, and not in the first moments of a follower's life.
      await sleep(SETTLE_MS + (Math.random() * store.ttlMs) / 5);
      const leader = await world.leader(pair);
      const next = pair.find((controller) => controller !== leader);
      if (next === undefined) throw new Error('no second controller');
      // The successor is listened to, not asked: answering would be work of its own at that moment.
      const heard = next.log.length;
      leader.kill('SIGTERM');
      await leader.exited;
      await next.waitForLog(
        'that it has looked at all workloads',
        (line) => line.msg === 'all workloads looked at' && next.log.indexOf(line) >= heard,
      );
      pair.splice(pair.indexOf(leader), 1, await start(world, store, leader.id));
      if ((round + 1) % 10 === 0) say(`${round + 1} hand-overs`);
    }
    const gaps = await measureGaps(world, await store.releases(world), since);
    if (gaps.length < rounds)
      throw new Error(`${rounds} hand-overs, but only ${gaps.length} in the audit log`);
    return {
      measures: [
        { name: 'hand-over, p50', value: percentile(gaps, 0.5), unit: 'ms', target: 50 },
        { name: 'hand-over, p99', value: percentile(gaps, 0.99), unit: 'ms', target: 300 },
        { name: 'instances restarted', value: countStarts(world) - starts, unit: 'count', target: 0 },
      ],
      samples: { gaps },
      setup: { rounds, workloads: WORKLOADS, store: store.name, ttlMs: store.ttlMs },
    };
  } finally {
    await world.stop();
    await store.stop();
  }
}

function start(world: World, store: BenchStore, id: string): Promise<ControllerProcess> {
  const processes = names.map((name) => refereedProcess(name, world.referee.dir));
  return world.controller(id, { ...store.config, workloads: { processes } });
}

function countStarts({ referee }: World): number {
  return names.reduce((sum, name) => sum + referee.starts(name), 0);
}

/** From each release to the next write of a controller on a pod. */
async function measureGaps(world: World, releases: readonly Micros[], since: Micros): Promise<number[]> {
  const writes: Micros[] = [];
  for await (const event of world.sandbox.audit())
    if (isPodWrite(event)) writes.push(micros(event.requestReceivedTimestamp));
  writes.sort((x, y) => x - y);
  return releases
    .filter((release) => release > since)
    .flatMap((release) => {
      const first = writes.find((write) => write > release);
      return first === undefined ? [] : [(first - release) / 1000];
    });
}

function isPodWrite({ objectRef, verb, user, responseStatus, stage }: AuditEvent): boolean {
  const accepted = stage === 'ResponseComplete' && (responseStatus?.code ?? 500) < 300;
  return (
    accepted && objectRef?.resource === 'pods' && verb === 'patch' && user.username.startsWith('controller-')
  );
}
