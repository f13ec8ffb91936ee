/**
 * A thousand process workloads on a simulated node: from the start of the controller until all are Ready, beside a floor
 * that creates as many bare pods; then what two controllers cost when nothing happens, and what a take-over costs.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEvent } from '../sandbox/control-plane/audit.ts';
import type { ControllerProcess } from '../sandbox/controller-process.ts';
import { leaseName } from '../src/core/workload/names.ts';
import { eventually } from '../test/e2e/eventually.ts';
import { openWorld, type World } from '../test/e2e/world.ts';
import { watchReadyPods } from './ready-pods.ts';
import { percentile, type Row, type RowOptions, type RowResult } from './row.ts';

const WORKLOADS = 1000;
/** A slower floor means that the machine was busy with something else: the row says nothing. */
const SLOWEST_FLOOR_MS = 12_000;
const LIMIT_MS = 180_000;

export const convergeRow: Row = {
  name: 'scale-1000',
  about: `${WORKLOADS} processes on a simulated node: start of the controller → all Ready, beside a floor of bare pods`,
  run: runConverge,
};

export const idleRow: Row = {
  name: 'idle-1000',
  about: `${WORKLOADS} running processes, two controllers: requests when nothing happens, memory, and a take-over`,
  run: runIdle,
};

async function runConverge({ rounds = 3, say }: RowOptions): Promise<RowResult> {
  const floor: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < rounds; round++) {
    floor.push(await measureFloor());
    ours.push(await measureOurs());
    say(`round ${round + 1}: floor ${floor.at(-1)?.toFixed(0)} ms, ours ${ours.at(-1)?.toFixed(0)} ms`);
  }
  const floorMedian = percentile(floor, 0.5);
  if (floorMedian > SLOWEST_FLOOR_MS) throw new Error(`void: the floor took ${floorMedian.toFixed(0)} ms`);
  return {
    measures: [
      { name: 'ours / floor', value: percentile(ours, 0.5) / floorMedian, unit: 'ratio', target: 1.3 },
      { name: 'ours, median', value: percentile(ours, 0.5), unit: 'ms' },
      { name: 'floor, median', value: floorMedian, unit: 'ms' },
    ],
    samples: { floor, ours },
    setup: { rounds, workloads: WORKLOADS, store: 'lease' },
  };
}

