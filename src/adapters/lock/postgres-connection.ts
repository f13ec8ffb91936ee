/**
 * Connections to PostgreSQL. The server ends by itself what we have given up: every statement runs under limits. On a
 * session that is ours alone they are set once (`settleSession`). A pooler may lend each transaction another session: then
 * each request is one message that sets its limits for itself (`runTogether`) and leaves nothing behind.
 */
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Client, QueryResult } from 'pg';
import type { Duration } from '../../core/time.ts';
import { currentPassword, type DatabaseCredentials } from './database-password.ts';
import type { PostgresTarget } from './postgres-url.ts';

export interface PostgresConnectOptions {
  readonly target: PostgresTarget;
  readonly credentials: DatabaseCredentials;
  /** The bound of one request, connecting included. */
  readonly timeout: Duration;
}

/** Shares of the time of one request: the server gives up before we do, and then says why. */
const LOCK_SHARE = 0.5;
const STATEMENT_SHARE = 0.9;

/**
 * A client that is connected, and whose socket is destroyed when the signal aborts. `onEnd` is called when the
 * connection breaks.
 *
 * @throws when the server cannot be reached or refuses us.
 */
export async function openPostgresClient(
  options: PostgresConnectOptions,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<Client> {
  const { target, credentials } = options;
  const tls = await tlsOptions(target);
  const connect = (ssl: ConnectionOptions | false): Promise<Client> =>
    connectOnce(target, credentials, ssl, signal, onEnd);
  if (target.sslMode === 'allow' || target.sslMode === 'prefer')
    try {
      return await connect(tls);
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('does not support SSL'))) throw error;
      return connect(false);
    }
  return connect(tls);
}

async function connectOnce(
  target: PostgresTarget,
  credentials: DatabaseCredentials,
  ssl: ConnectionOptions | false,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<Client> {
  const { host, port, user, database } = target;
  const password = (await currentPassword(credentials)) ?? target.password;
  const { Client: Pg } = await import('pg');
  signal.throwIfAborted();
  const socket = new Socket();
  const client = new Pg({
    host,
    port,
    user,
    database,
    ...(password !== undefined && { password }),
    ...(target.options !== undefined && { options: target.options }),
    ssl,
    stream: () => socket,
    keepAlive: true,
    application_name: 'k8-highlander',
  });
  let isUp = false;
  // A client without a listener ends the process. While it connects, `connect` tells.
  client.on('error', () => isUp && onEnd());
  client.on('end', () => isUp && onEnd());
  signal.addEventListener('abort', () => socket.destroy(), { once: true });
  try {
    await client.connect();
  } catch (error) {
    socket.destroy();
    throw error;
  }
  signal.throwIfAborted();
  isUp = true;
  return client;
}

/** As libpq understands sslmode. @throws Error that names a file that cannot be read. */
async function tlsOptions(target: PostgresTarget): Promise<ConnectionOptions | false> {
  const { sslMode, sslRootCert, sslCert, sslKey } = target;
  if (sslMode === 'disable') return false;
  const ca = sslRootCert === 'system' ? undefined : await readPem('sslrootcert', sslRootCert);
  const cert = await readPem('sslcert', sslCert);
  const key = await readPem('sslkey', sslKey);
  const own = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
  if (sslMode === 'verify-full') return own;
  const isAuthorityChecked = sslMode === 'verify-ca' || (sslMode === 'require' && sslRootCert !== undefined);
  return isAuthorityChecked
    ? { ...own, checkServerIdentity: () => undefined }
    : { ...own, rejectUnauthorized: false };
}

async function readPem(name: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch {
    throw new Error(`${name} ${path} of databaseURL cannot be read: check the path and its permissions`);
  }
}

/** What a statement runs under, whatever the defaults of role, database and server. */
function limits({ target, timeout }: PostgresConnectOptions): readonly (readonly [string, string])[] {
  return [
    ['statement_timeout', String(Math.ceil(timeout * STATEMENT_SHARE))],
    ['lock_timeout', String(Math.ceil(timeout * LOCK_SHARE))],
    ['synchronous_commit', 'on'],
    ...(target.searchPath === undefined ? [] : [['search_path', target.searchPath] as const]),
  ];
}

/**
 * Sets the limits for as long as the connection lasts, if the session behind it is ours alone; answers whether it is. A
 * pooler makes up the process id that it tells a client when it connects, since it has no session for it then.
 *
 * @throws what the client throws; the connection is then to be left.
 */
export async function settleSession(client: Client, options: PostgresConnectOptions): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const told: unknown = Reflect.get(client, 'processID');
  if (rows[0]?.pid !== told) return false;
  const settings = [...limits(options), ['default_transaction_isolation', 'read committed'] as const];
  const calls = settings.map(
    ([name, value]) => `set_config('${name}', ${client.escapeLiteral(value)}, false)`,
  );
  await client.query(`SELECT ${calls.join(', ')}`);
  return true;
}

/**
 * Runs statements in one transaction, in one message, with the limits of a request. Answers the result of each.
 *
 * @throws what the client throws; the connection is then to be left.
 */
export async function runTogether(
  client: Client,
  options: PostgresConnectOptions,
  statements: readonly string[],
): Promise<readonly QueryResult<Record<string, unknown>>[]> {
  const calls = limits(options).map(
    ([name, value]) => `set_config('${name}', ${client.escapeLiteral(value)}, true)`,
  );
  // The statements of one message are one transaction, which ends with the message.
  const before = ['SET TRANSACTION ISOLATION LEVEL READ COMMITTED', `SELECT ${calls.join(', ')}`];
  const results: unknown = await client.query([...before, ...statements].join(';\n'));
  if (!isResults(results)) throw new Error('several statements were answered as one');
  return results.slice(before.length);
}

/** What the client answers for several statements, which its types do not say. */
function isResults(results: unknown): results is readonly QueryResult<Record<string, unknown>>[] {
  return Array.isArray(results);
}
