import { expect, test } from 'vitest';
import { isDnsLabel } from '../workload/syntax.ts';
import { volumeName } from './volumes.ts';

test('the plain name is kept wherever it is valid', () => {
  expect(volumeName('config', 'app')).toBe('config-app');
  expect(volumeName('secret', 'x'.repeat(56))).toBe(`secret-${'x'.repeat(56)}`);
});

test('a name with dots or too long becomes a valid one', () => {
  for (const name of ['app.conf', 'x'.repeat(57), `${'x'.repeat(46)}-.-y${'z'.repeat(200)}`])
    expect(volumeName('secret', name)).toSatisfy(isDnsLabel);
});

test('two names that differ only in what is not valid stay apart', () => {
  expect(volumeName('config', 'a.b')).not.toBe(volumeName('config', 'a-b'));
  const long = 'x'.repeat(80);
  expect(volumeName('config', `${long}1`)).not.toBe(volumeName('config', `${long}2`));
});
