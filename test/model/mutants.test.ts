import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MUTANTS, type Mutant } from './mutants.ts';
import { SINGLETON_MUTANTS } from './singleton-mutants.ts';

const root = resolve(import.meta.dirname, '../..');
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'mutants-'));
  writeFileSync(join(copy, 'package.json'), '{ "type": "module" }');
  for (const part of ['src', 'test/model', 'test/workload-fixture.ts'])
    cpSync(join(root, part), join(copy, part), { recursive: true });
});

afterAll(() => rmSync(copy, { recursive: true }));

async function run(command: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, command, { cwd: copy, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<number | null>((done, failed) => {
    child.once('error', failed);
    child.once('close', done);
  });
  return { output: await text(child.stdout), code: await exited };
}

/** The text with one place changed for as long as `act` runs. */
async function withMutant({ file, find, replace }: Mutant, act: () => Promise<void>): Promise<void> {
  const path = join(copy, file);
  const original = readFileSync(path, 'utf8');
  expect(original.split(find), `the text to change is not there exactly once in ${file}`).toHaveLength(2);
  writeFileSync(
    path,
    original.replace(find, () => replace),
  );
  try {
    await act();
  } finally {
    writeFileSync(path, original);
  }
}

const faultsIn = (transcript: string): number =>
  transcript.split('\n').filter((line) => /^ *[\d.]+ ! (?!start|calm)/.test(line)).length;

describe('mutants', () => {
  it('passes unchanged', async () => {
    const { code, output } = await run(['test/model/run.ts', '--schedules', '200']);
    expect(output).toContain('"schedules":200');
    expect(code).toBe(0);
  });

  it.each([...MUTANTS, ...SINGLETON_MUTANTS])('is noticed: $name', async (mutant) => {
    await withMutant(mutant, async () => {
      const { code, output } = await run(mutant.command);
      expect(output).toMatch(mutant.notices);
      expect(code).toBe(1);
    });
  });

  it('what notices one can be replayed, whole and with no fault more than it needs', async () => {
    const mutant = MUTANTS.find(({ name }) => name.startsWith('the right to act is remembered'));
    if (mutant === undefined) throw new Error('no such mutant');
    await withMutant(mutant, async () => {
      const { output } = await run(mutant.command);
      const [, invariant] = /"invariant":"(\w+)"/.exec(output) ?? [];
      const commandAfter = (word: string): readonly string[] =>
        new RegExp(`^${word}: node (.*)$`, 'm').exec(output)?.[1]?.split(' ') ?? [];
      const whole = await run(commandAfter('replay'));
      const shortest = await run(commandAfter('shortest'));
      for (const { code, output: transcript } of [whole, shortest]) {
        expect(transcript).toContain(`"invariant":"${invariant}"`);
        expect(code).toBe(1);
      }
      expect(faultsIn(shortest.output)).toBeGreaterThanOrEqual(1);
      expect(faultsIn(shortest.output)).toBeLessThan(faultsIn(whole.output));
    });
  });
});
