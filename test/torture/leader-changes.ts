/**
 * `npm run torture -- --leader-changes N --workloads M`: N changes of leader over M idle workloads, as many of each kind,
 * on two nodes with real processes. No pod, Job, restart count or generation may be another one afterwards.
 */
import { changeLeaders, allUp, census, idleWorkloads } from '../e2e/leader-changes.ts';
import { openWorld, staleWrites } from '../e2e/world.ts';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';

const KINDS = 4;

export interface LeaderChanges {
  readonly changes: number;
  /** A multiple of four. */
  readonly workloads: number;
}

export interface LeaderChangesOutcome extends LeaderChanges {
  /** What was there at first and is not any more, and what came in its place; and writes of an old term. */
  readonly failures: readonly string[];
  /** Pods, owners and Jobs that were compared. */
  readonly objects: number;
  readonly seconds: number;
}

/** @throws when nobody leads within a minute, or the workloads do not start. */
export async function changeLeadersOften({
  changes,
  workloads,
}: LeaderChanges): Promise<LeaderChangesOutcome> {
  const world = await openWorld();
  const controllers: ControllerProcess[] = [];
  const config = { leaderLockTTL: '2s', workloads: idleWorkloads(workloads / KINDS) };
  const start = async (): Promise<ControllerProcess> => {
    const controller = await world.controller(`change-${controllers.length}`, config);
    controllers.push(controller);
    return controller;
  };
  try {
    const first = await start();
    await allUp(world, workloads, () => controllers);
    const before = new Set(await census(world));
    const startedAt = performance.now();
    first.kill('SIGTERM');
    await changeLeaders({ world, start }, changes);
    const after = new Set(await census(world));
    const users = controllers.map(({ id }) => id);
    return {
      changes,
      workloads,
      failures: [
        ...[...before].filter((line) => !after.has(line)).map((line) => `gone: ${line}`),
        ...[...after].filter((line) => !before.has(line)).map((line) => `new: ${line}`),
        ...(await staleWrites(world.sandbox.audit(), users)),
      ],
      objects: before.size,
      seconds: Math.round((performance.now() - startedAt) / 1000),
    };
  } finally {
    await world.stop();
  }
}

/** The page of the documentation. */
export function reportLeaderChanges({
  changes,
  workloads,
  failures,
  objects,
  seconds,
}: LeaderChangesOutcome): string {
  return `# Changes of leader

Written by \`npm run torture -- --leader-changes ${changes} --workloads ${workloads} --keep\`. As many workloads of each kind idle on two
nodes of the sandbox, with real processes and a real control plane. The leader is ended, in turn by SIGTERM and by
SIGKILL, as soon as it has looked at every workload; another controller is started in its place.

- changes: ${changes} in ${seconds} s, over ${workloads} workloads
- pods with their restarts, owners and Jobs with their generations, compared before and after: ${objects}
- that were another one afterwards, and writes of an old term: ${failures.length}
${failures.map((failure) => `  - ${failure}\n`).join('')}`;
}
