/**
 * The leader is asked to stop, at a random phase of the renewals: how long until the next one acts. From the store's release (the Lease update that clears
 * the holder, as completed in the audit log) to the first write of the new leader on an instance pod, and whether
 * anything was restarted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEvent } from '../sandbox/control-plane/audit.ts';
import type { ControllerProcess } from '../sandbox/controller-process.ts';
import { refereedProcess } from '../sandbox/referee.ts';
import { eventually } from '../test/e2e/eventually.ts';
import { openWorld, type World } from '../test/e2e/world.ts';
import { percentile, type Row, type RowOptions, type RowResult } from './row.ts';

const WORKLOADS = 10;
/** R of the Lease store's default T of 8 s. */
const RENEW_MS = 1600;
const SETTLE_MS = 500;
const names = Array.from({ length: WORKLOADS }, (_, index) => `ten-${index}`);

export const handOverRow: Row = {
  name: 'hand-over-lease',
  about: `Lease store, ${WORKLOADS} processes: SIGTERM of the leader, release → first write of the next term on a pod`,
  run,
};

async function run({ rounds = 100, say }: RowOptions): Promise<RowResult> {
  const world = await openWorld();
  try {
    const pair = [await start(world, 'controller-a')];
    await world.leader(pair);
    pair.push(await start(world, 'controller-b'));
    await Promise.all(names.map((name) => world.running(name)));
    const starts = countStarts(world);
    const since = new Date().toISOString();
    for (let round = 0; round < rounds; round++) {
      for (const controller of pair)
        await eventually(
          `${controller.id} is ready`,
          async () => (await controller.get('/readyz')).status === 200,
        );
      // At a random phase of the renewals, and not in the first moments of a follower's life.
      await sleep(SETTLE_MS + Math.random() * RENEW_MS);
      const leader = await world.leader(pair);
      const others = pair.filter((controller) => controller !== leader);
      leader.kill('SIGTERM');
      await leader.exited;
      await world.leader(others);
      pair.splice(pair.indexOf(leader), 1, await start(world, leader.id));
      if ((round + 1) % 10 === 0) say(`${round + 1} hand-overs`);
    }
    const gaps = await measureGaps(world.sandbox.audit(), since);
    if (gaps.length < rounds)
      throw new Error(`${rounds} hand-overs, but only ${gaps.length} in the audit log`);
    return {
      measures: [
        { name: 'hand-over, p50', value: percentile(gaps, 0.5), unit: 'ms', target: 50 },
        { name: 'hand-over, p99', value: percentile(gaps, 0.99), unit: 'ms', target: 300 },
        { name: 'instances restarted', value: countStarts(world) - starts, unit: 'count', target: 0 },
      ],
      samples: { gaps },
      setup: { rounds, workloads: WORKLOADS, store: 'lease' },
    };
  } finally {
    await world.stop();
  }
}

function start(world: World, id: string): Promise<ControllerProcess> {
  const processes = names.map((name) => refereedProcess(name, world.referee.dir));
  return world.controller(id, { workloads: { processes } });
}

function countStarts({ referee }: World): number {
  return names.reduce((sum, name) => sum + referee.starts(name), 0);
}

/** Milliseconds of each hand-over, by the API server's clock alone. */
async function measureGaps(audit: AsyncIterable<AuditEvent>, since: string): Promise<number[]> {
  const writes: AuditEvent[] = [];
  for await (const event of audit) {
    const accepted = event.stage === 'ResponseComplete' && (event.responseStatus?.code ?? 500) < 300;
    if (accepted && event.requestReceivedTimestamp > since && (isRelease(event) || isPodWrite(event)))
      writes.push(event);
  }
  writes.sort((a, b) => a.stageTimestamp.localeCompare(b.stageTimestamp));
  const gaps: number[] = [];
  let released: AuditEvent | undefined;
  for (const event of writes) {
    if (isRelease(event)) released = event;
    else if (released !== undefined && event.user.username !== released.user.username) {
      gaps.push((micros(event.requestReceivedTimestamp) - micros(released.stageTimestamp)) / 1000);
      released = undefined;
    }
  }
  return gaps;
}

function isRelease({ objectRef, verb, requestObject }: AuditEvent): boolean {
  if (objectRef?.resource !== 'leases' || verb !== 'update') return false;
  const { spec } = requestObject as { readonly spec?: { readonly holderIdentity?: string } };
  return (spec?.holderIdentity ?? '') === '';
}

function isPodWrite({ objectRef, verb, user }: AuditEvent): boolean {
  return objectRef?.resource === 'pods' && verb === 'patch' && user.username.startsWith('controller-');
}

/** RFC 3339 with microseconds, as microseconds since the epoch. */
function micros(timestamp: string): number {
  const [seconds = '', fraction = ''] = timestamp.replace('Z', '').split('.');
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}
