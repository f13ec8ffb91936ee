/**
 * The operations on the lock as SQL, one statement each, so that a process that is stopped holds up others as little as
 * possible. `now()` is the host's clock in microseconds, asked while the statement runs, that is after it got the file;
 * `:clock` is that clock's name. Times of another clock (before a reboot) cannot be compared: whoever holds the lock
 * by one is protected for one whole TTL from when that is first seen, see `REBASE`. None that writes has a RETURNING clause: the
 * table it collects rows in makes a write half as long again.
 */

/** "HIGH": by this a file is known to be ours (PRAGMA application_id). */
export const APPLICATION_ID = 0x48494748;
/** PRAGMA user_version. A later one only adds what this one can ignore: two versions run side by side for a while. */
const TABLES_VERSION = 1;

export const CREATE_TABLES = `CREATE TABLE IF NOT EXISTS highlander_lease (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  nonce TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  until INTEGER NOT NULL,
  ttl INTEGER NOT NULL,
  clock TEXT NOT NULL,
  released INTEGER NOT NULL,
  amnesia INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${TABLES_VERSION};`;

/** For who wants to look at it, or to make the file beforehand. Safe to run again. */
export function sqliteSchema(): string {
  return `-- The table of K8 Highlander. Its user needs write access to the file and its folder.\n${CREATE_TABLES}\n`;
}

export const READ = `SELECT holder, nonce, epoch, until - now() AS remaining, released, amnesia, clock = :clock AS comparable
FROM highlander_lease WHERE name = :name`;

/** Protects a holder by another clock for one TTL by this one. The holder, if it lives, takes its own again. */
export const REBASE = `UPDATE highlander_lease SET clock = :clock, until = now() + ttl
WHERE name = :name AND released = 0 AND clock <> :clock`;

/** Makes the row of a lock that never was one. */
export const INSERT = `INSERT INTO highlander_lease (name, holder, nonce, epoch, until, ttl, clock, released, amnesia)
VALUES (:name, :holder, :nonce, :epoch, now() + :ttl, :ttl, :clock, 0, :amnesia) ON CONFLICT (name) DO NOTHING`;

/** Takes a lock as it was read, if it is free still, or a dead holder (`:deadNonce`, `:deadEpoch`) has it. */
export const TAKE = `UPDATE highlander_lease SET holder = :holder, nonce = :nonce, epoch = :epoch,
  until = now() + :ttl, ttl = :ttl, clock = :clock, released = 0, amnesia = :amnesia
WHERE name = :name AND nonce = :seenNonce AND epoch = :seenEpoch
  AND (released = 1 OR (clock = :clock AND until <= now()) OR (nonce = :deadNonce AND epoch = :deadEpoch))`;

export const RENEW = `UPDATE highlander_lease SET until = now() + :ttl, ttl = :ttl, clock = :clock
WHERE name = :name AND nonce = :nonce AND epoch = :epoch AND released = 0 AND (clock <> :clock OR until > now())`;

export const RELEASE = `UPDATE highlander_lease SET released = 1
WHERE name = :name AND nonce = :nonce AND epoch = :epoch AND released = 0 AND (clock <> :clock OR until > now())`;
