import { describe, expect, it } from 'vitest';
import { readMysqlUrl } from './mysql-url.ts';

describe('the URL of a MySQL or MariaDB server', () => {
  it('is taken apart, with the usual port and without encryption unless it says so', () => {
    expect(readMysqlUrl('mysql://high:p%40ss%2F@db.example/ha')).toEqual({
      host: 'db.example',
      port: 3306,
      address: 'db.example:3306/ha',
      user: 'high',
      password: 'p@ss/',
      database: 'ha',
      sslMode: 'DISABLED',
    });
  });

  it('may be one of MariaDB, with an address of IPv6, a port and encryption', () => {
    expect(readMysqlUrl('mariadb://u@[::1]:3307/ha?ssl-mode=verify_ca&ssl-ca=/ca.pem')).toMatchObject({
      host: '::1',
      port: 3307,
      address: '[::1]:3307/ha',
      password: '',
      sslMode: 'VERIFY_CA',
      sslCa: '/ca.pem',
    });
  });

  it.each([
    ['mysql://u:hush@host', 'names no database'],
    ['mysql:///ha', 'names no host'],
    ['mysql://u:hush%zz@host/ha', 'write %25'],
    ['mysql://u:hu sh@ho st/ha', 'cannot be read'],
    ['mysql://u:hush@host/ha?timeout=3', 'sets "timeout"'],
    ['mysql://u:hush@host/ha?ssl-mode=maybe', 'DISABLED, REQUIRED'],
    ['mysql://u:hush@10.0.0.1/ha?ssl-mode=VERIFY_IDENTITY', 'needs the name'],
    ['mysql://u:hush@[::1]/ha?ssl-mode=VERIFY_IDENTITY', 'needs the name'],
    ['http://u:hush@host/ha', 'begins with http://'],
  ])('%s is refused in words that do not hold the password', (url, expected) => {
    const answer = readMysqlUrl(url);
    expect(answer).toEqual({ problem: expect.stringContaining(expected) });
    expect(JSON.stringify(answer)).not.toContain('hush');
  });
});
