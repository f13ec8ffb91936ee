import { describe, expect, it } from 'vitest';
import { causeOf, isBusy, SqliteRefusal } from './sqlite-cause.ts';

function sqliteError(errcode: number): Error {
  return Object.assign(new Error('odd'), { code: 'ERR_SQLITE_ERROR', errcode });
}

describe('what went wrong with a lock file', () => {
  it.each([
    [8, 'mount the disk writable'],
    [10, 'check the disk'],
    [11, 'move it away'],
    [13, 'free some space'],
    [14, 'read and write access'],
    [26, 'correct databaseURL'],
    [10 + 256 * 12, 'check the disk'],
  ])('result code %i of SQLite names the fix', (errcode, expected) => {
    const cause = causeOf(sqliteError(errcode), '/l.db');
    expect(cause).toContain(expected);
    expect(cause).toMatch(/^SQLite file \/l\.db /);
  });

  it('a refusal of ours names what it is about', () => {
    expect(causeOf(new SqliteRefusal('NETWORK', 'NFS'), '/l.db')).toContain('lies on NFS');
  });

  it('busy is what passes, in its extended forms too', () => {
    expect([5, 5 + 256, 6, 8].map((code) => isBusy(sqliteError(code)))).toEqual([true, true, true, false]);
  });
});
