import { expect, test } from 'vitest';
import { createProgress } from './progress.ts';

function record(isTTY: boolean) {
  const target = {
    isTTY,
    columns: 20,
    text: '',
    write(more: string) {
      target.text += more;
    },
  };
  const clock = { now: 0 };
  return { target, clock, progress: createProgress(target, () => clock.now) };
}

test('on a terminal a moving line replaces its predecessor and never wraps', () => {
  const { target, progress } = record(true);
  progress.moving('one');
  progress.moving('a line that is longer than the terminal is wide');
  expect(target.text).toBe('\r\u001B[Kone\r\u001B[Ka line that is long');
});

test('on a terminal a lasting line takes the place of the moving one', () => {
  const { target, progress } = record(true);
  progress.moving('one');
  progress.line('done');
  progress.line('next');
  expect(target.text).toBe('\r\u001B[Kone\r\u001B[Kdone\nnext\n');
});

test('elsewhere a moving line is printed every 15 seconds, the first not before 15 seconds', () => {
  const { target, clock, progress } = record(false);
  for (const at of [1_000, 14_999, 15_000, 16_000, 29_999, 30_000]) {
    clock.now = at;
    progress.moving(`at ${at}`);
  }
  expect(target.text).toBe('at 15000\nat 30000\n');
});
