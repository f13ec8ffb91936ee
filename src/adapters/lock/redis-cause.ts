/** What went wrong with Redis, as one sentence that names the fix and holds no secret. */
import { errorCode } from './error-code.ts';

/** Where the server is and what it was asked to accept. */
export interface RedisTarget {
  /** `host:port`. */
  readonly address: string;
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
}

/** By the code with which a server's error begins, by the code of a system error, or by our own. */
const SENTENCES: Readonly<Record<string, string>> = {
  WRONGPASS: 'refused user or password (WRONGPASS): check redis.password',
  NOAUTH: 'asks for a password (NOAUTH): set redis.password',
  NOPERM:
    'denies a command or key (NOPERM): allow the user +@connection, eval, evalsha, info, time, get, set, del, pttl, pexpire, publish and subscribe on highlander-*',
  READONLY: 'is a read-only replica (READONLY): point redis.addr at the master',
  MASTERDOWN: 'is a replica without its master (MASTERDOWN): point redis.addr at the master',
  NOREPLICAS: 'has too few replicas to accept writes (NOREPLICAS): restore them',
  LOADING: 'is still loading its data (LOADING): wait',
  BUSY: 'is blocked by a script (BUSY): end it with SCRIPT KILL',
  MISCONF: 'cannot save its data and refuses writes (MISCONF): check its disk',
  OOM: 'is out of memory (OOM): raise maxmemory',
  CROSSSLOT: 'runs in cluster mode, which is not supported (CROSSSLOT): use a server or a Sentinel master',
  MOVED: 'runs in cluster mode, which is not supported (MOVED): use a server or a Sentinel master',
  WRONGTYPE: 'holds something else under the name of the lock (WRONGTYPE): delete the highlander-* key',
  BADRECORD: 'holds a highlander-leader-epoch key that is not ours: delete it',
  ECONNREFUSED: 'refused the connection: is it running, and is redis.addr right?',
  ENOTFOUND: 'cannot be found by name: check redis.addr',
  EAI_AGAIN: 'cannot be found by name now: check DNS and redis.addr',
  EHOSTUNREACH: 'cannot be reached: check the network and redis.addr',
  ENETUNREACH: 'cannot be reached: check the network and redis.addr',
  ECONNRESET: 'closed the connection',
};

const REPLY_CODES = new RegExp(`\\b(${Object.keys(SENTENCES).join('|')})\\b`);

/** The sentence for anything that a client of Redis threw. */
export function causeOf(error: unknown, target: RedisTarget): string {
  const said = error instanceof Error ? error.message : String(error);
  const denied = said.includes('user executing the script') ? 'NOPERM' : undefined; // Redis 7 gives it no code
  // Servers before Redis 7 put the code of an error inside a script behind the name of the script.
  const code = errorCode(error) ?? denied ?? REPLY_CODES.exec(said)?.[1];
  const sentence = code === undefined ? undefined : SENTENCES[code];
  if (sentence !== undefined) return `Redis at ${target.address} ${sentence}`;
  if (/DB index/.test(said))
    return `Redis at ${target.address} has no database ${target.database}: check redis.db`;
  if (/unknown command|NOPROTO/i.test(said))
    return `Redis at ${target.address} is too old: use Redis 6 or newer, or Valkey`;
  return `Redis at ${target.address}: ${target.password ? said.replaceAll(target.password, '***') : said}`;
}
