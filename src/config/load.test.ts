import { describe, expect, test } from 'vitest';
import type { LoadResult } from './config.ts';
import { loadConfig } from './load.ts';

const FILE = '/c.yaml';
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

interface Given {
  readonly file?: string;
  readonly env?: Record<string, string>;
  readonly argv?: readonly string[];
  readonly serviceAccount?: string;
}

function load({ file, env = {}, argv = [], serviceAccount }: Given): LoadResult {
  const files = new Map<string, string>();
  if (file !== undefined) files.set(FILE, file);
  if (serviceAccount !== undefined) files.set(SERVICE_ACCOUNT, serviceAccount);
  return loadConfig([...(file === undefined ? [] : ['--config', FILE]), ...argv], {
    env,
    exists: (path) => files.has(path),
    readFile: (path) => files.get(path) ?? '',
    homedir: '/home/u',
    cwd: '/srv/app',
    hostname: 'host-1',
    list: () => [],
  });
}

function accepted(given: Given) {
  const result = load(given);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems, null, 1));
  return result;
}

function refused(given: Given) {
  const result = load(given);
  if (!('problems' in result)) throw new Error('it was accepted');
  return result.problems;
}

function origin(given: Given, key: string) {
  return accepted(given).provenance.find((entry) => entry.key === key);
}

test('without anything the documented defaults apply', () => {
  const { config, warnings } = accepted({});
  expect(config).toEqual({
    id: 'host-1',
    tenant: 'default',
    port: 8080,
    namespace: 'default',
    controllerNamespace: 'k8-highlander',
    remainsFollower: false,
    store: { kind: 'lease' },
    oldLock: { address: 'localhost:6379', database: 0 },
    cluster: { name: 'default' },
    terminationGracePeriod: 29_000,
    timing: { ttl: 8000, renewEvery: 1600, opTimeout: 1600 },
    metrics: { port: 8080, path: '/metrics' },
    auth: { mode: 'none', anonymous: 'reader', audience: 'k8-highlander', trustedProxies: [] },
    log: { level: 'info', format: 'text' },
    workloads: [],
    references: [],
    tenants: [],
  });
  expect(warnings.map(({ code }) => code)).toEqual(['NoWorkloads']);
});

test('the configuration is frozen, all the way down', () => {
  const { config } = accepted({});
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.isFrozen(config.timing)).toBe(true);
});

describe('precedence', () => {
  const file = 'tenant: of-file\n';
  const env = { HIGHLANDER_TENANT: 'of-env' };
  const argv = ['--tenant', 'of-flag'];
  test.each([
    ['a flag wins over all', { file, env, argv }, 'of-flag', 'flag', '--tenant'],
    ['the environment wins over the file', { file, env }, 'of-env', 'env', 'HIGHLANDER_TENANT'],
    ['the file wins over the default', { file }, 'of-file', 'file', '/c.yaml:1'],
    ['the default comes last', {}, 'default', 'default', ''],
  ])('%s', (_rule, given, value, from, where) => {
    expect(accepted(given).config.tenant).toBe(value);
    expect(origin(given, 'tenant')).toEqual({ key: 'tenant', value, origin: from, from: where });
  });

  test('a flag that overrides the file is pointed out, because it used to be ignored', () => {
    const { warnings } = accepted({ file, argv });
    expect(warnings).toContainEqual(
      expect.objectContaining({ code: 'IgnoredValue', path: 'tenant', line: 1 }),
    );
    const same = accepted({ file, argv: ['--tenant', 'of-file'] });
    expect(same.warnings.map(({ code }) => code)).toEqual(['NoWorkloads']);
  });

  test('an empty value counts as not given, in all three places', () => {
    const empty = { file: 'tenant: ""\nid: ""\n', env: { HIGHLANDER_TENANT: '' }, argv: ['--tenant='] };
    expect(accepted(empty).config).toMatchObject({ tenant: 'default', id: 'host-1' });
  });
});

