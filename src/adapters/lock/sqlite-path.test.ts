import { describe, expect, it } from 'vitest';
import { readSqlitePath } from './sqlite-path.ts';

describe('the path of a lock file', () => {
  it.each([
    ['sqlite:/var/lib/high.db', '/var/lib/high.db'],
    ['sqlite:///var/lib/high.db', '/var/lib/high.db'],
    ['SQLite:/var/../var/high.db', '/var/high.db'],
  ])('of %s is %s', (url, path) => {
    expect(readSqlitePath(url)).toEqual({ path });
  });

  it.each([
    ['sqlite:high.db', 'is absolute'],
    ['sqlite::memory:', 'is absolute'],
    ['sqlite://var/high.db', 'names a host'],
    ['sqlite:/var/high.db?mode=ro', 'takes no options'],
    ['sqlite:/var/', 'ends with a name'],
  ])('of %s is refused', (url, expected) => {
    expect(readSqlitePath(url)).toEqual({ problem: expect.stringContaining(expected) });
  });
});
