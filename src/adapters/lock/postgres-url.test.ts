import { describe, expect, it } from 'vitest';
import { readPostgresUrl } from './postgres-url.ts';

const TARGET = { host: 'h', port: 5432, user: 'u', database: 'd', sslMode: 'prefer' };

describe('a databaseURL of PostgreSQL', () => {
  it.each([
    ['postgres://u@h/d', TARGET],
    ['postgresql://u:p@h:5433/d', { ...TARGET, port: 5433, password: 'p' }],
    ['postgres://u:p%40%2F%3A%23@h/d?sslmode=disable', { ...TARGET, password: 'p@/:#', sslMode: 'disable' }],
    ['postgres://u@h', { ...TARGET, database: 'u' }],
    ['postgres://h/d?user=u&password=p', { ...TARGET, password: 'p' }],
    ['postgres://u@[2001:db8::1]/d', { ...TARGET, host: '2001:db8::1' }],
    ['postgres:///d?host=/run/postgresql&user=u', { ...TARGET, host: '/run/postgresql' }],
    [
      'postgres://u@h/d?sslmode=verify-full&sslrootcert=/ca&sslcert=/c&sslkey=/k&search_path=s&connect_timeout=3',
      { ...TARGET, sslMode: 'verify-full', sslRootCert: '/ca', sslCert: '/c', sslKey: '/k', searchPath: 's' },
    ],
    ['host=h user=u dbname=d', TARGET],
    [`host = h  user=u dbname='d' password='a b\\'c\\\\' `, { ...TARGET, password: `a b'c\\` }],
    ['host=h user=u dbname=d password=', TARGET],
  ])('%s', (url, target) => {
    expect(readPostgresUrl(url)).toEqual(target);
  });

  it.each([
    ['postgres://u:hunter2@h1,h2/d', 'several hosts'],
    ['postgres://:hunter2@h/d', 'no user'],
    ['postgres://u:hunter2@h:99999/d', 'not a URL'],
    ['postgres://u:hunter2@h/d?port=x', 'port'],
    ['postgres://u:hunter2@h/d?sslmode=maybe', 'sslmode'],
    ['postgres://u:hunter2@h/d?sslmode=verify-ca', 'needs sslrootcert'],
    ['postgres://u:hunter2%@h/d', 'not a URL'],
    [`host=h user=u password='hunter2`, 'neither a URL nor'],
    ['host=h user=u hunter2', 'neither a URL nor'],
  ])('%s is refused without repeating it', (url, message) => {
    const problem = readPostgresUrl(url);
    expect(problem).toMatchObject({
      code: 'InvalidValue',
      message: expect.stringContaining(message) as string,
    });
    expect(JSON.stringify(problem)).not.toContain('hunter2');
  });
});
