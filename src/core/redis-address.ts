/** Where a Redis is and how it is spoken to: data that the configuration reads and the adapter uses. */

/** One Redis, or the master that Sentinels name. */
export interface RedisAddress {
  /** `host:port`; an IPv6 address in brackets. Not used where there are Sentinels. */
  readonly address: string;
  readonly username?: string;
  /** A secret: never to be shown. */
  readonly password?: string;
  /** A file that holds the password, read for each connection; wins over `password`. */
  readonly passwordFile?: string;
  readonly database: number;
  /** Absent: no TLS. For Sentinels too. */
  readonly tls?: RedisTls;
  readonly sentinel?: RedisSentinels;
}

/** Files are PEM and read for each connection, so that a renewed certificate is used without a restart. */
export interface RedisTls {
  /** Whom to trust; absent: the authorities that Node trusts. */
  readonly caFile?: string;
  /** Our own certificate; needs `keyFile`. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name that the certificate must bear; absent: the host. */
  readonly serverName?: string;
  /** Accepts any certificate. */
  readonly insecureSkipVerify: boolean;
}

/** The Sentinels that know the master. */
export interface RedisSentinels {
  /** `host:port` each. */
  readonly addresses: readonly string[];
  readonly masterName: string;
  readonly username?: string;
  /** A secret: never to be shown. */
  readonly password?: string;
  /** A file that holds the password, read for each connection; wins over `password`. */
  readonly passwordFile?: string;
}

/** What `redis.addr` may hold. */
export interface ReadAddress {
  /** `host:port`. */
  readonly address: string;
  readonly isTls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly database?: number;
}

const HOST_PORT = String.raw`(?:\[[0-9A-Fa-f:.]+\]|[^\s:/@,]+):\d{1,5}`;
const URL_FORM =
  /^(rediss?):\/\/(?:([^\s:@/]*)(?::([^\s@/]*))?@)?(\[[0-9A-Fa-f:.]+\]|[^\s:/@,]+)(?::(\d{1,5}))?(?:\/(\d{0,9}))?$/;

/** One `host:port`. */
export const REDIS_HOST_PORT = new RegExp(`^${HOST_PORT}$`);

/** How to write an address, for people. */
export const REDIS_ADDRESS_FORMS =
  'write host:port, or rediss://user:password@host:port/db with special characters as %XX';

/** Reads `host:port`, `redis://…` or `rediss://…` (TLS); undefined if the text is none of them. */
export function readRedisAddress(text: string): ReadAddress | undefined {
  if (REDIS_HOST_PORT.test(text)) return { address: text, isTls: false };
  const [, scheme, user, password, host, port = '6379', database] = URL_FORM.exec(text) ?? [];
  if (host === undefined) return undefined;
  const username = decode(user);
  const secret = decode(password);
  if (username === undefined || secret === undefined) return undefined;
  return {
    address: `${host}:${port}`,
    isTls: scheme === 'rediss',
    ...(username !== '' && { username }),
    ...(secret !== '' && { password: secret }),
    ...(database !== undefined && database !== '' && { database: Number(database) }),
  };
}

/** Undefined if the escapes are broken. */
function decode(text = ''): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
