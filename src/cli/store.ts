/** `store schema`: the tables of the lock as SQL, for operators whose controllers may not create them. */
import type { Config, LoadResult } from '../config/config.ts';
import { databaseEngine, type DatabaseEngine } from '../core/database-url.ts';
import { formatProblem, type Problem } from '../core/problem.ts';
import type { CommandResult } from './result.ts';

const ENGINES: readonly DatabaseEngine[] = ['postgres', 'mysql', 'sqlite'];

/**
 * Prints the SQL for `--store ENGINE`, else for the store that `load` finds configured with the other flags. Exit code 2
 * where the command line or the configuration is wrong, or where that store has no tables.
 */
export async function store(
  argv: readonly string[],
  load: (flags: readonly string[]) => LoadResult,
): Promise<CommandResult> {
  const [verb, ...rest] = argv;
  if (verb !== 'schema') return refuse(usage('store can only do one thing, schema'));
  const chosen = choose(rest, load);
  if (typeof chosen !== 'string') return refuse(...chosen);
  return { exit: 0, stdout: await schemaOf(chosen), stderr: '' };
}

function choose(
  argv: readonly string[],
  load: (flags: readonly string[]) => LoadResult,
): DatabaseEngine | readonly Problem[] {
  const at = argv.findIndex((argument) => argument === '--store' || argument.startsWith('--store='));
  if (at < 0) return configured(load(argv));
  const named = argv[at]?.split('=')[1] ?? argv[at + 1];
  return ENGINES.find((engine) => engine === named) ?? [usage(`--store is one of ${ENGINES.join(', ')}`)];
}

function configured(loaded: LoadResult): DatabaseEngine | readonly Problem[] {
  if ('problems' in loaded) return loaded.problems;
  return engineOf(loaded.config) ?? [usage(`the ${loaded.config.store.kind} store has no tables`)];
}

function engineOf({ store: chosen }: Config): DatabaseEngine | undefined {
  return chosen.kind === 'db' ? databaseEngine(chosen.url) : undefined;
}

async function schemaOf(engine: DatabaseEngine): Promise<string> {
  switch (engine) {
    case 'postgres':
      return (await import('../adapters/lock/postgres-schema.ts')).postgresSchema();
    case 'mysql':
      return (await import('../adapters/lock/mysql-statements.ts')).mysqlSchema();
    case 'sqlite':
      return (await import('../adapters/lock/sqlite-statements.ts')).sqliteSchema();
  }
}

function usage(message: string): Problem {
  return {
    code: 'Usage',
    message,
    hint: 'write: k8-highlander store schema [--store postgres|mysql|sqlite]',
  };
}

function refuse(...problems: readonly Problem[]): CommandResult {
  return { exit: 2, stdout: '', stderr: problems.map((problem) => `${formatProblem(problem)}\n`).join('') };
}
