import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { runSchedule } from './schedule.ts';

const SCHEDULES = 10_000;
const SINGLETON_SCHEDULES = 2000;
const WORKERS = 2;

interface Totals {
  readonly schedules: number;
  readonly events: number;
  readonly fewestEvents: number;
  readonly takeover: number;
  readonly takeoverUnderFaults: number;
  readonly lostReply: number;
  readonly permits: number;
}

/** A process of its own per share: the schedules are independent of each other. */
async function runShare(from: number, schedules: number, ...rest: readonly string[]): Promise<Totals> {
  const script = join(import.meta.dirname, 'run.ts');
  const child = spawn(
    process.execPath,
    [script, '--from', `${from}`, '--schedules', `${schedules}`, ...rest],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const output = await text(child.stdout);
  if ((await exited) !== 0) throw new Error(output);
  return JSON.parse(output) as Totals;
}

it('keeps every invariant in 10,000 random schedules of faults', async () => {
  const share = SCHEDULES / WORKERS;
  const totals = await Promise.all(
    Array.from({ length: WORKERS }, (_, index) => runShare(1 + index * share, share)),
  );
  const sum = (field: keyof Totals): number => totals.reduce((total, one) => total + one[field], 0);
  const percent = (field: keyof Totals): string => `${((100 * sum(field)) / SCHEDULES).toFixed(0)} %`;
  console.log(
    `${sum('schedules')} schedules, ${sum('events')} events; with a take-over ${percent('takeover')}` +
      ` (under faults ${percent('takeoverUnderFaults')}), with a lost reply ${percent('lostReply')}`,
  );
  expect(sum('schedules')).toBe(SCHEDULES);
  expect(Math.min(...totals.map(({ fewestEvents }) => fewestEvents))).toBeGreaterThanOrEqual(50);
  expect(sum('takeoverUnderFaults')).toBeGreaterThanOrEqual(0.3 * SCHEDULES);
  expect(sum('lostReply')).toBeGreaterThanOrEqual(0.1 * SCHEDULES);
});

it('I8: no two instances of a workload could be running, and each comes back, whatever happens to controllers, cluster and pods', async () => {
  const share = SINGLETON_SCHEDULES / WORKERS;
  const totals = await Promise.all(
    Array.from({ length: WORKERS }, (_, index) => runShare(1 + index * share, share, '--singletons')),
  );
  const permits = totals.reduce((sum, total) => sum + total.permits, 0);
  console.log(`${SINGLETON_SCHEDULES} schedules of singletons, ${permits} permits`);
  // Two workloads each, and many of them replaced.
  expect(permits).toBeGreaterThan(2.5 * SINGLETON_SCHEDULES);
});

it('replays a seed exactly', async () => {
  const transcript = async (): Promise<string[]> => {
    const lines: string[] = [];
    for (const hasSingletons of [false, true])
      await runSchedule(4711, { hasSingletons, trace: (line) => lines.push(line) });
    return lines;
  };
  const first = await transcript();
  expect(first.length).toBeGreaterThan(10);
  expect(await transcript()).toEqual(first);
});
