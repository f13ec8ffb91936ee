/** A verdict in words: for the terminal, and as a page. */
import type { Verdict } from './check.ts';
import type { Plan } from './schedule.ts';

/** What a crash take-over may take at most: the lock's time and half a second. */
function bound({ ttl }: Plan): number {
  return ttl + 500;
}

/** Whether no more than one take-over of a hundred took longer than allowed. */
export function isInTime(plan: Plan, { takeovers }: Verdict): boolean {
  return (quantile(takeovers, 0.99) ?? 0) <= bound(plan);
}

function quantile(ascending: readonly number[], share: number): number | undefined {
  return ascending[Math.min(ascending.length - 1, Math.ceil(share * ascending.length) - 1)];
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '-' : `${value.toFixed(0)} ms`;
}

/** Label and value, in order. */
function rows(plan: Plan, verdict: Verdict, faults: number): readonly (readonly [string, string])[] {
  const { takeovers } = verdict;
  const late = takeovers.filter((time) => time > bound(plan)).length;
  return [
    ['faults', String(faults)],
    ['changes of leader', String(verdict.transitions)],
    ['time in which two could act', `${verdict.overlapMs.toFixed(0)} ms`],
    ['guarded writes accepted', String(verdict.writes)],
    ['of a stale term, on an object of a newer one', String(verdict.staleWrites)],
    [
      'that arrived after the next term had begun, before it claimed their object',
      String(verdict.lateWrites),
    ],
    ['not judged by time, because the API server was out of reach', String(verdict.delayedWrites)],
    [
      `take-over after SIGKILL, nothing else broken (${takeovers.length} times)`,
      `p50 ${milliseconds(quantile(takeovers, 0.5))}, p99 ${milliseconds(quantile(takeovers, 0.99))}, ` +
        `max ${milliseconds(takeovers.at(-1))}; ${late} above T + 0.5 s = ${bound(plan)} ms`,
    ],
    ...histogram(takeovers).map(
      ([from, count]) =>
        [`take-overs from ${from} to ${from + BIN_MS} ms`, `${'#'.repeat(count)} ${count}`] as const,
    ),
    ['broken invariants', String(verdict.breaches.length)],
  ];
}

const BIN_MS = 250;

function histogram(times: readonly number[]): readonly (readonly [number, number])[] {
  const bins = Map.groupBy(times, (time) => Math.floor(time / BIN_MS) * BIN_MS);
  return [...bins].map(([from, members]) => [from, members.length] as const);
}

/** Lines for a terminal: the table, then each breach. */
export function describeVerdict(plan: Plan, verdict: Verdict, faults: number): string {
  const lines = rows(plan, verdict, faults).map(([label, value]) => `  ${label}: ${value}`);
  const breaches = verdict.breaches.map(
    ({ invariant, at, text }) => `${invariant} at ${new Date(at).toISOString()}: ${text}`,
  );
  return [`${plan.store}, seed ${plan.seed}:`, ...lines, ...breaches].join('\n');
}

/** The page that `--keep` writes. */
export function verdictPage(plan: Plan, verdict: Verdict, faults: number, machine: string): string {
  const { store, seed, duration, controllers, ttl } = plan;
  const command = `npm run chaos -- --store ${store} --minutes ${duration / 60_000} --seed ${seed} --controllers ${controllers} --ttl ${ttl}`;
  const table = rows(plan, verdict, faults).map(([label, value]) => `| ${label} | ${value} |`);
  return [
    `# Chaos: ${store}`,
    '',
    `${controllers} controllers, real processes on a real control plane, with the lock in ${store} and T = ${ttl / 1000} s. They were stopped, killed and`,
    'restarted, cut off from the store and from the API server, and the store was stopped and restarted, at random. Then the history was checked.',
    '',
    '```sh',
    command,
    '```',
    '',
    '| | |',
    '| --- | --- |',
    ...table,
    '',
    `Machine: ${machine}. How the check works: [chaos](../how-to/chaos.md).`,
    '',
  ].join('\n');
}
