import { expect, test } from 'vitest';
import { formatKey, parseKey } from './model.ts';
import { governingServiceName, labelSafe } from './names.ts';

test('a key survives being written and read', () => {
  const key = { kind: 'process', namespace: 'default', name: 'report' } as const;
  expect(formatKey(key)).toBe('process/default/report');
  expect(parseKey(formatKey(key))).toEqual(key);
});

test.each(['', 'process', 'process/default', 'process//x', 'pod/default/x', 'process/default/x/y'])(
  '%j is no key',
  (text) => {
    expect(parseKey(text)).toBeUndefined();
  },
);

test.each([
  ['node-a', 'node-a'],
  ['a/b:c', 'a-b-c'],
  ['-a-', 'a'],
  ['x'.repeat(62) + '--y', 'x'.repeat(62)],
])('%s becomes the label value %s', (value, safe) => {
  expect(labelSafe(value)).toBe(safe);
});

test('names of governing Services fit into 63 characters, and differ where the names they come from do', () => {
  const ports = [{}];
  const governing = (serviceName: string) => governingServiceName({ serviceName, ports });
  expect(governing('x'.repeat(54))).toBe(`${'x'.repeat(54)}-headless`);
  const long = ['x'.repeat(55), 'x'.repeat(63), `${'x'.repeat(62)}y`].map(governing);
  expect(long.map(({ length }) => length)).toEqual([63, 63, 63]);
  expect(new Set(long).size).toBe(3);
});
