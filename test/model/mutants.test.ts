import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants.ts';

const root = resolve(import.meta.dirname, '../..');
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'mutants-'));
  writeFileSync(join(copy, 'package.json'), '{ "type": "module" }');
  for (const folder of ['src', 'test/model'])
    cpSync(join(root, folder), join(copy, folder), { recursive: true });
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

describe('mutants', () => {
  it('passes unchanged', async () => {
    const { code, output } = await run(['test/model/run.ts', '--schedules', '200']);
    expect(output).toContain('"schedules":200');
    expect(code).toBe(0);
  });

  it.each(MUTANTS)('is noticed: $name', async ({ file, find, replace, command, notices }) => {
    const path = join(copy, file);
    const original = readFileSync(path, 'utf8');
    expect(original.split(find), `the text to change is not there exactly once in ${file}`).toHaveLength(2);
    writeFileSync(
      path,
      original.replace(find, () => replace),
    );
    try {
      const { code, output } = await run(command);
      expect(output).toMatch(notices);
      expect(code).toBe(1);
    } finally {
      writeFileSync(path, original);
    }
  });
});
