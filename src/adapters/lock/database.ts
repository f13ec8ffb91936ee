/**
 * The lock in a database: `databaseURL` chooses the adapter, which is loaded only then. What is said about the URL here
 * never repeats it, because it may hold a password.
 */
import { DATABASE_URL_FORMS, databaseEngine } from '../../core/database-url.ts';
import type { Problem } from '../../core/problem.ts';
import type { Duration } from '../../core/time.ts';
import type { LockStore } from '../../ports/lock-store.ts';
import type { LockSurvey } from '../../ports/lock-survey.ts';
import type { Clock, System } from '../../ports/system.ts';
import { currentPassword, type DatabaseCredentials } from './database-password.ts';

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
    case 'postgres':
      return openPostgres(url, options, system);
    case 'mysql':
      return openMysql(url, options, system);
    case 'sqlite':
      return openSqlite(url, options, system);
    case undefined:
      return {
        code: 'InvalidValue',
        message: 'the scheme names no database that this program knows',
        hint: DATABASE_URL_FORMS,
        path: 'databaseURL',
      };
  }
}

/** Looks for the Go program's locks in the same database; undefined where it never kept any: it knew only PostgreSQL. */
export async function openDatabaseSurvey(
  url: string,
  { timeout, ...credentials }: DatabaseOptions,
  clock: Clock,
): Promise<LockSurvey | undefined> {
  if (databaseEngine(url) !== 'postgres') return undefined;
  const { readPostgresUrl } = await import('./postgres-url.ts');
  const target = readPostgresUrl(url);
  if ('code' in target) return undefined;
  const { openPostgresSurvey } = await import('./postgres-survey.ts');
  return openPostgresSurvey({ target, credentials, timeout }, clock);
}

async function openPostgres(
  url: string,
  { timeout, ...credentials }: DatabaseOptions,
  system: System,
): Promise<LockStore | Problem> {
  const { readPostgresUrl } = await import('./postgres-url.ts');
  const target = readPostgresUrl(url);
  if ('code' in target) return target;
  const { openPostgresLock } = await import('./postgres.ts');
  return openPostgresLock({ ...credentials, timeout, target }, system);
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

async function openSqlite(
  url: string,
  { timeout }: DatabaseOptions,
  system: System,
): Promise<LockStore | Problem> {
  const { readSqlitePath } = await import('./sqlite-path.ts');
  const found = readSqlitePath(url);
  if ('problem' in found) return invalid(found.problem);
  const { openSqliteLock } = await import('./sqlite.ts');
  return openSqliteLock({ path: found.path, timeout }, system);
}

function invalid(message: string): Problem {
  return { code: 'InvalidValue', message, hint: DATABASE_URL_FORMS, path: 'databaseURL' };
}
