import { describe, expect, it } from 'vitest';
import { causeOf, MysqlRefusal } from './mysql-cause.ts';

const target = { address: 'm:3306/ha', user: 'u', password: 'hush', database: 'ha' };

function serverError(errno: number, message = 'odd'): Error {
  return Object.assign(new Error(message), { errno, code: 'ER_SOMETHING' });
}

describe('what went wrong with MySQL', () => {
  it.each([
    [1045, 'check them in databaseURL'],
    [1049, 'create it, or correct databaseURL'],
    [1142, 'GRANT SELECT, INSERT, UPDATE'],
    [1040, 'raise max_connections'],
    [1290, 'point databaseURL at the primary'],
    [1836, 'point databaseURL at the primary'],
    [1021, 'free some space'],
    [1205, 'end that session'],
  ])('error %i of the server names the fix', (errno, expected) => {
    const cause = causeOf(serverError(errno), target);
    expect(cause).toContain(expected);
    expect(cause).toMatch(/^MySQL at m:3306\/ha /);
  });

  it('a system error is known by its code, a refusal of ours too', () => {
    const error = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', errno: -111 });
    expect(causeOf(error, target)).toContain('is it running');
    expect(causeOf(new MysqlRefusal('READ_ONLY'), target)).toContain('at the primary');
  });

  it('anything else is said in its own words, without the password', () => {
    expect(causeOf(serverError(4711, 'odd: hush'), target)).toBe('MySQL at m:3306/ha: odd: ***');
  });
});
