import { expect, test } from 'vitest';
import { formatProblem } from './problem.ts';

test('a problem in a file begins with level, code, file, line, column and path', () => {
  const text = formatProblem({
    code: 'InvalidValue',
    message: '99999 is out of range',
    hint: 'use a number from 1 to 65535',
    path: 'port',
    file: 'config.yaml',
    line: 3,
    column: 7,
  });
  expect(text).toBe(
    'error: InvalidValue: config.yaml:3:7: port: 99999 is out of range\n  hint: use a number from 1 to 65535',
  );
});

test('a problem of a flag has a path and no file', () => {
  const text = formatProblem({ code: 'Usage', message: 'needs a value', hint: 'see --help', path: '--port' });
  expect(text).toBe('error: Usage: --port: needs a value\n  hint: see --help');
});

test('codes that stop nothing are printed as warnings', () => {
  expect(formatProblem({ code: 'UnknownKey', message: 'm', hint: 'h' })).toMatch(/^warning: UnknownKey: m/);
  expect(formatProblem({ code: 'IgnoredValue', message: 'm', hint: 'h' })).toMatch(/^warning: /);
});
