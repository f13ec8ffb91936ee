/** Flag, then environment, then file, then default: for every setting of the table. */
import { expect, test } from 'vitest';
import { loadConfig } from './load.ts';
import { maskValue } from './mask.ts';
import { SETTINGS, type Setting } from './schema.ts';

/** Three valid values that differ from each other and from the default: for the flag, the variable and the file. */
const VALUES: Readonly<Record<string, readonly [string, string, string]>> = {
  id: ['a', 'b', 'c'],
  tenant: ['a', 'b', 'c'],
  port: ['1', '2', '3'],
  namespace: ['a', 'b', 'c'],
  controllerNamespace: ['a', 'b', 'c'],
  storageType: ['memory', 'redis', 'lease'],
  'redis.addr': ['a:1', 'b:1', 'c:1'],
  'redis.password': ['a', 'b', 'c'],
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
  logLevel: ['debug', 'warn', 'error'],
};

/** With two possible values the lower source always says the opposite. */
const BOOLEAN: Readonly<Record<string, readonly [string, string, string]>> = {
  remainsFollower: ['true', 'false', 'true'],
  workloadFiles: ['false', 'true', 'false'],
  logFormat: ['json', 'text', 'json'],
};

interface Sources {
  readonly flag?: string | undefined;
  readonly env?: string | undefined;
  readonly file?: string | undefined;
}

function effective({ key, flag, env }: Setting, given: Sources) {
  const [section, name] = key.includes('.') ? key.split('.') : ['', key];
  const inFile = given.file === undefined ? '' : `${name}: ${given.file}`;
  // A store that needs no database, so that settings of others have no side effects.
  const store = key === 'databaseURL' ? 'storageType: memory\n' : '';
  const text = store + (section === '' || inFile === '' ? inFile : `${section}: {${inFile}}`);
  const loaded = loadConfig(
    ['--config', '/c.yaml', ...(given.flag === undefined ? [] : [`${flag}=${given.flag}`])],
    {
      env: given.env === undefined ? {} : { [env]: given.env },
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
