/** Which database a `databaseURL` names. What else stands in it is read by that database's adapter. */

export type DatabaseEngine = 'postgres' | 'mysql' | 'sqlite';

const SCHEMES: Readonly<Record<string, DatabaseEngine>> = {
  postgres: 'postgres',
  postgresql: 'postgres',
  mysql: 'mysql',
  mariadb: 'mysql',
  sqlite: 'sqlite',
};

/** Says what can be written, for hints. */
export const DATABASE_URL_FORMS = 'begin with postgres://, postgresql://, mysql://, mariadb:// or sqlite:';

/** By its scheme. Text of the form `host=h dbname=d` is PostgreSQL's, too. Undefined for anything else. */
export function databaseEngine(url: string): DatabaseEngine | undefined {
  const scheme = /^([a-z]+):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme !== undefined) return SCHEMES[scheme];
  return /^\s*[a-z_]+\s*=/i.test(url) ? 'postgres' : undefined;
}
