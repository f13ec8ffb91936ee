/**
 * A thousand running workloads under two controllers: what is asked of the API server when nothing happens, what the
 * processes need, and what a take-over costs.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEvent } from '../sandbox/control-plane/audit.ts';
import type { ControllerProcess } from '../sandbox/controller-process.ts';
import { leaseName } from '../src/core/workload/names.ts';
import { eventually } from '../test/e2e/eventually.ts';
import { openWorld, type World } from '../test/e2e/world.ts';
import { watchConverged } from './converged.ts';
import type { Row, RowOptions, RowResult } from './row.ts';
import type { WorkloadSet } from './workload-set.ts';

const LIMIT_MS = 180_000;

/** `rssMiB` is the target of the larger of the two processes. `rounds` are minutes of idling. */
export function idleRow(set: WorkloadSet, { rssMiB }: { readonly rssMiB?: number } = {}): Row {
  return {
    name: `idle-${set.name}`,
    about: `${set.about}, all running, two controllers: requests when nothing happens, memory, and a take-over`,
    run: (options) => run(options, set, rssMiB),
  };
}

async function run(
  { rounds: minutes = 10, say }: RowOptions,
  set: WorkloadSet,
  rssMiB: number | undefined,
): Promise<RowResult> {
  const config = { workloads: set.section };
  const world = await openWorld({ nodes: 1, simulate: true });
  const converged = await watchConverged(world.sandbox.kubeconfig);
  try {
    const pair = [await world.controller('controller-a', config)];
    await world.leader(pair);
    pair.push(await world.controller('controller-b', config));
    await converged.reach(set.count, LIMIT_MS);
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
    const before = converged.snapshot();
    const taken = await takeOver(world, pair, set.count);
    const after = converged.snapshot();
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
        {
          name: 'RSS, larger of two, MiB',
          value: Math.max(...rss),
          unit: 'count',
          ...(rssMiB === undefined ? {} : { target: rssMiB }),
        },
        { name: 'CPU, larger of two, percent', value: Math.max(...cpu), unit: 'count' },
        { name: 'take-over: restarted instances', value: restarted, unit: 'count', target: 0 },
        { name: 'take-over: lock → first claim', value: taken.firstMs, unit: 'ms', target: 500 },
        { name: 'take-over: lock → all claimed', value: taken.allMs, unit: 'ms', target: 5000 },
      ],
      samples: { rss, cpu },
      setup: { minutes, workloads: set.count, store: 'lease' },
    };
  } finally {
    await converged.close();
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

/** Kills the leader; from the Lease update of the next one to its first and its last claim, by the audit log. */
async function takeOver(
  world: World,
  pair: readonly ControllerProcess[],
  workloads: number,
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
    if (isClaim(event)) claims.push(Date.parse(event.stageTimestamp));
  }
  if (won === undefined || claims.length < workloads) throw new Error(`${claims.length} claims seen`);
  return { firstMs: Math.min(...claims) - won, allMs: Math.max(...claims) - won };
}

/** Candidates also say in a Lease that they are there: that is another one. */
function isOfLock({ objectRef, verb }: AuditEvent): boolean {
  return verb === 'update' && objectRef?.resource === 'leases' && objectRef.name === leaseName('default');
}

/** A term is written on every pod, and on what makes pods. */
function isClaim({ objectRef, verb }: AuditEvent): boolean {
  return (
    verb === 'patch' &&
    ['pods', 'deployments', 'statefulsets', 'cronjobs'].includes(objectRef?.resource ?? '')
  );
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
