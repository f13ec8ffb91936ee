/**
 * The tables of the lock in PostgreSQL. A migration is only ever added, and only adds what older versions of this program
 * can ignore: replicas of two versions run side by side while one replaces the other.
 */

/** One step, applied in one transaction. Versions count from 1 without gaps. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS highlander_lease (
  name       text        PRIMARY KEY,
  holder     text        NOT NULL,
  nonce      text        NOT NULL,
  epoch      bigint      NOT NULL CHECK (epoch BETWEEN 1 AND 9007199254740991),
  expires_at timestamptz NOT NULL,
  released   boolean     NOT NULL,
  amnesia    boolean     NOT NULL,
  server     text        NOT NULL
) WITH (fillfactor = 50);`,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

const VERSIONS = `CREATE TABLE IF NOT EXISTS highlander_schema (
  version    integer     PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);`;

/** Any constant: it makes those that start together migrate one after the other. */
const MIGRATION_LOCK = 5_218_720_413_606;

/** All statements, to be run by an operator whose controllers may not create tables. Safe to run again. */
export function postgresSchema(): string {
  const steps = MIGRATIONS.map((sql, index) => `${sql}\n${record(index + 1)}`);
  const about = [
    '-- The tables of K8 Highlander, in the schema that its user finds first. It needs SELECT, INSERT and UPDATE on both.',
    '-- highlander_lease has one row per tenant, which keeps the highest epoch: do not delete it.',
  ];
  return [
    ...about,
    'BEGIN;',
    `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK});`,
    VERSIONS,
    ...steps,
    'COMMIT;',
    '',
  ].join('\n');
}

function record(version: number): string {
  return `INSERT INTO highlander_schema (version) VALUES (${version}) ON CONFLICT DO NOTHING;`;
}

/** What is to be run inside a transaction by a program that found an older version, 0 being none. */
export function migrationsAfter(version: number): string {
  const steps = MIGRATIONS.flatMap((sql, index) => (index < version ? [] : [sql, record(index + 1)]));
  return [`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK});`, VERSIONS, ...steps].join('\n');
}
