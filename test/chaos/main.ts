/** `npm run chaos`: see the help below. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checkHistory } from './check.ts';
import { formatHistory, parseHistory, type Fact } from './history.ts';
import { describeVerdict, isInTime, verdictPage } from './report.ts';
import { runChaos } from './run.ts';
import { STORES, type Plan } from './schedule.ts';

const HELP = `Usage: npm run chaos -- --store ${STORES.join('|')} [--minutes M] [--seed S] [--controllers N] [--keep]

Runs controllers on a real control plane with the lock in a real store, breaks them, their wires and the store at
random, and checks what happened. Exits 1 if an invariant was broken, 3 if take-overs were late (p99 above T + 0.5 s).

Options:
  --store NAME      where the lock is kept
  --minutes M       how long faults are caused (default 1)
  --seed S          the same seed plans the same faults (default: a new one)
  --controllers N   3 to 5 (default 3)
  --ttl MS          the lock's time T in milliseconds (default 2000)
  --keep            writes docs/explanation/chaos-NAME.md
  --judge FILE      causes no faults: checks the history of an earlier run, which had the options given beside it

The history is written to .sandbox/chaos/NAME-SEED.jsonl.
`;

const TAKEOVERS_LATE = 3;
const ROOT = resolve(import.meta.dirname, '../..');

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const wanted = readArguments(args);
  if (typeof wanted === 'string') {
    process.stderr.write(`${wanted}\n\n${HELP}`);
    return 2;
  }
  if (wanted === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const { plan, isKept } = wanted;
  const file = wanted.judges ?? join(ROOT, '.sandbox', 'chaos', `${plan.store}-${plan.seed}.jsonl`);
  const facts =
    wanted.judges === undefined ? await causeFaults(plan, file) : parseHistory(await readFile(file, 'utf8'));
  const verdict = checkHistory(facts);
  const faults = facts.filter(({ kind }) => kind === 'fault').length;
  process.stdout.write(`${describeVerdict(plan, verdict, faults)}\nhistory: ${file}\n`);
  if (isKept) {
    const pages = join(ROOT, 'docs', 'explanation');
    await mkdir(pages, { recursive: true });
    const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.version}`;
    await writeFile(join(pages, `chaos-${plan.store}.md`), verdictPage(plan, verdict, faults, machine));
  }
  if (verdict.breaches.length > 0) return 1;
  return isInTime(plan, verdict) ? 0 : TAKEOVERS_LATE;
}

async function causeFaults(plan: Plan, file: string): Promise<readonly Fact[]> {
  const begin = performance.now();
  const facts = await runChaos(plan, (text) => {
    process.stderr.write(`${((performance.now() - begin) / 1000).toFixed(1).padStart(7)} s  ${text}\n`);
  });
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, formatHistory(facts));
  return facts;
}

interface Wanted {
  readonly plan: Plan;
  readonly isKept: boolean;
  /** The history of an earlier run. */
  readonly judges?: string;
}

/** What is asked for; undefined for help; a complaint if it cannot be. */
function readArguments(args: readonly string[]): Wanted | undefined | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        store: { type: 'string' },
        minutes: { type: 'string', default: '1' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        controllers: { type: 'string', default: '3' },
        ttl: { type: 'string', default: '2000' },
        keep: { type: 'boolean', default: false },
        judge: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return undefined;
    const [minutes, seed, controllers, ttl] = [
      values.minutes,
      values.seed,
      values.controllers,
      values.ttl,
    ].map(Number) as [number, number, number, number];
    const store = STORES.find((name) => name === values.store);
    if (store === undefined) return `--store is one of ${STORES.join(', ')}`;
    if (!(minutes > 0)) return '--minutes is a positive number';
    if (!Number.isSafeInteger(seed)) return '--seed is a whole number';
    if (![3, 4, 5].includes(controllers)) return '--controllers is 3, 4 or 5';
    if (!(ttl >= 1500)) return '--ttl is at least 1500';
    const plan = { seed, duration: minutes * 60_000, ttl, store, controllers };
    return { plan, isKept: values.keep, ...(values.judge === undefined ? {} : { judges: values.judge }) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
