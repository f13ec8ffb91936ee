/** Where a MySQL or MariaDB server is, from a URL `mysql://user:password@host:3306/database?ssl-mode=REQUIRED`. */
import { isIP } from 'node:net';
import type { MysqlTarget } from './mysql-cause.ts';

/** How a connection is protected; the names are those of MySQL's own programs. */
export type SslMode = 'DISABLED' | 'REQUIRED' | 'VERIFY_CA' | 'VERIFY_IDENTITY';

/** Everything needed to connect. */
export interface MysqlAddress extends MysqlTarget {
  readonly host: string;
  readonly port: number;
  readonly sslMode: SslMode;
  /** A file with the certificates to trust instead of the public ones. Read at each connection, so that it may change. */
  readonly sslCa?: string;
}

const SSL_MODES: readonly SslMode[] = ['DISABLED', 'REQUIRED', 'VERIFY_CA', 'VERIFY_IDENTITY'];

/** The address, or what is wrong with it in words without its password. `mariadb://` means the same. */
export function readMysqlUrl(text: string): MysqlAddress | { readonly problem: string } {
  const form = 'write mysql://user:password@host:3306/database';
  if (!URL.canParse(text))
    return { problem: `the URL cannot be read: ${form}, with %-codes for special signs` };
  const url = new URL(text);
  if (url.protocol !== 'mysql:' && url.protocol !== 'mariadb:')
    return { problem: `the URL begins with ${url.protocol}//: ${form}` };
  const host = decoded(url.hostname)?.replace(/^\[(.*)\]$/, '$1');
  const user = decoded(url.username);
  const password = decoded(url.password);
  const database = decoded(url.pathname.slice(1));
  if (host === undefined || user === undefined || password === undefined || database === undefined)
    return { problem: 'the URL holds a % that begins no code: write %25 for it' };
  if (host === '') return { problem: `the URL names no host: ${form}` };
  if (database === '' || database.includes('/')) return { problem: `the URL names no database: ${form}` };
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'ssl-mode' && name !== 'ssl-ca');
  if (unknown !== undefined)
    return { problem: `the URL sets "${unknown}", which is not known: use ssl-mode and ssl-ca` };
  const sslMode = readSslMode(url.searchParams.get('ssl-mode') ?? 'DISABLED');
  if (sslMode === undefined) return { problem: `ssl-mode is none of ${SSL_MODES.join(', ')}` };
  // The client would compare the certificate of an address with the name localhost.
  if (sslMode === 'VERIFY_IDENTITY' && isIP(host) !== 0)
    return { problem: 'ssl-mode=VERIFY_IDENTITY needs the name of the host, not its address' };
  const sslCa = url.searchParams.get('ssl-ca');
  const port = Number(url.port || 3306);
  return {
    host,
    port,
    address: `${url.hostname}:${port}/${database}`,
    user: user === '' ? 'root' : user,
    password,
    database,
    sslMode,
    ...(sslCa !== null && { sslCa }),
  };
}

function readSslMode(text: string): SslMode | undefined {
  return SSL_MODES.find((mode) => mode === text.toUpperCase());
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
