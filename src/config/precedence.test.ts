/** Flag, then environment, then file, then default: for every setting of the table. */
import { expect, test } from 'vitest';
import { loadConfig } from './load.ts';
import { maskValue } from './mask.ts';
import { SETTINGS } from './schema.ts';
import type { Setting } from './setting.ts';

/** Three valid values that differ from each other and from the default: for the flag, the variable and the file. */
const VALUES: Readonly<Record<string, readonly [string, string, string]>> = {
  id: ['a', 'b', 'c'],
  tenant: ['a', 'b', 'c'],
  port: ['1', '2', '3'],
  namespace: ['a', 'b', 'c'],
  controllerNamespace: ['a', 'b', 'c'],
  storageType: ['memory', 'redis', 'lease'],
  'redis.addr': ['a:1', 'b:1', 'c:1'],
  'redis.username': ['a', 'b', 'c'],
  'redis.password': ['a', 'b', 'c'],
  'redis.passwordFile': ['/a', '/b', '/c'],
  'redis.sentinels': ['a:1,d:1', 'b:1', 'c:1'],
  'redis.masterName': ['a', 'b', 'c'],
  'redis.sentinelUsername': ['a', 'b', 'c'],
  'redis.sentinelPassword': ['a', 'b', 'c'],
  'redis.sentinelPasswordFile': ['/a', '/b', '/c'],
  'redis.tls.caFile': ['/a', '/b', '/c'],
  'redis.tls.certFile': ['/a', '/b', '/c'],
  'redis.tls.keyFile': ['/a', '/b', '/c'],
  'redis.tls.serverName': ['a', 'b', 'c'],
  'redis.db': ['1', '2', '3'],
  databaseURL: ['postgres://a/x', 'postgres://b/x', 'postgres://c/x'],
  databasePassword: ['a', 'b', 'c'],
  databasePasswordFile: ['/a', '/b', '/c'],
  'cluster.name': ['a', 'b', 'c'],
  'cluster.kubeconfig': ['/a', '/b', '/c'],
  terminationGracePeriod: ['1s', '2s', '3s'],
  leaderLockTTL: ['6s', '7s', '9s'],
  leaderRenewInterval: ['300ms', '400ms', '500ms'],
  metricsPort: ['1', '2', '3'],
  metricsPath: ['/a', '/b', '/c'],
  'auth.audience': ['a', 'b', 'c'],
  'auth.trustedProxies': ['10.0.0.0/8,::1', '10.0.0.1', 'fd00::/8'],
  'tls.certFile': ['/a', '/b', '/c'],
  'tls.keyFile': ['/a', '/b', '/c'],
  logLevel: ['debug', 'warn', 'error'],
};

/** With two possible values the lower source always says the opposite. */
const BOOLEAN: Readonly<Record<string, readonly [string, string, string]>> = {
  remainsFollower: ['true', 'false', 'true'],
  workloadFiles: ['false', 'true', 'false'],
  'redis.tls.enabled': ['true', 'false', 'true'],
  'redis.tls.insecureSkipVerify': ['true', 'false', 'true'],
  'auth.mode': ['none', 'token', 'none'],
  'auth.anonymous': ['none', 'reader', 'none'],
  logFormat: ['json', 'text', 'json'],
};

/** What must be given too, in the environment. */
const COMPANIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'redis.sentinels': { HIGHLANDER_REDIS_MASTER_NAME: 'm' },
  'redis.masterName': { HIGHLANDER_REDIS_SENTINELS: 's:1' },
  'redis.tls.certFile': { HIGHLANDER_REDIS_TLS_KEY_FILE: '/k' },
  'auth.anonymous': { HIGHLANDER_AUTH_MODE: 'token' },
  'tls.certFile': { HIGHLANDER_TLS_KEY_FILE: '/k' },
  'tls.keyFile': { HIGHLANDER_TLS_CERT_FILE: '/c' },
  'redis.tls.keyFile': { HIGHLANDER_REDIS_TLS_CERT_FILE: '/c' },
};

interface Sources {
  readonly flag?: string | undefined;
  readonly env?: string | undefined;
  readonly file?: string | undefined;
}

function effective({ key, flag, env, type }: Setting, given: Sources) {
  const [name = '', ...sections] = key.split('.').toReversed();
  const value = type === 'list' ? `"${given.file}"` : given.file;
  const inFile = given.file === undefined ? '' : `${name}: ${value}`;
  const isGiven = [given.flag, given.env, given.file].some((text) => text !== undefined);
  // A store that needs no database, so that settings of others have no side effects.
  const store = key === 'databaseURL' ? 'storageType: memory\n' : '';
  const text = store + (inFile && sections.reduce((inner, section) => `${section}: {${inner}}`, inFile));
  const loaded = loadConfig(
    ['--config', '/c.yaml', ...(given.flag === undefined ? [] : [`${flag}=${given.flag}`])],
    {
      env: { ...(isGiven && COMPANIONS[key]), ...(given.env !== undefined && { [env]: given.env }) },
      readFile: () => text,
      exists: (path) => path === '/c.yaml',
      list: () => [],
      homedir: '/home/u',
      cwd: '/w',
      hostname: 'h',
    },
  );
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  const entry = loaded.provenance.find((candidate) => candidate.key === key);
  return [entry?.origin, entry?.value];
}

test.each(SETTINGS)('$key: flag, then environment, then file, then default', (setting) => {
  const [flag, env, file] = VALUES[setting.key] ?? BOOLEAN[setting.key] ?? [];
  const shown = (text = '') => maskValue(setting, text);
  expect(flag).toBeDefined();
  expect(effective(setting, { flag, env, file })).toEqual(['flag', shown(flag)]);
  expect(effective(setting, { env, file })).toEqual(['env', shown(env)]);
  expect(effective(setting, { file })).toEqual(['file', shown(file)]);
  const [origin, value] = effective(setting, {});
  expect(['default', 'derived']).toContain(origin);
  expect(value).toBe(String(setting.default ?? value));
});
