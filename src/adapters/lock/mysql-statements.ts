/**
 * The operations on the lock as SQL for MySQL 8 and MariaDB 10.6 or newer, each statement on its own (autocommit), each
 * judged by the server's clock.
 *
 * One row per lock, never deleted. UTC_TIMESTAMP is the start of a statement, which may then have waited for the row:
 * a grant seen from it is shorter, never longer. A renewal that waited while a younger one was applied must not take
 * time back, hence GREATEST; so a server's clock that is set back makes a take-over late, never early.
 *
 * `writes` rises with each write: the server counts a row that already had the new values as not affected.
 * An UPDATE assigns from left to right and reads what it assigned before: `amnesia` comes first.
 */

/** The version of the tables. A later one only adds what this one can ignore: two versions run side by side for a while. */
export const TABLES_VERSION = 1;

/** Creates the tables; each statement may run any number of times, on several connections at once. */
export const CREATE_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS highlander_lease (
  name VARCHAR(255) NOT NULL PRIMARY KEY,
  holder VARCHAR(1024) NOT NULL,
  nonce VARCHAR(64) NOT NULL,
  epoch BIGINT NOT NULL,
  expires_at DATETIME(6) NOT NULL,
  released TINYINT NOT NULL,
  amnesia TINYINT NOT NULL,
  server VARCHAR(64) NOT NULL,
  writes BIGINT NOT NULL
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
  'CREATE TABLE IF NOT EXISTS highlander_schema (version INT NOT NULL PRIMARY KEY) ENGINE=InnoDB',
  `INSERT IGNORE INTO highlander_schema (version) VALUES (${TABLES_VERSION})`,
];

/** All statements, to be run by an operator whose controllers may not create tables. Safe to run again. */
export function mysqlSchema(): string {
  const about = [
    '-- The tables of K8 Highlander, in the database of databaseURL. Its user needs SELECT, INSERT and UPDATE on both.',
    '-- highlander_lease has one row per tenant, which keeps the highest epoch: do not delete it.',
  ];
  return `${[...about, ...CREATE_TABLES.map((statement) => `${statement};`)].join('\n')}\n`;
}

export const READ_VERSION = 'SELECT MAX(version) AS version FROM highlander_schema';

/** For every connection: a mode that cuts nothing off silently, and no wait for a lock that outlives its asker for long. */
export const PREPARE_SESSION =
  "SET SESSION autocommit = 1, sql_mode = 'STRICT_ALL_TABLES', innodb_lock_wait_timeout = 1, lock_wait_timeout = 1, wait_timeout = 28800";

/** What the server says about itself; a variable that it does not have is missing in the answer. */
export const READ_SERVER =
  "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid', 'read_only', 'version')";

/** Seconds since the server was started. */
export const READ_UPTIME = "SHOW GLOBAL STATUS LIKE 'Uptime'";

/** One row in any case; its `epoch` is null where there is no such lock. Parameters: name. */
export const READ = `SELECT holder, nonce, CAST(epoch AS CHAR) AS epoch, released, amnesia,
  TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), expires_at) AS remaining, readOnly
FROM (SELECT @@global.read_only AS readOnly) AS server LEFT JOIN highlander_lease ON name = ?`;

/** Makes the row where it is missing. Parameters: name. */
export const BOOTSTRAP = `INSERT IGNORE INTO highlander_lease
  (name, holder, nonce, epoch, expires_at, released, amnesia, server, writes)
VALUES (?, '', '', 0, UTC_TIMESTAMP(6), 1, 0, '', 0)`;

/**
 * Takes a lock that is free, or that a dead holder has. Parameters: floor, server, server, young, floor, nonce, holder,
 * TTL in microseconds, server, name, the dead one's nonce and epoch, floor. The data is suspect (amnesia) if its counter lies below the floor; or if nobody released it and another
 * server answers than the one it was written on, or one that was started less than a TTL ago (young = 1): what was
 * written last may be lost, and with it a renewal that its holder counts on for no longer than that.
 * Tells the new epoch, or 0 where there is more to be known: then it is read from the row. A server that is read-only lets
 * privileged users write all the same, hence the last condition.
 */
export const ACQUIRE = `UPDATE highlander_lease SET
  amnesia = (epoch < CAST(? AS SIGNED) OR (released = 0 AND
    ((server <> '' AND ? <> '' AND server <> ?) OR CAST(? AS SIGNED) = 1))),
  epoch = GREATEST(epoch, CAST(? AS SIGNED)) + 1, nonce = ?, holder = ?, released = 0,
  expires_at = UTC_TIMESTAMP(6) + INTERVAL CAST(? AS SIGNED) MICROSECOND, server = ?,
  writes = writes + 1 + 0 * LAST_INSERT_ID(IF(amnesia = 1, 0, epoch))
WHERE name = ? AND (released = 1 OR expires_at <= UTC_TIMESTAMP(6) OR (nonce = ? AND epoch = CAST(? AS SIGNED)))
  AND GREATEST(epoch, CAST(? AS SIGNED)) < ${Number.MAX_SAFE_INTEGER} AND CONCAT(@@global.read_only) IN ('0', 'OFF')`;

/** Parameters: TTL in microseconds, server, name, nonce, epoch. */
export const RENEW = `UPDATE highlander_lease SET
  expires_at = GREATEST(expires_at, UTC_TIMESTAMP(6) + INTERVAL CAST(? AS SIGNED) MICROSECOND),
  server = ?, writes = writes + 1
WHERE name = ? AND nonce = ? AND epoch = CAST(? AS SIGNED) AND released = 0 AND expires_at > UTC_TIMESTAMP(6)`;

/** Parameters: name, nonce, epoch. */
export const RELEASE = `UPDATE highlander_lease SET released = 1, writes = writes + 1
WHERE name = ? AND nonce = ? AND epoch = CAST(? AS SIGNED) AND released = 0 AND expires_at > UTC_TIMESTAMP(6)`;
