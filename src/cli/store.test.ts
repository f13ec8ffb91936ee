import { expect, test } from 'vitest';
import { postgresSchema } from '../adapters/lock/postgres-schema.ts';
import { loadConfig } from '../config/load.ts';
import { store } from './store.ts';

function run(...argv: readonly string[]) {
  return store(argv, (flags) =>
    loadConfig(flags, {
      env: {},
      readFile: () => '',
      exists: () => false,
      list: () => [],
      homedir: '/home/u',
      cwd: '/w',
      hostname: 'h',
    }),
  );
}

test.each([
  [['--store', 'postgres']],
  [['--store=postgres']],
  [['--database-url', 'postgres://u:hunter2@h/d']],
])('prints the tables of PostgreSQL for %j', async (flags) => {
  expect(await run('schema', ...flags)).toEqual({ exit: 0, stdout: postgresSchema(), stderr: '' });
});

test('prints the tables of MySQL, one statement after the other', async () => {
  const { stdout } = await run('schema', '--store', 'mysql');
  expect(stdout.match(/^CREATE TABLE IF NOT EXISTS \w+/gm)).toHaveLength(2);
  expect(stdout).toMatch(/;\n$/);
});

test.each([
  [[], 'store can only do one thing'],
  [['tables'], 'store can only do one thing'],
  [['schema', '--store', 'oracle'], '--store is one of postgres, mysql, sqlite'],
  [['schema', '--store'], '--store is one of'],
  [['schema'], 'the lease store has no tables'],
  [['schema', '--database-url', 'oracle://u:hunter2@h/d'], 'names no database'],
])('%j is refused with exit code 2 and nothing on stdout', async (argv, message) => {
  const { exit, stdout, stderr } = await run(...argv);
  expect([exit, stdout]).toEqual([2, '']);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('hunter2');
});

test('names all it creates, in one transaction that can be run again', () => {
  const sql = postgresSchema();
  expect(sql.match(/CREATE TABLE IF NOT EXISTS (\w+)/g)).toEqual([
    'CREATE TABLE IF NOT EXISTS highlander_schema',
    'CREATE TABLE IF NOT EXISTS highlander_lease',
  ]);
  expect(sql).toMatch(/^(?:--.*\n)+BEGIN;/);
  expect(sql).toMatch(/COMMIT;\n$/);
});