async function measureFloor(): Promise<number> {
  const world = await openWorld({ nodes: 1, simulate: true });
  const pods = await watchReadyPods(world.sandbox.kubeconfig);
  try {
    const began = performance.now();
    const program = spawn(
      process.execPath,
      [join(import.meta.dirname, 'floor.ts'), world.sandbox.kubeconfig, String(WORKLOADS)],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    const ended = once(program, 'exit');
    const done = await pods.reach(WORKLOADS, LIMIT_MS);
    await ended;
    return done - began;
  } finally {
    await pods.close();
    await world.stop();
  }
}

async function measureOurs(): Promise<number> {
  const world = await openWorld({ nodes: 1, simulate: true });
  const pods = await watchReadyPods(world.sandbox.kubeconfig);
  try {
    const kubeconfig = await world.identity('controller-a');
    const began = performance.now();
    await world.controller('controller-a', config(), { kubeconfig });
    return (await pods.reach(WORKLOADS, LIMIT_MS)) - began;
  } finally {
    await pods.close();
    await world.stop();
  }
}

function config(): Record<string, unknown> {
  const processes = Array.from({ length: WORKLOADS }, (_, index) => ({
    name: `w-${index}`,
    image: 'busybox',
    script: { commands: ['sleep 1000000'] },
    restartPolicy: 'Always',
  }));
  return { workloads: { processes } };
}

/** `rounds` are minutes of idling here. */
async function runIdle({ rounds: minutes = 10, say }: RowOptions): Promise<RowResult> {
  const world = await openWorld({ nodes: 1, simulate: true });
  const pods = await watchReadyPods(world.sandbox.kubeconfig);
  try {
    const pair = [await world.controller('controller-a', config())];
    await world.leader(pair);
    pair.push(await world.controller('controller-b', config()));
    await pods.reach(WORKLOADS, LIMIT_MS);
    await eventually('both are ready', async () => (await Promise.all(pair.map(isReady))).every(Boolean));
    // What the start caused (events, retries) is over when a whole renewal has passed without another write.
    await sleep(10_000);
    const since = new Date().toISOString();
    const cpuBefore = pair.map(({ pid }) => cpuSeconds(pid));
    await sleep(minutes * 60_000);
    const counted = await countRequests(world, since);
    const rss = pair.map(({ pid }) => residentMiB(pid));
    const cpu = pair.map(
      ({ pid }, index) => ((cpuSeconds(pid) - (cpuBefore[index] ?? 0)) / (minutes * 60)) * 100,
    );
    say(`idle: ${JSON.stringify(counted)}; RSS ${rss.map((value) => value.toFixed(0)).join(' and ')} MiB`);
    const before = pods.snapshot();
    const taken = await takeOver(world, pair);
    const after = pods.snapshot();
    const restarted = [...before].filter(([uid, restarts]) => after.get(uid) !== restarts).length;
    return {
      measures: [
        {
          name: 'requests a second, without renewals',
          value: counted.others / (minutes * 60),
          unit: 'count',
          target: 0.5,
        },
        { name: 'lock renewals a second', value: counted.renewals / (minutes * 60), unit: 'count' },
        { name: 'RSS, larger of two, MiB', value: Math.max(...rss), unit: 'count', target: 130 },
        { name: 'CPU, larger of two, percent', value: Math.max(...cpu), unit: 'count' },
        { name: 'take-over: restarted instances', value: restarted, unit: 'count', target: 0 },
        { name: 'take-over: lock → first write on a pod', value: taken.firstMs, unit: 'ms', target: 500 },
        { name: 'take-over: lock → all claimed', value: taken.allMs, unit: 'ms', target: 5000 },
      ],
      samples: { rss, cpu },
      setup: { minutes, workloads: WORKLOADS, store: 'lease' },
    };
  } finally {
    await pods.close();
    await world.stop();
  }
}

async function isReady(controller: ControllerProcess): Promise<boolean> {
  return (await controller.get('/readyz')).status === 200;
}

interface RequestCount {
  readonly renewals: number;
  readonly others: number;
}

/** What the two controllers asked of the API server since then, watches that were opened included. */
async function countRequests(world: World, since: string): Promise<RequestCount> {
  let renewals = 0;
  let others = 0;
  for await (const event of world.sandbox.audit()) {
    const isOurs = event.user.username.startsWith('controller-') && event.requestReceivedTimestamp > since;
    // A watch is logged twice: when it starts, and when it ends.
    if (!isOurs || (event.verb === 'watch' && event.stage !== 'ResponseStarted')) continue;
    if (isOfLock(event)) renewals += 1;
    else others += 1;
  }
  return { renewals, others };
}

/** Candidates also say in a Lease that they are there: that is another one. */
function isOfLock({ objectRef, verb }: AuditEvent): boolean {
  return verb === 'update' && objectRef?.resource === 'leases' && objectRef.name === leaseName('default');
}

/** Kills the leader; from the Lease update of the next one to its first and its last claim, by the audit log. */
async function takeOver(
  world: World,
  pair: readonly ControllerProcess[],
): Promise<{ readonly firstMs: number; readonly allMs: number }> {
  const leader = await world.leader(pair);
  const next = pair.find((controller) => controller !== leader);
  if (next === undefined) throw new Error('no second controller');
  const since = new Date().toISOString();
  leader.kill('SIGKILL');
  await next.waitForLog(
    'that all workloads were looked at',
    ({ msg }) => msg === 'all workloads looked at',
    60_000,
  );
  let won: number | undefined;
  const claims: number[] = [];
  for await (const event of world.sandbox.audit()) {
    if (
      event.requestReceivedTimestamp <= since ||
      event.user.username !== next.id ||
      event.stage !== 'ResponseComplete'
    )
      continue;
    if ((event.responseStatus?.code ?? 500) >= 300) continue;
    if (isOfLock(event)) won ??= Date.parse(event.stageTimestamp);
    if (event.objectRef?.resource === 'pods' && event.verb === 'patch')
      claims.push(Date.parse(event.stageTimestamp));
  }
  if (won === undefined || claims.length < WORKLOADS) throw new Error(`${claims.length} claims seen`);
  return { firstMs: Math.min(...claims) - won, allMs: Math.max(...claims) - won };
}

function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

/** utime and stime of proc(5) stat, in ticks of 10 ms. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
