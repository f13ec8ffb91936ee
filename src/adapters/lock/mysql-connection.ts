/**
 * Connections to MySQL or MariaDB. The time limit that `mysql2` offers per query leaves the connection in use, with the
 * next query behind the one that hangs: none is used here, and what was given up is left with its connection. The server
 * may still carry it out.
 */
import { readFile } from 'node:fs/promises';
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { SECOND } from '../../core/time.ts';
import type { Duration, Instant } from '../../core/time.ts';
import type { Clock } from '../../ports/system.ts';
import { MysqlRefusal, numberOf } from './mysql-cause.ts';
import {
  CREATE_TABLES,
  PREPARE_SESSION,
  READ_SERVER,
  READ_UPTIME,
  READ_VERSION,
  TABLES_VERSION,
} from './mysql-statements.ts';
import type { MysqlAddress } from './mysql-url.ts';

export interface MysqlConnectOptions extends MysqlAddress {
  /** The bound of one request, connecting included. */
  readonly timeout: Duration;
  /** Asked for each connection, so that a rotated password is used; what it answers wins over `password`. */
  readonly currentPassword?: () => Promise<string | undefined>;
}

/** What a write came to. */
export interface Changed {
  readonly rows: number;
  /** What the statement gave to LAST_INSERT_ID, else 0. */
  readonly told: number;
}

/** One connection that is ready for use. */
export interface MysqlSession {
  /** Names the server behind the connection (`server_uuid`, in MariaDB `server_uid`); empty where it has no name. */
  readonly server: string;
  /** Since when the server runs, on our clock, to the second; not earlier than that. */
  readonly startedAt: Instant;
  rows(statement: string, values: readonly string[]): Promise<readonly RowDataPacket[]>;
  change(statement: string, values: readonly string[]): Promise<Changed>;
}

const NO_SUCH_TABLE = 1146;

/** A session whose tables are there; see `openMysqlSession`. */
export async function openMysqlStore(
  options: MysqlConnectOptions,
  clock: Clock,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<MysqlSession> {
  const session = await openMysqlSession(options, clock, signal, onEnd);
  await prepareTables(session);
  return session;
}

/**
 * A session that is connected, and destroyed when the signal aborts. `onEnd` is called when the connection breaks.
 *
 * @throws when the server cannot be reached or refuses us, or is read-only.
 */
export async function openMysqlSession(
  options: MysqlConnectOptions,
  clock: Clock,
  signal: AbortSignal,
  onEnd: () => void,
): Promise<MysqlSession> {
  const { host, port, user, database, timeout } = options;
  const password = (await options.currentPassword?.()) ?? options.password;
  const ssl = await readSsl(options);
  const { createConnection } = await import('mysql2');
  signal.throwIfAborted();
  const raw = createConnection({
    host,
    port,
    user,
    password,
    database,
    ...(ssl !== undefined && { ssl }),
    connectTimeout: timeout,
    // A row that matches is counted only if it changes; the server may not ask us for files.
    flags: ['-FOUND_ROWS', '-LOCAL_FILES'],
    supportBigNumbers: true,
    // Else it notes for each statement where it was called from, and nobody reads that.
    trace: false,
    dateStrings: true,
    enableKeepAlive: true,
    keepAliveInitialDelay: 10 * SECOND,
    connectAttributes: { program_name: 'k8-highlander' },
  });
  raw.on('error', onEnd);
  raw.on('end', onEnd);
  signal.addEventListener('abort', () => raw.destroy(), { once: true });
  const connection = raw.promise();
  await connection.connect();
  await connection.query(PREPARE_SESSION);
  const [variables] = await connection.query<RowDataPacket[]>(READ_SERVER);
  const server = readServer(variables);
  const [[uptime]] = await connection.query<RowDataPacket[]>(READ_UPTIME);
  return {
    server,
    startedAt: clock.now() - Number(uptime?.['Value']) * SECOND,
    rows: (statement, values) => rowsOf(connection, statement, values),
    change: (statement, values) => change(connection, statement, values),
  };
}

async function rowsOf(
  connection: Connection,
  statement: string,
  values: readonly string[],
): Promise<readonly RowDataPacket[]> {
  const [rows] = await connection.execute<RowDataPacket[]>(statement, [...values]);
  return rows;
}

async function change(
  connection: Connection,
  statement: string,
  values: readonly string[],
): Promise<Changed> {
  const [header] = await connection.execute<ResultSetHeader>(statement, [...values]);
  return { rows: header.affectedRows, told: header.insertId };
}

/** @throws MysqlRefusal where the server is read-only: what it holds may be old. */
function readServer(rows: readonly RowDataPacket[]): string {
  const variables = new Map(rows.map((row) => [String(row['Variable_name']), String(row['Value'])]));
  if (isReadOnly(variables.get('read_only'))) throw new MysqlRefusal('READ_ONLY');
  return variables.get('server_uuid') ?? variables.get('server_uid') ?? '';
}

/** Servers word it as a number or as text. */
export function isReadOnly(value: unknown): boolean {
  return !['0', 'OFF', 'undefined'].includes(String(value));
}

/** Creates the tables where they are missing. */
async function prepareTables(session: MysqlSession): Promise<void> {
  const version = await readTablesVersion(session);
  if (version !== undefined && version >= TABLES_VERSION) return;
  for (const statement of CREATE_TABLES) await session.change(statement, []);
}

async function readTablesVersion(session: MysqlSession): Promise<number | undefined> {
  try {
    const [row] = await session.rows(READ_VERSION, []);
    return row?.['version'] === null ? undefined : Number(row?.['version']);
  } catch (error) {
    if (numberOf(error) === NO_SUCH_TABLE) return undefined;
    throw error;
  }
}

interface Ssl {
  readonly rejectUnauthorized: boolean;
  readonly verifyIdentity: boolean;
  readonly ca?: string;
}

async function readSsl({ sslMode, sslCa }: MysqlAddress): Promise<Ssl | undefined> {
  if (sslMode === 'DISABLED') return undefined;
  return {
    rejectUnauthorized: sslMode !== 'REQUIRED',
    verifyIdentity: sslMode === 'VERIFY_IDENTITY',
    ...(sslCa !== undefined && { ca: await readAuthorities(sslCa) }),
  };
}

async function readAuthorities(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw new Error(`ssl-ca ${path} cannot be read: check the path and its permissions`, { cause: error });
  });
}