describe('the lock store', () => {
  test.each([
    ['nothing', {}, 'lease'],
    ['storageType', { file: 'storageType: memory\nredis: {addr: "r:1"}\n' }, 'memory'],
    ['storageType redis', { file: 'storageType: redis\n' }, 'redis'],
    ['an address of Redis in the file', { file: 'redis: {addr: "r:1"}\n' }, 'redis'],
    ['an address of Redis in the environment', { env: { HIGHLANDER_REDIS_ADDR: 'r:1' } }, 'redis'],
    ['an empty address', { file: 'redis: {addr: ""}\ndatabaseURL: ""\n' }, 'lease'],
  ])('follows from %s', (_what, given, kind) => {
    expect(accepted(given).config.store.kind).toBe(kind);
  });

  test.each([
    ['postgres://u:p@h/db'],
    ['postgresql://h/db'],
    ['mysql://h/db'],
    ['mariadb://h/db'],
    ['sqlite:/var/lib/lock.db'],
    ['host=h dbname=db password=p'],
  ])('is the database of %s', (url) => {
    const { config } = accepted({ env: { HIGHLANDER_DATABASE_URL: url, HIGHLANDER_DATABASE_PASSWORD: 'x' } });
    expect(config.store).toEqual({ kind: 'db', url, password: 'x' });
    expect(config.timing.ttl).toBe(5000);
  });

  test('takes the password of a database from a file that is named', () => {
    const given = { file: 'databaseURL: postgres://h/db\ndatabasePasswordFile: ~/secret\n' };
    expect(accepted(given).config.store).toMatchObject({ passwordFile: '/home/u/secret' });
  });

  test.each([
    ['db without a database', { argv: ['--storage-type', 'db'] }, 'MissingField', '--storage-type'],
    ['an unknown scheme', { file: 'databaseURL: oracle://u:hunter2@h/db\n' }, 'InvalidValue', 'databaseURL'],
    ['no scheme', { file: 'databaseURL: hunter2@h\n' }, 'InvalidValue', 'databaseURL'],
  ])('%s is refused', (_what, given, code, path) => {
    const problems = refused(given);
    expect(problems).toMatchObject([{ code, path }]);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });
});

describe('the store in Redis', () => {
  test('without an address is where the Go program looked too', () => {
    const given = { file: 'storageType: redis\n' };
    const store = { kind: 'redis', address: 'localhost:6379', database: 0 };
    expect(accepted(given).config.store).toEqual(store);
    expect(origin(given, 'redis.addr')).toMatchObject({ value: 'localhost:6379', origin: 'default' });
    expect(accepted(given).config.timing.ttl).toBe(5_000);
  });

  test('takes its password and database along, and shows the password to nobody', () => {
    const given = { file: 'redis: {addr: "r:1", password: hush, db: 3}\n' };
    const store = { kind: 'redis', address: 'r:1', password: 'hush', database: 3 };
    expect(accepted(given).config.store).toEqual(store);
    expect(JSON.stringify(accepted(given).provenance)).not.toContain('hush');
  });
});

describe('the controller namespace', () => {
  test.each([
    ['the setting', { file: 'controllerNamespace: a\n', serviceAccount: 'b' }, 'a', 'file'],
    ['the service account', { serviceAccount: 'b\n' }, 'b', 'derived'],
    [
      'a fixed name, never the namespace of workloads',
      { file: 'namespace: c\n' },
      'k8-highlander',
      'default',
    ],
  ])('is that of %s', (_rule, given, value, from) => {
    expect(accepted(given).config.controllerNamespace).toBe(value);
    expect(origin(given, 'controllerNamespace')).toMatchObject({ value, origin: from });
  });

  test('is an error where the file of the service account says nothing: another guess would be another lock', () => {
    expect(refused({ serviceAccount: '' })).toMatchObject([
      { code: 'ConfigUnreadable', path: 'controllerNamespace' },
    ]);
  });
});

describe('timing', () => {
  test('durations may be integers, in seconds', () => {
    expect(accepted({ env: { HIGHLANDER_LEADER_LOCK_TTL: '15' } }).config.timing).toMatchObject({
      ttl: 15_000,
      renewEvery: 3000,
    });
  });

  test('a TTL below the floor is refused where it stands', () => {
    expect(refused({ file: 'port: 1\nleaderLockTTL: 1s\n' })).toMatchObject([
      { code: 'InvalidValue', path: 'leaderLockTTL', line: 2 },
    ]);
  });

  test('a renewal too slow for the TTL is refused where the interval stands', () => {
    expect(refused({ argv: ['--leader-renew-interval', '7s'] })).toMatchObject([
      { code: 'Contradiction', path: '--leader-renew-interval' },
    ]);
  });

  test('a shutdown budget of zero means the default', () => {
    expect(accepted({ file: 'terminationGracePeriod: 0\n' }).config.terminationGracePeriod).toBe(29_000);
  });
});

