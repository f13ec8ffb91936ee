/**
 * `npm run bench`: every measurement with its floor or peer from the same run, one table and one JSON file in
 * `bench/results/`. `--only ROW` runs one, `--rounds N` shortens it. Exit 0 all targets met, 3 one was missed, 1 failed.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pageRow, streamRow } from './api.ts';
import { failoverRow } from './failover.ts';
import { handOverRow } from './hand-over.ts';
import { idleRow } from './idle.ts';
import {
  openLeasePair,
  openMariadbPair,
  openPostgresPair,
  openRedisPair,
  openSqlitePair,
} from './lock-pair.ts';
import { cyclesRow, renewRow } from './lock-requests.ts';
import { metricsRow } from './metrics.ts';
import { replacementRow } from './replacement.ts';
import { convergeRow } from './scale.ts';
import { startRow } from './start.ts';
import {
  openLeaseStore,
  openMariadbStore,
  openPostgresStore,
  openRedisStore,
  openSqliteStore,
} from './store.ts';
import type { Measure, Row, RowResult } from './row.ts';
import { MIXED, PROCESSES } from './workload-set.ts';

const ROWS: readonly Row[] = [
  ...(
    [
      ['lease', openLeaseStore],
      ['redis', openRedisStore],
      ['postgres', openPostgresStore],
      ['mariadb', openMariadbStore],
      ['sqlite', openSqliteStore],
    ] as const
  ).flatMap(([name, open]) => [failoverRow(name, open), handOverRow(name, open)]),
  ...(
    [
      ['lease', openLeasePair],
      ['redis', openRedisPair],
      ['postgres', openPostgresPair],
      ['mariadb', openMariadbPair],
      ['sqlite', openSqlitePair],
    ] as const
  ).flatMap(([name, open]) => [cyclesRow(name, open), renewRow(name, open)]),
  startRow,
  convergeRow(PROCESSES, { slowestFloor: 12_000 }),
  convergeRow(MIXED, { slowestFloor: 30_000 }),
  idleRow(PROCESSES, { rssMiB: 130 }),
  idleRow(MIXED),
  replacementRow,
  pageRow,
  streamRow,
  metricsRow,
];
const TARGET_MISSED = 3;

const USAGE = `Usage: npm run bench -- [--only ROW] [--rounds N]\n\nRows: ${ROWS.map(({ name }) => name).join(', ')}`;

const values = readArguments();
const rows = ROWS.filter(({ name }) => values.only === undefined || name === values.only);
if (rows.length === 0) refuse(`no row ${values.only}`);

const missed: string[] = [];
for (const row of rows) {
  console.error(`\n${row.name}: ${row.about}`);
  const rounds = values.rounds === undefined ? {} : { rounds: Number(values.rounds) };
  const result = await row.run({ ...rounds, say: (line) => console.error(`  ${line}`) });
  for (const measure of result.measures) {
    console.log(render(row.name, measure));
    if (isMissed(measure)) missed.push(`${row.name}: ${measure.name}`);
  }
  save(row, result);
}
if (missed.length > 0) console.error(`\nmissed: ${missed.join('; ')}`);
process.exitCode = missed.length > 0 ? TARGET_MISSED : 0;

function isMissed({ value, target }: Measure): boolean {
  return target !== undefined && value > target;
}

function render(row: string, measure: Measure): string {
  const { name, value, unit, target } = measure;
  const verdict = target === undefined ? '' : ` (target ≤ ${target}${isMissed(measure) ? ', MISSED' : ''})`;
  return `${row.padEnd(18)} ${name.padEnd(36)} ${Number.isInteger(value) ? value : value.toFixed(unit === 'ratio' ? 2 : 1)} ${unit}${verdict}`;
}

/** One file per row, overwritten: the history is in the repository. */
function save(row: Row, result: RowResult): void {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  const record = {
    row: row.name,
    about: row.about,
    at: new Date().toISOString(),
    commit,
    machine,
    ...result,
  };
  writeFileSync(join(folder, `${row.name}.json`), `${JSON.stringify(record, null, 1)}\n`);
}

function readArguments(): { readonly only?: string; readonly rounds?: string } {
  try {
    const { values: found } = parseArgs({
      options: {
        only: { type: 'string' },
        rounds: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (found.help !== true) return found;
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function refuse(why: string): never {
  console.error(`${why}\n\n${USAGE}`);
  process.exit(2);
}
