import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { runSchedule } from './schedule.ts';

const SCHEDULES = 10_000;
const WORKERS = 2;

interface Totals {
  readonly schedules: number;
  readonly events: number;
  readonly fewestEvents: number;
  readonly takeover: number;
  readonly takeoverUnderFaults: number;
  readonly lostReply: number;
}

/** A process of its own per share: the schedules are independent of each other. */
async function runShare(from: number, schedules: number): Promise<Totals> {
  const script = join(import.meta.dirname, 'run.ts');
  const child = spawn(process.execPath, [script, '--from', `${from}`, '--schedules', `${schedules}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
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

it('replays a seed exactly', async () => {
  const transcript = async (): Promise<string[]> => {
    const lines: string[] = [];
    await runSchedule(4711, { trace: (line) => lines.push(line) });
    return lines;
  };
  const first = await transcript();
  expect(first.length).toBeGreaterThan(10);
  expect(await transcript()).toEqual(first);
});
