import { expect, test } from 'vitest';
import { parseStat, readStat, watchedAncestors } from './parent-guard.ts';
import type { ProcessStat } from './parent-guard.ts';

function table(...rows: readonly [pid: number, name: string, parent: number][]) {
  const stats = new Map(rows.map(([pid, name, parent]): [number, ProcessStat] => [pid, { name, parent }]));
  return (pid: number): ProcessStat | undefined => stats.get(pid);
}

test('a process name may hold spaces and parentheses', () => {
  expect(parseStat('42 (npm run (x) y) S 7 42 42 0 -1')).toEqual({ name: 'npm run (x) y', parent: 7 });
});

test('our own stat names our parent', () => {
  expect(readStat(process.pid)?.parent).toBe(process.ppid);
});

test('only the parent is watched when started by hand', () => {
  expect(watchedAncestors(30, false, table([30, 'node', 20], [20, 'bash', 10], [10, 'sshd', 1]))).toEqual([
    20,
  ]);
});

test('under npm the shell and npm above it are watched, and nothing above npm', () => {
  const stat = table([30, 'node', 20], [20, 'sh', 15], [15, 'npm run sandbox', 10], [10, 'bash', 1]);
  expect(watchedAncestors(30, true, stat)).toEqual([20, 15]);
});

test('npm without a shell between is watched alone', () => {
  expect(
    watchedAncestors(30, true, table([30, 'node', 15], [15, 'npm run sandbox', 10], [10, 'sh', 1])),
  ).toEqual([15]);
});

test('a shell that lost npm is another lineage', () => {
  expect(watchedAncestors(30, true, table([30, 'node', 20], [20, 'sh', 1]))).toEqual([20]);
});

test('a child of process 1 has nobody to watch', () => {
  expect(watchedAncestors(30, true, table([30, 'node', 1]))).toEqual([]);
});
