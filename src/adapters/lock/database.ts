/**
 * The lock in a database: `databaseURL` chooses the adapter, which is loaded only then. What is said about the URL here
 * never repeats it, because it may hold a password.
 */
import { readFile } from 'node:fs/promises';
import { DATABASE_URL_FORMS, databaseEngine } from '../../core/database-url.ts';
import type { Problem } from '../../core/problem.ts';
import type { Duration } from '../../core/time.ts';
import type { LockStore } from '../../ports/lock-store.ts';
import type { System } from '../../ports/system.ts';

export interface DatabaseCredentials {
  /** Wins over a password in the URL. */
  readonly password?: string;
  /** Read for each connection, so that a rotated password is used; wins over `password`. */
  readonly passwordFile?: string;
}

export interface DatabaseOptions extends DatabaseCredentials {
  /** The bound of one operation, connecting included: the election's `opTimeout`. */
  readonly timeout: Duration;
}

/** The store of the URL's scheme, which connects on first use; or what is wrong with the URL. */
export async function openDatabaseStore(
  url: string,
  options: DatabaseOptions,
  system: System,
): Promise<LockStore | Problem> {
  const engine = databaseEngine(url);
  switch (engine) {
    case 'mysql':
      return openMysql(url, options, system);
    case 'postgres':
    case 'sqlite':
      return {
        code: 'NotInThisVersion',
        message: `${engine} as a lock store is not available in this version`,
        hint: 'use storageType lease or redis',
        path: 'databaseURL',
      };
    case undefined:
      return {
        code: 'InvalidValue',
        message: 'the scheme names no database that this program knows',
        hint: DATABASE_URL_FORMS,
        path: 'databaseURL',
      };
  }
}

async function openMysql(
  url: string,
  { timeout, ...credentials }: DatabaseOptions,
  system: System,
): Promise<LockStore | Problem> {
  const { readMysqlUrl } = await import('./mysql-url.ts');
  const address = readMysqlUrl(url);
  if ('problem' in address) return invalid(address.problem);
  const { openMysqlLock } = await import('./mysql.ts');
  return openMysqlLock({ ...address, timeout, currentPassword: () => currentPassword(credentials) }, system);
}

function invalid(message: string): Problem {
  return { code: 'InvalidValue', message, hint: DATABASE_URL_FORMS, path: 'databaseURL' };
}

/** The password to connect with now. @throws Error that names the file, if it cannot be read. */
export async function currentPassword({
  password,
  passwordFile,
}: DatabaseCredentials): Promise<string | undefined> {
  if (passwordFile === undefined) return password;
  try {
    return (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '');
  } catch {
    throw new Error(
      `databasePasswordFile ${passwordFile} cannot be read: check the path and its permissions`,
    );
  }
}
