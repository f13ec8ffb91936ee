/**
 * The leader and one instance die together: how long until that instance runs again. The pod is deleted by force within
 * milliseconds of the SIGKILL, at a random phase of the renewals; the end is the line that the new process writes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControllerProcess } from '../sandbox/controller-process.ts';
import { refereedProcess } from '../sandbox/referee.ts';
import type { Pod } from '../src/core/manifests/pod.ts';
import { eventually } from '../test/e2e/eventually.ts';
import { openWorld, type World } from '../test/e2e/world.ts';
import type { BenchStore } from './store.ts';
import { percentile, type Row, type RowOptions, type RowResult } from './row.ts';

const WORKLOADS = 10;
/** On top of T, for everything that is not waiting for the lock to run out. */
const ALLOWANCE_MS = 800;
const RUNS_AGAIN_WITHIN_MS = 40_000;

const names = Array.from({ length: WORKLOADS }, (_, index) => `ten-${index}`);

/** One row for each store. */
export function failoverRow(storeName: string, openStore: () => Promise<BenchStore>): Row {
  return {
    name: `failover-${storeName}`,
    about: `${storeName} store, ${WORKLOADS} processes: SIGKILL of the leader with force delete of one pod → its next process writes`,
    run: (options) => run(options, openStore),
  };
}

async function run(
  { rounds = 20, say }: RowOptions,
  openStore: () => Promise<BenchStore>,
): Promise<RowResult> {
  const store = await openStore();
  const world = await openWorld();
  try {
    const again: number[] = [];
    const bare: number[] = [];
    let disturbed = 0;
    const pair = [await start(world, store, 'controller-a')];
    await world.leader(pair);
    pair.push(await start(world, store, 'controller-b'));
    await Promise.all(names.map((name) => world.running(name)));
    for (let round = 0; round < rounds; round++) {
      const victim = names[round % names.length] ?? '';
      await readyFollower(pair);
      const before = await snapshot(world);
      await sleep(Math.random() * (store.ttlMs / 5));
      const leader = await world.leader(pair);
      again.push(await killBoth(world, leader, victim));
      bare.push(await startBare(world, round));
      await world.running(victim, 20_000);
      disturbed += countDisturbed(before, await snapshot(world), victim);
      say(
        `round ${round + 1}: runs again after ${again.at(-1)?.toFixed(0)} ms (bare pod: ${bare.at(-1)?.toFixed(0)} ms)`,
      );
      await leader.exited;
      pair.splice(pair.indexOf(leader), 1, await start(world, store, leader.id));
    }
    const violations = world.referee.violations();
    if (violations.length > 0) throw new Error(violations.join('\n'));
    return {
      measures: [
        {
          name: 'runs again, max',
          value: Math.max(...again),
          unit: 'ms',
          target: store.ttlMs + ALLOWANCE_MS,
        },
        { name: 'runs again, median', value: percentile(again, 0.5), unit: 'ms' },
        { name: 'bare pod, create → writes, median', value: percentile(bare, 0.5), unit: 'ms' },
        { name: 'other instances disturbed', value: disturbed, unit: 'count', target: 0 },
      ],
      samples: { again, bare },
      setup: { rounds, ttlMs: store.ttlMs, workloads: WORKLOADS, store: store.name },
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

async function readyFollower(pair: readonly ControllerProcess[]): Promise<void> {
  for (const controller of pair)
    await eventually(
      `${controller.id} is ready`,
      async () => (await controller.get('/readyz')).status === 200,
    );
}

/** Milliseconds from the SIGKILL to the next line of the workload's journal. */
async function killBoth(world: World, leader: ControllerProcess, victim: string): Promise<number> {
  const starts = world.referee.starts(victim);
  const killedAt = BigInt(Date.now()) * 1_000_000n;
  leader.kill('SIGKILL');
  await world.deletePod(`${victim}-pod`, 0);
  await eventually(`${victim} runs again`, () => world.referee.starts(victim) > starts, RUNS_AGAIN_WITHIN_MS);
  const line = world.referee.journal(victim).findLast(({ kind }) => kind === 'start');
  return Number((line?.at ?? 0n) - killedAt) / 1e6;
}

/** The floor: an ordinary pod with the same script, created by hand, until its process writes. */
async function startBare(world: World, round: number): Promise<number> {
  const name = `bare-${round}`;
  const entry = refereedProcess(name, world.referee.dir) as {
    readonly env: Record<string, string>;
    readonly script: { readonly shell: string; readonly commands: readonly string[] };
  };
  const env = Object.entries({ ...entry.env, HIGHLANDER_FENCING_TOKEN: '1' }).map(([key, value]) => ({
    name: key,
    value,
  }));
  const args = ['-c', entry.script.commands.join('\n')];
  const containers = [{ name: 'main', image: 'busybox', command: [entry.script.shell], args, env }];
  const metadata = { name, namespace: 'default' };
  const began = BigInt(Date.now()) * 1_000_000n;
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers, terminationGracePeriodSeconds: 0 },
  };
  await world.sandbox.api.request('POST', '/api/v1/namespaces/default/pods', { body: pod });
  await eventually('the bare pod writes', () => world.referee.starts(name) > 0);
  const line = world.referee.journal(name).at(-1);
  await world.deletePod(name, 0);
  return Number((line?.at ?? 0n) - began) / 1e6;
}

type Fingerprint = Readonly<Record<string, string>>;

/** Pod uid, start time and restart count of each workload. */
async function snapshot(world: World): Promise<Fingerprint> {
  const entries = await Promise.all(
    names.map(async (name) => [name, describe(await world.pod(`${name}-pod`))] as const),
  );
  return Object.fromEntries(entries);
}

function describe(pod: Pod | undefined): string {
  const restarts = pod?.status?.containerStatuses?.map((status) => status.restartCount).join();
  return `${pod?.metadata.uid} ${pod?.status?.startTime} ${restarts}`;
}

function countDisturbed(before: Fingerprint, after: Fingerprint, victim: string): number {
  return names.filter((name) => name !== victim && before[name] !== after[name]).length;
}
