/**
 * The operations on the lock as SQL, one statement each, so that a process that is stopped holds up others as little as
 * possible. `now()` is the host's clock in microseconds, asked while the statement runs, that is after it got the file;
 * `:clock` is that clock's name. Times of another clock (before a reboot) cannot be compared: whoever holds the lock
 * by one is protected for one whole TTL from when that is first seen, see `REBASE`.
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

/** Takes a lock that is free, or that a dead holder (`:deadNonce`, `:deadEpoch`) has, and then answers its row. */
export const ACQUIRE = `INSERT INTO highlander_lease AS l
  (name, holder, nonce, epoch, until, ttl, clock, released, amnesia)
VALUES (:name, :holder, :nonce, :floor + 1, now() + :ttl, :ttl, :clock, 0, :floor > 0)
ON CONFLICT (name) DO UPDATE SET holder = :holder, nonce = :nonce, epoch = max(l.epoch, :floor) + 1,
  until = now() + :ttl, ttl = :ttl, clock = :clock, released = 0, amnesia = l.epoch < :floor
WHERE (l.released = 1 OR (l.clock = :clock AND l.until <= now()) OR (l.nonce = :deadNonce AND l.epoch = :deadEpoch)) AND l.epoch < ${Number.MAX_SAFE_INTEGER}
RETURNING epoch, amnesia`;

export const RENEW = `UPDATE highlander_lease SET until = now() + :ttl, ttl = :ttl, clock = :clock
WHERE name = :name AND nonce = :nonce AND epoch = :epoch AND released = 0 AND (clock <> :clock OR until > now())
RETURNING epoch`;

export const RELEASE = `UPDATE highlander_lease SET released = 1
WHERE name = :name AND nonce = :nonce AND epoch = :epoch AND released = 0 AND (clock <> :clock OR until > now())
RETURNING epoch`;
