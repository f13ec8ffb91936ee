/** What a new user types first, as they type it; and that it can fail. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the demo; `onLine` sees each line as it comes. */
function demo(args: readonly string[], onLine: (line: string) => void = () => undefined): Promise<Outcome> {
  return new Promise((succeed) => {
    const child = spawn(process.execPath, ['sandbox/demo/main.ts', ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        onLine(line);
      });
    child.once('close', (code) => succeed({ code, output: lines.join('\n') }));
  });
}

it('exits 0 when the instance survives the leader and the next leader restores a deleted one', async () => {
  const { code, output } = await demo(['--once']);
  expect(output).toContain('the same process, not restarted');
  expect(output).toContain('started after the kubelet had reported the end of the old one');
  expect(code).toBe(0);
});

it('exits 1 when there is no second controller to take over', async () => {
  let taken = false;
  const { code, output } = await demo(['--once'], (line) => {
    const pid = /controller-2 started \(pid (\d+)\)/.exec(line)?.[1];
    if (pid === undefined || taken) return;
    taken = true;
    process.kill(Number(pid), 'SIGKILL');
  });
  expect(taken).toBe(true);
  expect(output).toContain('error: not within');
  expect(code).toBe(1);
});

it('shows its options, and refuses a scene that does not exist', async () => {
  expect(await demo(['--help'])).toMatchObject({
    code: 0,
    output: expect.stringContaining('--once') as string,
  });
  expect(await demo(['--scene', 'nothing'])).toMatchObject({
    code: 2,
    output: expect.stringContaining('partition') as string,
  });
});
