/** What went wrong with MySQL or MariaDB, as one sentence that names the fix and holds no secret. */
import { errorCode } from './error-code.ts';

/** Where the server is and as whom it was asked. */
export interface MysqlTarget {
  /** `host:port/database`: for people, and part of the fingerprint. */
  readonly address: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Thrown where the server answers but cannot be used as it is. */
export class MysqlRefusal extends Error {
  readonly code: 'READ_ONLY' | 'EPOCH_SPENT';

  constructor(code: MysqlRefusal['code']) {
    super(code);
    this.code = code;
  }
}

const TABLES = 'highlander_lease and highlander_schema';
const RIGHTS = `GRANT SELECT, INSERT, UPDATE ON the tables ${TABLES}, and CREATE once, or create them with what 'k8-highlander store schema --store mysql' prints`;

/** By the server's error number, our own code, or the code of a system error. */
const SENTENCES: Readonly<Record<string, string>> = {
  1045: 'refused user or password (1045): check them in databaseURL; a server that demands TLS says this too, then set ssl-mode=REQUIRED or stricter',
  1698: 'refused user or password (1698): the user may log in in another way only, such as by socket',
  1130: 'does not let this host in (1130): create the user for this host or for %',
  1044: 'denies the user the database (1044): grant it rights on the database',
  1049: 'has no such database (1049): create it, or correct databaseURL',
  1142: `denies the user a right on its tables (1142): ${RIGHTS}`,
  1143: `denies the user a right on columns of its tables (1143): ${RIGHTS}`,
  1227: `denies the user a right (1227): ${RIGHTS}`,
  3159: 'lets in only who uses TLS (3159): set ssl-mode=REQUIRED or stricter in databaseURL',
  1040: 'has too many connections (1040): raise max_connections; each controller needs two',
  1203: 'allows this user no more connections (1203): raise max_user_connections; each controller needs two',
  1226: 'allows this user no more of something (1226): raise its resource limits',
  1129: 'has blocked this host after failed connections (1129): run FLUSH HOSTS',
  1290: 'is read-only (1290): point databaseURL at the primary',
  1792: 'is read-only (1792): point databaseURL at the primary',
  1836: 'is read-only (1836): point databaseURL at the primary',
  READ_ONLY: 'is read-only: point databaseURL at the primary',
  1021: 'has a full disk (1021): free some space',
  1114: 'has no space for the table (1114): free some space',
  3: 'cannot write its files (3): check its disk',
  1205: 'did not get the row, which another session has locked (1205): end that session',
  1213: 'found a deadlock (1213): another session writes the table',
  1146: `has lost its tables (1146): they are made again; or ${RIGHTS}`,
  1054: `has tables in another form (1054): drop ${TABLES} while no controller runs`,
  1053: 'is shutting down (1053)',
  EPOCH_SPENT: 'holds an epoch that cannot rise any further: correct it in highlander_lease',
  ECONNREFUSED: 'refused the connection: is it running, and is databaseURL right?',
  ENOTFOUND: 'cannot be found by name: check databaseURL',
  EAI_AGAIN: 'cannot be found by name now: check DNS and databaseURL',
  EHOSTUNREACH: 'cannot be reached: check the network and databaseURL',
  ENETUNREACH: 'cannot be reached: check the network and databaseURL',
  ECONNRESET: 'closed the connection',
  PROTOCOL_CONNECTION_LOST: 'closed the connection',
  HANDSHAKE_NO_SSL_SUPPORT: 'offers no encryption: set ssl-mode=DISABLED, or set up TLS on the server',
  HANDSHAKE_SSL_ERROR: 'could not be trusted: check ssl-mode, ssl-ca and its certificate',
};

/** The sentence for anything that a client of the server threw. */
export function causeOf(error: unknown, target: MysqlTarget): string {
  const where = `MySQL at ${target.address}`;
  const sentence = SENTENCES[String(numberOf(error))] ?? SENTENCES[errorCode(error) ?? ''];
  if (sentence !== undefined) return `${where} ${sentence}`;
  const said = error instanceof Error ? error.message : String(error);
  return `${where}: ${target.password === '' ? said : said.replaceAll(target.password, '***')}`;
}

/** The server's error number; negative ones are the system's. */
export function numberOf(error: unknown): number | undefined {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number'
    ? error.errno
    : undefined;
}
