/** What went wrong with Redis, as one sentence that names the fix and holds no secret. */
import { errorCode } from './error-code.ts';
import type { RedisSentinels, RedisTls } from '../../core/redis-address.ts';
import { UnreadableFile } from './redis-client.ts';
import { SentinelError } from './redis-sentinel.ts';

/** Where the server is and what it was asked for. */
export interface RedisTarget {
  /** `host:port`. */
  readonly address: string;
  readonly database: number;
  readonly tls?: RedisTls;
  readonly sentinel?: Pick<RedisSentinels, 'masterName'>;
}

/** By the code with which a server's error begins, by the code of a system error, or by our own. */
const SENTENCES: Readonly<Record<string, string>> = {
  WRONGPASS:
    'refused user or password (WRONGPASS): check redis.password, redis.passwordFile and redis.username',
  NOAUTH: 'asks for a password (NOAUTH): set redis.password or redis.passwordFile',
  NOPERM:
    'denies a command or key (NOPERM): allow the user +@connection, eval, evalsha, info, time, role, wait, get, set, del, pttl, pexpire, publish and subscribe on highlander-*',
  READONLY: 'is a read-only replica (READONLY): point redis.addr at the master, or use redis.sentinels',
  MASTERDOWN:
    'is a replica without its master (MASTERDOWN): point redis.addr at the master, or use redis.sentinels',
  NOTMASTER: 'is not a master, though the Sentinels say so (NOTMASTER): a failover is under way, wait',
  NOREPLICAS: 'has too few replicas to accept writes (NOREPLICAS): restore them',
  NOTACKED:
    'has replicas, and a majority of them did not confirm the lock in time (NOTACKED): restore or remove them',
  LOADING: 'is still loading its data (LOADING): wait',
  BUSY: 'is blocked by a script (BUSY): end it with SCRIPT KILL',
  MISCONF: 'cannot save its data and refuses writes (MISCONF): check its disk',
  OOM: 'is out of memory (OOM): raise maxmemory',
  CROSSSLOT: 'runs in cluster mode, which is not supported (CROSSSLOT): use a server or a Sentinel master',
  MOVED: 'runs in cluster mode, which is not supported (MOVED): use a server or a Sentinel master',
  CLUSTERDOWN:
    'runs in cluster mode, which is not supported (CLUSTERDOWN): use a server or a Sentinel master',
  WRONGTYPE: 'holds something else under the name of the lock (WRONGTYPE): delete the highlander-* key',
  BADRECORD: 'holds a highlander-leader-epoch key that is not ours: delete it',
  ECONNREFUSED: 'refused the connection: is it running, and is redis.addr right?',
  ENOTFOUND: 'cannot be found by name: check redis.addr',
  EAI_AGAIN: 'cannot be found by name now: check DNS and redis.addr',
  EHOSTUNREACH: 'cannot be reached: check the network and redis.addr',
  ENETUNREACH: 'cannot be reached: check the network and redis.addr',
  ECONNRESET: 'closed the connection: if it speaks TLS, set redis.tls',
  EPROTO: 'does not speak TLS: leave redis.tls out and write redis:// instead of rediss://',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'does not speak TLS: leave redis.tls out and write redis:// instead of rediss://',
  ERR_SSL_PACKET_LENGTH_TOO_LONG:
    'does not speak TLS: leave redis.tls out and write redis:// instead of rediss://',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'has a certificate for another name: set redis.tls.serverName to the name that it bears',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a certificate of an unknown authority: set redis.tls.caFile',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a certificate of an unknown authority: set redis.tls.caFile',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has a certificate of an unknown authority: set redis.tls.caFile',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'has a certificate of an unknown authority: set redis.tls.caFile',
  CERT_HAS_EXPIRED: 'has a certificate that has expired: renew it',
};

const REPLY_CODES = new RegExp(`\\b(${Object.keys(SENTENCES).join('|')})\\b`);

/** The sentence for anything that a client of Redis or of a Sentinel threw. */
export function causeOf(error: unknown, target: RedisTarget): string {
  if (error instanceof SentinelError) return causeOfSentinel(error, target);
  const { address, database, sentinel } = target;
  const server = sentinel === undefined ? `Redis at ${address}` : `Redis master ${sentinel.masterName}`;
  const said = error instanceof Error ? error.message : String(error);
  if (error instanceof UnreadableFile) return `${server}: ${said}`;
  const denied = said.includes('user executing the script') ? 'NOPERM' : undefined; // Redis 7 gives it no code
  // Servers before Redis 7 put the code of an error inside a script behind the name of the script.
  const code = errorCode(error) ?? denied ?? REPLY_CODES.exec(said)?.[1];
  const sentence = code === undefined ? undefined : SENTENCES[code];
  if (sentence !== undefined) return `${server} ${sentence}`;
  if (/DB index/.test(said)) return `${server} has no database ${database}: check redis.db`;
  if (/unknown command '?eval/i.test(said))
    return `${server} is a Sentinel: set redis.sentinels and redis.masterName instead of redis.addr`;
  if (/unknown command|NOPROTO/i.test(said)) return `${server} is too old: use Redis 6 or newer, or Valkey`;
  if (/Socket closed unexpectedly/.test(said)) return `${server} ${SENTENCES['ECONNRESET']}`;
  const isSilent = target.tls !== undefined && said.startsWith('no answer');
  return `${server}: ${said}${isSilent ? '; if it does not speak TLS, leave redis.tls out' : ''}`;
}

/** In the terms of the settings of Sentinels. */
function causeOfSentinel({ sentinel, cause }: SentinelError, { sentinel: of }: RedisTarget): string {
  const said = cause instanceof Error ? cause.message : String(cause);
  if (/No such master/i.test(said))
    return `Sentinel at ${sentinel} does not know the master ${of?.masterName ?? ''}: check redis.masterName`;
  if (/unknown command '?sentinel/i.test(said))
    return `Sentinel at ${sentinel} is no Sentinel: check redis.sentinels`;
  return causeOf(cause, { address: sentinel, database: 0 })
    .replace(/^Redis at/, 'Sentinel at')
    .replaceAll('redis.passwordFile', 'redis.sentinelPasswordFile')
    .replaceAll('redis.password', 'redis.sentinelPassword')
    .replaceAll('redis.username', 'redis.sentinelUsername')
    .replaceAll('redis.addr', 'redis.sentinels');
}
