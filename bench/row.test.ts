import { expect, it } from 'vitest';
import { percentile } from './row.ts';

it('takes the nearest rank', () => {
  const samples = [5, 1, 4, 2, 3];
  expect(percentile(samples, 0.5)).toBe(3);
  expect(percentile(samples, 0.99)).toBe(5);
  expect(percentile(samples, 0)).toBe(1);
  expect(percentile([7], 0.5)).toBe(7);
});

it('refuses to make a number of nothing', () => {
  expect(() => percentile([], 0.5)).toThrow('no samples');
});
