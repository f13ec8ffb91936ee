import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect, it } from 'vitest';

const SYSTEM = join(import.meta.dirname, 'system.ts');

/** Logs far more than a pipe holds, then tells on stderr for how long its own timers were held up. */
const PROGRAM = `
import { createSystem } from ${JSON.stringify(SYSTEM)};
const { log } = createSystem({ level: 'info', format: process.argv[1], fields: {} });
const text = 'x'.repeat(1000);
let last = performance.now(), longest = 0, turns = 0;
const turn = () => {
  const now = performance.now();
  longest = Math.max(longest, now - last);
  last = now;
  for (let line = 0; line < 200; line++) log.info(text, { line });
  if (++turns < 50) setTimeout(turn, 1);
  else process.stderr.write(JSON.stringify({ longest }) + '\\n');
};
turn();
`;

function start(format: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, format], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return child;
}

interface Line {
  readonly msg: string;
  readonly line?: number;
  readonly lines?: number;
}

/** What the program logs from now until it ends. */
async function linesOf(child: { readonly stdout: Readable }): Promise<readonly Line[]> {
  const text = String(Buffer.concat(await child.stdout.toArray()));
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

it.each(['json', 'text'])('a reader that has stopped reading holds up nothing (%s)', async (format) => {
  const child = start(format);
  try {
    const [told] = (await once(child.stderr, 'data')) as [Buffer];
    // One write that waited for the reader would wait for good, or for 100 ms and more at each line.
    expect((JSON.parse(String(told)) as { longest: number }).longest).toBeLessThan(5000);
  } finally {
    child.kill('SIGKILL');
  }
});

it('what was logged before an exit is written, and what was dropped is said', async () => {
  const child = start('json');
  await once(child.stderr, 'data');
  const lines = await linesOf(child);
  const dropped = lines.find(({ msg }) => msg.startsWith('lines of the log were dropped'))?.lines ?? 0;
  expect(dropped).toBeGreaterThan(0);
  expect(lines.filter(({ line }) => line !== undefined)).toHaveLength(50 * 200 - dropped);
});

it('a line that is logged in the moment of the exit is written', async () => {
  const program = `
import { createSystem } from ${JSON.stringify(SYSTEM)};
const { log } = createSystem({ level: 'info', format: 'json', fields: {} });
log.info('first');
setTimeout(() => {
  log.info('second');
  log.info('last');
  process.exit(0);
}, 50);
`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = await linesOf(child);
  expect(lines.map(({ msg }) => msg)).toEqual(['first', 'second', 'last']);
});
