import { expect, test } from 'vitest';
import {
  isDnsLabel,
  isDnsSubdomain,
  isEnvName,
  isLabelValue,
  isPortName,
  isQualifiedName,
  isShortName,
} from './syntax.ts';

test.each([
  [isDnsLabel, ['a', 'a-1', 'a'.repeat(63)], ['', '-a', 'a-', 'A', 'a.b', 'a'.repeat(64), 'a_b', 'a\n']],
  [isDnsSubdomain, ['a.b', 'a-1.b'], ['a..b', '.a', 'a.', 'a.-b', 'a'.repeat(254)]],
  [isShortName, ['a.b', 'a'.repeat(63)], ['a'.repeat(64)]],
  [isPortName, ['http', 'a-1', '1a'], ['', 'HTTP', '80', 'a--b', '-a', 'a'.repeat(16)]],
  [isEnvName, ['A', '_a', 'a.b-c', '-x'], ['', '1A', 'A B', 'A=B', '.', '..a']],
  [
    isQualifiedName,
    ['app', 'App_1', 'example.com/app'],
    ['', '/app', 'a/b/c', 'Ex.com/app', 'example.com/', '-a', 'a'.repeat(64)],
  ],
  [isLabelValue, ['', 'a', 'A_b.c-1'], ['-a', 'a-', 'a b', 'a/b', 'a'.repeat(64)]],
])('%o accepts what Kubernetes accepts and nothing else', (isValid, valid, invalid) => {
  expect(valid.filter((text) => !isValid(text))).toEqual([]);
  expect(invalid.filter((text) => isValid(text))).toEqual([]);
});
