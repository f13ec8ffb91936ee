/** Puts the settings of Redis together: an address may bring user, password, database and TLS, which own keys override. */
import type { Problem } from '../core/problem.ts';
import {
  readRedisAddress,
  type RedisAddress,
  type RedisSentinels,
  type RedisTls,
} from '../core/redis-address.ts';
import { expandHome } from './file-search.ts';
import { DEFAULT_REDIS_ADDRESS } from './redis-settings.ts';
import type { Settings } from './settings.ts';

type Report = (problem: Problem) => void;

/** Settings that turn TLS on because they would have no meaning without it. */
const TLS_FILES = ['caFile', 'certFile', 'keyFile', 'serverName'] as const;

/** As configured, else where the Go program looked without being told. Contradictions are reported. */
export function deriveRedis(settings: Settings, homedir: string, report: Report): RedisAddress {
  const given = settings.has('redis.addr') ? settings.text('redis.addr') : DEFAULT_REDIS_ADDRESS;
  const read = readRedisAddress(given) ?? { address: given, isTls: false };
  const ofUrl = {
    ...(read.username !== undefined && { username: read.username }),
    ...(read.password !== undefined && { password: read.password }),
  };
  const tls = deriveTls(settings, homedir, read.isTls, report);
  const sentinel = deriveSentinels(settings, homedir, report);
  return {
    address: read.address,
    ...ofUrl,
    ...credentials(settings, homedir, ['redis.username', 'redis.password', 'redis.passwordFile']),
    database: database(settings, read.database, report),
    ...(tls !== undefined && { tls }),
    ...(sentinel !== undefined && { sentinel }),
  };
}

function credentials(
  settings: Settings,
  homedir: string,
  [username, password, passwordFile]: readonly [string, string, string],
): Pick<RedisSentinels, 'username' | 'password' | 'passwordFile'> {
  return {
    ...(settings.has(username) && { username: settings.text(username) }),
    ...(settings.has(password) && { password: settings.text(password) }),
    ...(settings.has(passwordFile) && { passwordFile: expandHome(settings.text(passwordFile), homedir) }),
  };
}

function database(settings: Settings, ofAddress: number | undefined, report: Report): number {
  const said = settings.number('redis.db');
  if (ofAddress === undefined || ofAddress === said) return said;
  if (!settings.isGiven('redis.db')) {
    settings.replace('redis.db', ofAddress, 'redis.addr');
    return ofAddress;
  }
  report({
    code: 'Contradiction',
    message: `redis.db is ${said}, and redis.addr names database ${ofAddress}`,
    hint: 'name the database in one place only',
    ...settings.locate('redis.db'),
  });
  return said;
}

function deriveTls(
  settings: Settings,
  homedir: string,
  isUrl: boolean,
  report: Report,
): RedisTls | undefined {
  const cause = isUrl
    ? 'redis.addr'
    : TLS_FILES.map((name) => `redis.tls.${name}`).find((key) => settings.has(key));
  const isInsecure = settings.isTrue('redis.tls.insecureSkipVerify');
  if (!settings.has('redis.tls.enabled')) {
    const from = cause ?? (isInsecure ? 'redis.tls.insecureSkipVerify' : '');
    settings.derive('redis.tls.enabled', from !== '', from);
  } else if (isUrl && !settings.isTrue('redis.tls.enabled'))
    report({
      code: 'Contradiction',
      message: 'redis.addr says rediss://, which is TLS, and redis.tls.enabled says false',
      hint: 'write redis:// or leave redis.tls.enabled out',
      ...settings.locate('redis.tls.enabled'),
    });
  if (!settings.isTrue('redis.tls.enabled')) return undefined;
  for (const [one, other] of [
    ['redis.tls.certFile', 'redis.tls.keyFile'],
    ['redis.tls.keyFile', 'redis.tls.certFile'],
  ] as const)
    if (settings.has(one) && !settings.has(other))
      report({
        code: 'MissingField',
        message: `${one} needs ${other}`,
        hint: `set ${other}, or leave both out`,
        ...settings.locate(one),
      });
  const file = (name: string): Record<string, string> =>
    settings.has(`redis.tls.${name}`)
      ? { [name]: expandHome(settings.text(`redis.tls.${name}`), homedir) }
      : {};
  const serverName = settings.has('redis.tls.serverName')
    ? { serverName: settings.text('redis.tls.serverName') }
    : {};
  return {
    ...file('caFile'),
    ...file('certFile'),
    ...file('keyFile'),
    ...serverName,
    insecureSkipVerify: isInsecure,
  };
}

function deriveSentinels(settings: Settings, homedir: string, report: Report): RedisSentinels | undefined {
  const has = { sentinels: settings.has('redis.sentinels'), masterName: settings.has('redis.masterName') };
  if (has.sentinels !== has.masterName) {
    const [one, other] = has.sentinels
      ? ['redis.sentinels', 'redis.masterName']
      : ['redis.masterName', 'redis.sentinels'];
    if (!settings.isRefused(other))
      report({
        code: 'MissingField',
        message: `${one} needs ${other}`,
        hint: `set ${other}, or leave both out`,
        ...settings.locate(one),
      });
  }
  if (!has.sentinels || !has.masterName) return undefined;
  if (settings.isGiven('redis.addr'))
    report({
      code: 'IgnoredValue',
      message: 'the host of redis.addr is not used: the Sentinels name the master',
      hint: 'leave redis.addr out',
      ...settings.locate('redis.addr'),
    });
  return {
    addresses: settings.text('redis.sentinels').split(','),
    masterName: settings.text('redis.masterName'),
    ...credentials(settings, homedir, [
      'redis.sentinelUsername',
      'redis.sentinelPassword',
      'redis.sentinelPasswordFile',
    ]),
  };
}
