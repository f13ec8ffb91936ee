import { expect, test } from 'vitest';
import { parseQuantity } from './quantity.ts';

test.each([
  ['100m', 0.1],
  ['1', 1],
  ['+2', 2],
  ['0.5', 0.5],
  ['.5', 0.5],
  ['5.', 5],
  ['64Mi', 64 * 2 ** 20],
  ['1Gi', 2 ** 30],
  ['1k', 1000],
  ['1e3', 1000],
  ['1E3', 1000],
  ['2E', 2e18],
  ['1e-3', 0.001],
])('%s is a quantity', (text, value) => {
  expect(parseQuantity(text)).toBeCloseTo(value, 9);
});

test.each(['', '-1', 'Mi', '1mi', '1 Gi', '1MB', '1Ki2', '1e', '.', 'abc', '1_000'])(
  '%j is not one',
  (text) => {
    expect(parseQuantity(text)).toBeUndefined();
  },
);
