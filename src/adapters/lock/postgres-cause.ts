/** What went wrong with PostgreSQL, as one sentence that names the fix and holds no secret. */
import { errorCode } from './error-code.ts';
import type { PostgresTarget } from './postgres-url.ts';

/** A standby, or a session that was told not to write: told apart before anything is tried. */
export const READ_ONLY = '25006';

/** By SQLSTATE, by the code of a system error, or by one of TLS. */
const SENTENCES: Readonly<Record<string, string>> = {
  '28P01': 'refused user or password (28P01): check databaseURL, databasePassword or databasePasswordFile',
  '53300': 'has too many connections (53300): raise max_connections, or the limit of the role or database',
  '57P03': 'is starting, stopping or recovering (57P03): wait',
  '57P01': 'ended the connection (57P01)',
  '57P02': 'ended the connection after a crash (57P02)',
  '57014': 'took too long for one statement (57014): check its load and its disk',
  '55P03':
    'keeps us waiting for a lock on highlander_lease (55P03): see pg_locks for the session that holds it',
  '53100': 'has no disk space left (53100): make room',
  '53200': 'is out of memory (53200): give it more',
  '23514':
    'holds a row in highlander_lease whose epoch is used up (23514): give it a lower epoch that is still the highest',
  '42P01': 'lost a table that was there (42P01): it is created again, or see k8-highlander store schema',
  '42703':
    'has a table highlander_lease of another form (42703): rename that one, or see k8-highlander store schema',
  [READ_ONLY]: 'is read-only (25006): point databaseURL at the primary',
  ECONNREFUSED: 'refused the connection: is it running, and is databaseURL right?',
  ENOENT: 'has no socket there: is it running, and is databaseURL right?',
  ENOTFOUND: 'cannot be found by name: check databaseURL',
  EAI_AGAIN: 'cannot be found by name now: check DNS and databaseURL',
  EHOSTUNREACH: 'cannot be reached: check the network and databaseURL',
  ENETUNREACH: 'cannot be reached: check the network and databaseURL',
  ECONNRESET: 'closed the connection',
  EPIPE: 'closed the connection',
  SELF_SIGNED_CERT_IN_CHAIN: 'shows a certificate that is not trusted: name its authority with sslrootcert',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'shows a certificate that is not trusted: name its authority with sslrootcert',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'shows a certificate that is not trusted: name its authority with sslrootcert',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'shows a certificate that is not trusted: name its authority with sslrootcert',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'shows a certificate for another host: use the name in the certificate, or sslmode=verify-ca',
  CERT_HAS_EXPIRED: 'shows a certificate that has expired: renew it',
};

/** By what the client or the server says, where a code is absent or says too little. */
const BY_TEXT: readonly (readonly [RegExp, (target: PostgresTarget) => string])[] = [
  [/does not support SSL/, () => 'speaks no TLS: use sslmode=disable, or turn ssl on in the server'],
  [/no encryption|SSL off/, () => 'accepts only TLS from here: use sslmode=require or stricter'],
  [/pg_hba\.conf/, ({ user }) => `has no rule in pg_hba.conf that lets ${user} in from here: add one`],
  [
    /password must be a (non-empty )?string/,
    () => 'asks for a password: set databasePassword or databasePasswordFile',
  ],
  [/terminated unexpectedly/, () => 'closed the connection'],
  [
    /table leader_locks/,
    ({ user }) => `denies the locks of k8-highlander (Go): GRANT SELECT ON leader_locks TO ${user}`,
  ],
  [
    /table highlander_/,
    ({ user }) =>
      `denies its tables (42501): GRANT SELECT, INSERT, UPDATE ON highlander_lease, highlander_schema TO ${user}`,
  ],
  [
    /permission denied for schema|no schema has been selected/,
    ({ user }) =>
      `lets ${user} create no tables: create them with what 'k8-highlander store schema --store postgres' prints, or GRANT CREATE ON SCHEMA`,
  ],
];

/** The sentence for anything that a client of PostgreSQL threw. `secrets` are masked in what is not known. */
export function causeOf(
  error: unknown,
  target: PostgresTarget,
  secrets: readonly (string | undefined)[],
): string {
  const said = error instanceof Error ? error.message : String(error);
  const where = `PostgreSQL at ${addressOf(target)}`;
  const byText = BY_TEXT.find(([pattern]) => pattern.test(said))?.[1](target);
  if (byText !== undefined) return `${where} ${byText}`;
  const code = errorCode(error);
  if (code === '3D000')
    return `${where} has no database ${target.database} (3D000): create it, or check databaseURL`;
  if (code === '28000')
    return `${where} does not let ${target.user} in (28000): check the role's rights to log in`;
  const sentence = code === undefined ? undefined : SENTENCES[code];
  if (sentence !== undefined) return `${where} ${sentence}`;
  const masked = secrets.reduce<string>(
    (text, secret) => (secret ? text.replaceAll(secret, '***') : text),
    said,
  );
  return `${where}: ${masked}${code === undefined ? '' : ` (${code})`}`;
}

/** `host:port/database`, without credentials. */
export function addressOf({ host, port, database }: PostgresTarget): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
}
