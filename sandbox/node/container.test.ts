import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, describe, expect, test, vi } from 'vitest';

import { detectIsolation, processRuntime, simulatedRuntime } from './container.ts';
import type { Container, Isolation } from './container.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'container-'));
afterAll(() => rmSync(folder, { recursive: true }));

const env = { PATH: process.env['PATH'] ?? '' };

function sh(isolation: Isolation, script: string, log?: string): Promise<Container> {
  const launch = { argv: ['sh', '-c', script], env, cwd: folder };
  return processRuntime(isolation).start(log === undefined ? launch : { ...launch, log });
}

/** Processes whose command line contains `mark`. */
async function marked(mark: string): Promise<readonly string[]> {
  const { stdout } = await run('ps', ['-eo', 'pid,args', 'ww']);
  return stdout.split('\n').filter((line) => line.includes(mark) && !line.includes('ps -eo'));
}

const strongest = await detectIsolation();

describe.each([...new Set<Isolation>([strongest, 'process-group'])])('a container in a %s', (isolation) => {
  test('ends with the exit code of its command', async () => {
    const container = await sh(isolation, 'exit 3');
    expect(await container.exited).toEqual({ exitCode: 3 });
  });

  test('tells the process id of the command itself', async () => {
    const container = await sh(isolation, 'exec sleep 300');
    expect(container.pid).toBeGreaterThan(1);
    await vi.waitFor(() =>
      expect(readFileSync(`/proc/${container.pid}/cmdline`, 'utf8')).toBe('sleep\x00300\x00'),
    );
    container.terminate(0);
    await container.exited;
    expect(await marked('sleep 300')).toEqual([]);
  });

  test('that has no handler dies of SIGTERM with code 143, and children with it', async () => {
    const container = await sh(isolation, `sh -c 'sleep 301; :'; :`);
    await vi.waitFor(async () => expect((await marked('sleep 301')).length).toBeGreaterThan(0));
    container.terminate(10_000);
    expect((await container.exited).exitCode).toBe(143);
    expect(await marked('sleep 301')).toEqual([]);
  });

  test('that handles SIGTERM decides its own exit code', async () => {
    const log = join(folder, `trap-${isolation}`);
    const container = await sh(
      isolation,
      `trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done`,
      log,
    );
    await vi.waitFor(() => expect(readFileSync(log, 'utf8')).toContain('ready'));
    container.terminate(10_000);
    expect((await container.exited).exitCode).toBe(7);
  });

  test('that ends in the moment of SIGTERM still ends with its own exit code', async () => {
    const ends = Array.from({ length: 30 }, async (_, index) => {
      const log = join(folder, `moment-${isolation}-${index}`);
      const container = await sh(isolation, `trap 'exit 8' TERM; echo ready; while :; do :; done`, log);
      await vi.waitFor(() => expect(readFileSync(log, 'utf8')).toContain('ready'));
      container.terminate(10_000);
      return (await container.exited).exitCode;
    });
    expect(new Set(await Promise.all(ends))).toEqual(new Set([8]));
  });

  test('that ignores SIGTERM is killed when its grace is over, and a second call can only shorten it', async () => {
    const log = join(folder, `deaf-${isolation}`);
    const container = await sh(isolation, `trap '' TERM; echo ready; while :; do sleep 0.05; done`, log);
    await vi.waitFor(() => expect(readFileSync(log, 'utf8')).toContain('ready'));
    const begin = Date.now();
    container.terminate(600_000);
    container.terminate(300);
    container.terminate(600_000);
    expect((await container.exited).exitCode).toBe(137);
    expect(Date.now() - begin).toBeGreaterThanOrEqual(300);
  });

  test('writes its output to its log, and sees only the environment it was given', async () => {
    const log = join(folder, `log-${isolation}`);
    const container = await processRuntime(isolation).start({
      argv: ['sh', '-c', 'echo "$A"; env | grep -c HOME=; echo err >&2'],
      env: { ...env, A: 'one' },
      cwd: folder,
      log,
    });
    await container.exited;
    expect(readFileSync(log, 'utf8')).toBe('one\n0\nerr\n');
  });

  test('leaves no process of its group when its command ends', async () => {
    const container = await sh(isolation, 'sleep 302 & exit 0');
    expect(await container.exited).toEqual({ exitCode: 0 });
    await vi.waitFor(async () => expect(await marked('sleep 302')).toEqual([]));
  });

  test('is gone within five seconds of a kill -9 of its owner', async () => {
    const mark = isolation === 'process-group' ? 'sleep 303' : 'sleep 304';
    const escape = isolation === 'process-group' ? '' : 'setsid';
    const script = `(${escape} sh -c '(${escape} ${mark}; :) & ${mark}; :') & ${mark}; :`;
    const program = `
      const { processRuntime } = await import('${new URL('./container.ts', import.meta.url).href}');
      await processRuntime('${isolation}').start({ argv: ['sh', '-c', ${JSON.stringify(script)}], env: process.env, cwd: '/' });
      console.log('up');
      setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(owner.stdout, 'data');
    await vi.waitFor(async () => expect((await marked(mark)).length).toBeGreaterThanOrEqual(3), 5000);
    owner.kill('SIGKILL');
    await vi.waitFor(async () => expect(await marked(mark)).toEqual([]), 5000);
  });

  test('whose command does not exist ends with code 127', async () => {
    const container = await processRuntime(isolation).start({ argv: ['/does/not/exist'], env, cwd: folder });
    expect((await container.exited).exitCode).toBe(127);
  });

  test('ends with every session in it where it has a namespace; what leaves a process group outlives it', async () => {
    const mark = isolation === 'process-group' ? 'sleep 306' : 'sleep 305';
    const container = await sh(isolation, `setsid sh -c 'setsid ${mark} & ${mark}; :' & wait`);
    await vi.waitFor(async () => expect((await marked(mark)).length).toBeGreaterThanOrEqual(2));
    container.terminate(0);
    expect((await container.exited).exitCode).toBe(137);
    const survivors = await marked(mark);
    for (const line of survivors) process.kill(Number.parseInt(line, 10), 'SIGKILL');
    expect(survivors.length > 0).toBe(isolation === 'process-group');
  });

  test('cannot start in a folder that does not exist', async () => {
    await expect(
      processRuntime(isolation).start({ argv: ['true'], env, cwd: join(folder, 'none') }),
    ).rejects.toThrow('could not be started');
  });
});

test('a simulated container runs until it is told to stop', async () => {
  const container = await simulatedRuntime().start({ argv: [], env: {}, cwd: '/' });
  container.terminate(1000);
  expect([container.pid, await container.exited]).toEqual([0, { exitCode: 0 }]);
});
