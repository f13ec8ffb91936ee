import { describe, expect, test } from 'vitest';
import { loadConfig } from './load.ts';

function load(file: string, env: Record<string, string> = {}) {
  return loadConfig(['--config', '/c.yaml'], {
    env,
    readFile: () => file,
    exists: (path) => path === '/c.yaml',
    list: () => [],
    homedir: '/home/u',
    cwd: '/w',
    hostname: 'h',
  });
}

function storeOf(file: string, env?: Record<string, string>) {
  const loaded = load(file, env);
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config.store;
}

function problemsOf(file: string, env?: Record<string, string>) {
  const loaded = load(file, env);
  return 'problems' in loaded
    ? loaded.problems.filter(({ code }) => code !== 'NoWorkloads')
    : loaded.warnings;
}

test('an address brings user, password, database and TLS', () => {
  expect(storeOf('redis: {addr: "rediss://me:p%40ss@r:6380/3"}\n')).toEqual({
    kind: 'redis',
    address: 'r:6380',
    username: 'me',
    password: 'p@ss',
    database: 3,
    tls: { insecureSkipVerify: false },
  });
});

test('own keys win over what the address brings', () => {
  const file =
    'redis: {addr: "redis://me:hush@r:1", username: you, password: other, passwordFile: ~/secret}\n';
  expect(storeOf(file)).toMatchObject({ username: 'you', password: 'other', passwordFile: '/home/u/secret' });
});

describe('TLS', () => {
  test.each([
    ['tls: true', { insecureSkipVerify: false }],
    ['tls: {enabled: true}', { insecureSkipVerify: false }],
    ['tls: {insecureSkipVerify: true}', { insecureSkipVerify: true }],
    ['tls: {caFile: ~/ca.pem}', { caFile: '/home/u/ca.pem', insecureSkipVerify: false }],
    ['tls: false', undefined],
    ['tls: {enabled: false, caFile: /ca}', undefined],
  ])('%s', (text, expected) => {
    expect(storeOf(`redis: {addr: "r:1", ${text}}\n`)).toHaveProperty('kind', 'redis');
    expect(Reflect.get(storeOf(`redis: {addr: "r:1", ${text}}\n`), 'tls')).toEqual(expected);
  });

  test.each([
    ['tls: {certFile: /c}', 'MissingField', 'redis.tls.certFile'],
    ['tls: [true]', 'WrongType', 'redis.tls'],
    ['tls: {caFil: /c}', 'UnknownKey', 'redis.tls.caFil'],
  ])('%s is a problem that says where', (text, code, path) => {
    expect(problemsOf(`redis:\n  addr: "r:1"\n  ${text}\nworkloads: {}\n`)).toContainEqual(
      expect.objectContaining({ code, path, line: 3 }),
    );
  });

  test('an address that wants it and a key that forbids it contradict each other', () => {
    expect(problemsOf('redis: {addr: "rediss://r", tls: false}\n')).toMatchObject([
      { code: 'Contradiction' },
    ]);
  });
});

describe('Sentinels', () => {
  const sentinel = { addresses: ['a:26379', 'b:26379'], masterName: 'mymaster' };

  test.each([
    ['sentinels: ["a:26379", "b:26379"], masterName: mymaster', {}],
    ['sentinels: "a:26379, b:26379", masterName: mymaster', {}],
    ['masterName: mymaster', { HIGHLANDER_REDIS_SENTINELS: 'a:26379,b:26379' }],
  ])('%s', (text, env) => {
    expect(storeOf(`redis: {${text}}\n`, env)).toMatchObject({ kind: 'redis', sentinel });
  });

  test('have a user and a password of their own', () => {
    const file = 'redis: {sentinels: ["a:1"], masterName: m, sentinelUsername: me, sentinelPassword: hush}\n';
    expect(storeOf(file)).toMatchObject({ sentinel: { username: 'me', password: 'hush' } });
    const loaded = load(file);
    expect(JSON.stringify('provenance' in loaded && loaded.provenance)).not.toContain('hush');
  });

  test.each([
    ['sentinels: ["a:1"]', 'MissingField', 'redis.sentinels'],
    ['masterName: m', 'MissingField', 'redis.masterName'],
    ['sentinels: ["a:1", "b"], masterName: m', 'InvalidValue', 'redis.sentinels'],
    ['sentinels: {a: 1}, masterName: m', 'WrongType', 'redis.sentinels'],
  ])('%s is a problem that says where', (text, code, path) => {
    expect(problemsOf(`redis: {${text}}\n`)).toContainEqual(expect.objectContaining({ code, path, line: 1 }));
  });

  test('an address beside them is not used, which is said', () => {
    expect(problemsOf('redis: {addr: "r:1", sentinels: ["a:1"], masterName: m}\n')).toContainEqual(
      expect.objectContaining({ code: 'IgnoredValue', path: 'redis.addr' }),
    );
  });
});

test('two different databases contradict each other', () => {
  expect(problemsOf('redis: {addr: "redis://r/3", db: 4}\n')).toMatchObject([{ code: 'Contradiction' }]);
  expect(storeOf('redis: {addr: "redis://r/3", db: 3}\n')).toMatchObject({ database: 3 });
});

test('a password in an address is never shown', () => {
  const loaded = load('redis: {addr: "redis://me:hush@r:1"}\n');
  expect(JSON.stringify('provenance' in loaded && loaded.provenance)).not.toContain('hush');
  expect(JSON.stringify(problemsOf('redis: {addr: "redis://me:hush@r:1:2"}\n'))).not.toContain('hush');
});