test('metrics are on the main port unless they have their own', () => {
  expect(accepted({ file: 'port: 9000\n' }).config.metrics).toEqual({ port: 9000, path: '/metrics' });
  expect(accepted({ file: 'port: 9000\nmetricsPort: 9001\n' }).config.metrics.port).toBe(9001);
});

test('a kubeconfig in the home directory may be written with a tilde', () => {
  expect(accepted({ argv: ['--kubeconfig', '~/k'] }).config.cluster.kubeconfig).toBe('/home/u/k');
});

describe('secrets', () => {
  const given = {
    file: 'storageType: memory\nredis: {password: hunter2}\ndatabaseURL: postgres://me:hunter2@host/db\n',
  };

  test('are masked in the provenance', () => {
    const { provenance, warnings } = accepted(given);
    expect(JSON.stringify([provenance, warnings])).not.toContain('hunter2');
    expect(origin(given, 'databaseURL')?.value).toBe('postgres://***@host/db');
  });

  test('do not appear in problems either', () => {
    const file = 'redis: {password: [hunter2], addr: ":hunter2@host"}\ndatabaseURL: {a: hunter2}\nport: x\n';
    const problems = refused({ file, env: { HIGHLANDER_REDIS_ADDR: 'u:hunter2@h' } });
    expect(problems.length).toBeGreaterThanOrEqual(4);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });
});

describe('values from flags and environment', () => {
  test.each([
    [{ env: { HIGHLANDER_PORT: 'abc' } }, 'HIGHLANDER_PORT', 'WrongType'],
    [{ env: { HIGHLANDER_PORT: '70000' } }, 'HIGHLANDER_PORT', 'InvalidValue'],
    [{ argv: ['--port', '080'] }, '--port', 'InvalidValue'],
    [{ argv: ['--log-level', 'loud'] }, '--log-level', 'InvalidValue'],
    [{ env: { HIGHLANDER_REMAINS_FOLLOWER: 'yes' } }, 'HIGHLANDER_REMAINS_FOLLOWER', 'InvalidValue'],
    [{ env: { HIGHLANDER_LEADER_LOCK_TTL: 'soon' } }, 'HIGHLANDER_LEADER_LOCK_TTL', 'InvalidValue'],
    [{ argv: ['--tenant', 'Team_A'] }, '--tenant', 'InvalidValue'],
  ])('%o: the problem names %s', (given, path, code) => {
    expect(refused(given)).toMatchObject([{ path, code }]);
  });

  test('a bad value is reported although another one wins over it', () => {
    expect(refused({ file: 'port: 0123\n', env: { HIGHLANDER_PORT: '9000' } })).toMatchObject([
      { path: 'port', code: 'InvalidValue', line: 1 },
    ]);
  });
});

test('a file that is a list is refused', () => {
  expect(refused({ file: '- a\n' })).toMatchObject([{ code: 'WrongType', file: FILE, line: 1 }]);
});

test('a file that is not YAML is one problem, beside those of the other sources', () => {
  const problems = refused({ file: 'a: "open\n', env: { HIGHLANDER_PORT: 'x' } });
  expect(problems.map(({ code }) => code).toSorted()).toEqual(['MalformedYaml', 'WrongType']);
});

test('an unknown key is a warning with the nearest known one, at any depth', () => {
  const { warnings } = accepted({ file: 'namespce: x\nredis:\n  adr: x\nworkloads:\n  process: []\n' });
  expect(warnings.filter(({ code }) => code === 'UnknownKey')).toMatchObject([
    { path: 'namespce', line: 1, hint: 'did you mean namespace?' },
    { path: 'redis.adr', line: 3, hint: 'did you mean addr?' },
    { path: 'workloads.process', line: 5, hint: 'did you mean processes?' },
  ]);
});

test('a section for Spanner is ignored with a warning', () => {
  const { warnings } = accepted({ file: 'spanner: {project: p}\n' });
  expect(warnings).toContainEqual(expect.objectContaining({ code: 'IgnoredValue', path: 'spanner' }));
});
