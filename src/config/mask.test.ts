import { expect, test } from 'vitest';
import { maskValue } from './mask.ts';

test.each([
  'postgres://me:hunter2@host:5432/db?sslmode=disable',
  'postgres://me:hunter2@x/hunter2@host/db',
  'postgresql://host/db?user=me&password=hunter2&sslmode=off',
  'host=h user=me password=hunter2 dbname=db',
  "host=h password = 'hunter2 hunter2' dbname=hunter2",
  'me:hunter2@tcp(host:3306)/db',
])('%s does not show its password', (address) => {
  expect(maskValue({ secret: 'credentials' }, address)).not.toContain('hunter');
});

test('what is left of an address still tells where it leads', () => {
  expect(maskValue({ secret: 'credentials' }, 'postgres://me:hunter2@host:5432/db')).toBe(
    'postgres://***@host:5432/db',
  );
  expect(maskValue({ secret: 'credentials' }, 'redis:6379')).toBe('redis:6379');
});

test('a secret shows nothing, not even its length', () => {
  expect(maskValue({ secret: 'whole' }, 'hunter2')).toBe('***');
  expect(maskValue({ secret: 'whole' }, '')).toBe('');
});
