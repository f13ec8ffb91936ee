/**
 * Every rule of the chain, and every condition of the proofs, has a test that fails without it: each is taken out of a
 * copy of the source, and the tests beside the rules must notice.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CRON_MUTANTS } from './cron-mutants.ts';
import { OWNED_MUTANTS } from './owned-mutants.ts';
import { PROCESS_MUTANTS } from './process-mutants.ts';

const root = resolve(import.meta.dirname, '../..');
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'rule-mutants-'));
  writeFileSync(join(copy, 'package.json'), '{ "type": "module" }');
  for (const part of [
    'src',
    'test/pod-fixture.ts',
    'test/resource-fixture.ts',
    'test/workload-fixture.ts',
    'test/owned-fixture.ts',
    'test/cron-fixture.ts',
    'tsconfig.json',
  ])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
});

afterAll(() => rmSync(copy, { recursive: true }));

/** Exit code of the tests beside the rules, in the copy. */
function runTests(): Promise<number | null> {
  const vitest = join(copy, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', '--root', copy, '--bail', '1', 'src/core/reconcile'];
  const child = spawn(process.execPath, args, { cwd: copy, stdio: 'ignore' });
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', done);
  });
}

/** Runs the tests with `find` replaced in one file; the text must be there exactly once. */
async function runWith(file: string, find: string, replace: string): Promise<number | null> {
  const path = join(copy, file);
  const original = readFileSync(path, 'utf8');
  expect(original.split(find), `the text to change is not there exactly once in ${file}`).toHaveLength(2);
  writeFileSync(
    path,
    original.replace(find, () => replace),
  );
  try {
    return await runTests();
  } finally {
    writeFileSync(path, original);
  }
}

/** The chains, each with the conditions that are taken out of it and of what it asks. */
const CHAINS = [
  { file: 'src/core/reconcile/rules.ts', conditions: PROCESS_MUTANTS },
  { file: 'src/core/reconcile/owned-rules.ts', conditions: OWNED_MUTANTS },
  { file: 'src/core/reconcile/cron-rules.ts', conditions: CRON_MUTANTS },
];

/** One line each in the table of rules. */
function rulesOf(file: string): readonly { readonly name: string; readonly line: string }[] {
  return readFileSync(join(root, file), 'utf8')
    .split('\n')
    .filter((line) => /^ {2}\{ name: '/.test(line))
    .map((line) => ({ name: /name: '([^']+)'/.exec(line)?.[1] ?? line, line }));
}

describe('the tests beside the rules notice', () => {
  it('nothing when nothing was changed', async () => {
    expect(await runTests()).toBe(0);
  });

  describe.each(CHAINS)('in $file', ({ file, conditions }) => {
    it.each(rulesOf(file))('that the rule "$name" is missing', async ({ line }) => {
      expect(await runWith(file, `${line}\n`, '')).toBe(1);
    });

    it.each(conditions)('that this is not asked any more: $name', async (mutant) => {
      expect(await runWith(mutant.file, mutant.find, mutant.replace)).toBe(1);
    });
  });
});
