/** Reads a `databaseURL` of PostgreSQL: the URL form and the keyword form of libpq, as far as one server is named. */
import type { Problem } from '../../core/problem.ts';

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'no-verify', 'verify-ca', 'verify-full'] as const;
type SslMode = (typeof SSL_MODES)[number];

/** Where the server is, whom it is asked to accept, and how the way there is protected. */
export interface PostgresTarget {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** A secret: never to be shown. */
  readonly password?: string;
  readonly sslMode: SslMode;
  /** Paths of PEM files. `system`: the certificates that Node trusts. */
  readonly sslRootCert?: string;
  readonly sslCert?: string;
  readonly sslKey?: string;
  /** Where the tables are, if not where the user's default leads. */
  readonly searchPath?: string;
  /** Command-line options for the server, as libpq sends them. */
  readonly options?: string;
}

const DEFAULT_PORT = 5432;

/** What stands in the URL, with libpq's defaults; a problem never repeats the URL, which may hold a password. */
export function readPostgresUrl(text: string): PostgresTarget | Problem {
  const parameters = /^\s*[a-z]+:\/\//i.test(text) ? readUrl(text.trim()) : readKeywords(text);
  if (typeof parameters === 'string') return problem(parameters);
  const get = (name: string): string | undefined => parameters.get(name) || undefined;
  const host = get('host') ?? get('hostaddr') ?? 'localhost';
  if (host.includes(','))
    return problem('it names several hosts; name one, which always leads to the primary');
  const port = Number(get('port') ?? DEFAULT_PORT);
  if (!(Number.isInteger(port) && port > 0 && port < 65_536)) return problem('its port is not a port number');
  const user = get('user');
  if (user === undefined) return problem('it names no user');
  const mode = get('sslmode') ?? 'prefer';
  const sslMode = SSL_MODES.find((known) => known === mode);
  if (sslMode === undefined) return problem(`its sslmode is none of ${SSL_MODES.join(', ')}`);
  if (sslMode === 'verify-ca' && get('sslrootcert') === undefined)
    return problem(
      'sslmode=verify-ca needs sslrootcert; with certificates of a public authority use verify-full',
    );
  const optional = {
    password: get('password'),
    sslRootCert: get('sslrootcert'),
    sslCert: get('sslcert'),
    sslKey: get('sslkey'),
    searchPath: get('search_path'),
    options: get('options'),
  };
  const given = Object.entries(optional).filter(([, value]) => value !== undefined);
  return { host, port, user, database: get('dbname') ?? user, sslMode, ...Object.fromEntries(given) };
}

function problem(what: string): Problem {
  return {
    code: 'InvalidValue',
    message: `databaseURL cannot be used: ${what}`,
    hint: 'write postgres://user:password@host:5432/database?sslmode=verify-full, special characters as %XX',
    path: 'databaseURL',
  };
}

type Parameters = ReadonlyMap<string, string>;

function readUrl(text: string): Parameters | string {
  try {
    const url = new URL(text);
    const database = decodeURIComponent(url.pathname.slice(1));
    return new Map([
      ['host', decodeURIComponent(url.hostname.replace(/^\[(.*)\]$/, '$1'))],
      ['port', url.port],
      ['user', decodeURIComponent(url.username)],
      ['password', decodeURIComponent(url.password)],
      ['dbname', database],
      ...[...url.searchParams].filter(([, value]) => value !== ''),
    ]);
  } catch {
    return 'it is not a URL';
  }
}

/** `host=h password='a b'`; inside quotes a backslash protects the next character. */
function readKeywords(text: string): Parameters | string {
  const parameters = new Map<string, string>();
  const pair = /\s*([a-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)/iy;
  const end = text.trimEnd().length;
  while (pair.lastIndex < end) {
    const [, name = '', value = ''] = pair.exec(text) ?? [];
    if (name === '') return 'it is neither a URL nor a list of keyword=value';
    const bare = value.startsWith("'") ? value.slice(1, -1) : value;
    parameters.set(name.toLowerCase(), bare.replaceAll(/\\(.)/g, '$1'));
  }
  return parameters;
}
