import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockFile } from './file-lock.ts';

let root: string;
let file: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lock-'));
  file = join(root, 'lock');
});

afterEach(() => rm(root, { recursive: true }));

const soon = (): AbortSignal => AbortSignal.timeout(5_000);
const neverBusy = (): never => {
  throw new Error('it should be free');
};

test('who comes second is told once and gets it after the release', async () => {
  const order: string[] = [];
  const first = await lockFile(file, neverBusy, soon());
  const second = lockFile(file, () => order.push('busy'), soon()).then((lock) => {
    order.push('second has it');
    return lock;
  });
  await expect.poll(() => order).toEqual(['busy']);
  order.push('released');
  await first.release();
  await (await second).release();
  expect(order).toEqual(['busy', 'released', 'second has it']);
});

test('the lock of a process that was killed is free', async () => {
  const script = `
    const { lockFile } = await import(${JSON.stringify(new URL('file-lock.ts', import.meta.url).href)});
    await lockFile(${JSON.stringify(file)}, () => {}, new AbortController().signal);
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(other.stdout, 'data');
  const busy = new AbortController();
  await expect(lockFile(file, () => busy.abort(new Error('busy')), busy.signal)).rejects.toThrow('busy');
  other.kill('SIGKILL');
  await once(other, 'exit');
  const lock = await lockFile(file, () => {}, soon());
  await lock.release();
});

test('waiting ends with the signal, whose reason is thrown', async () => {
  const first = await lockFile(file, neverBusy, soon());
  const giveUp = new AbortController();
  const waiting = lockFile(file, () => giveUp.abort(new Error('given up')), giveUp.signal);
  await expect(waiting).rejects.toThrow('given up');
  await first.release();
});

test('a file that cannot be made is an error that names it', async () => {
  await expect(lockFile(join(root, 'no', 'lock'), neverBusy, soon())).rejects.toThrow(
    `cannot lock ${join(root, 'no', 'lock')}`,
  );
});
