/**
 * The operations on the lock as SQL (PostgreSQL 10 and newer). Time is `clock_timestamp()`, which also moves while a
 * statement waits for a lock; `now()` would be the start of the transaction.
 *
 * The row never goes away: it is the lock and the record that never expires in one. A row that is missing was never
 * written or was lost; the caller's floor tells which (amnesia).
 *
 * The Go program keeps its lock in `leader_locks`, with expiry by its own clock, so five seconds are added. Nothing there
 * is ever written. A statement cannot name a table that may not exist: while there is none, each one checks that there is
 * still none, does nothing otherwise, and `VIEW` says so; the request is then made again with the statements for both.
 */
import { STRANGER_SLACK } from '../../core/election/timing.ts';
import { redisLockKey } from '../../core/workload/names.ts';
import type { AcquireRequest, Grant } from '../../ports/lock-store.ts';
import type { Duration } from '../../core/time.ts';

/** What is known about the server of a connection. */
export interface ServerFacts {
  /** The identity of its data can be asked for. */
  readonly hasIdentity: boolean;
  /** The table of the Go program exists. */
  readonly hasOldTable: boolean;
}

/** Quotes text as a literal. */
export type Quote = (text: string) => string;

export const CHANNEL = 'highlander_lease';

/**
 * Which data these are: another system identifier is another database cluster, another timeline one that was promoted
 * from a standby or restored, and may lack the last commits.
 */
export const IDENTITY = `((SELECT system_identifier FROM pg_control_system())::text
  || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8))`;

const OLD_GRACE = `interval '5 seconds'`;
/** Of a row of the Go program's table. */
export const OLD_LOCK_IS_LIVE = `expires_at + ${OLD_GRACE} > clock_timestamp()`;
const HELD = `NOT released AND expires_at > clock_timestamp()`;

/** SQL of one server and one lock name. */
export class Statements {
  readonly #facts: ServerFacts;
  readonly #name: string;
  readonly #oldKey: string;
  readonly #quote: Quote;

  constructor(name: string, facts: ServerFacts, quote: Quote) {
    this.#facts = facts;
    this.#quote = quote;
    this.#name = quote(name);
    this.#oldKey = quote(redisLockKey(name));
  }

  /**
   * Always one row: that of `view`, and `won_epoch, won_amnesia, won_remaining` if granted. Of a lock that is seen to be
   * held the row is read once, and not even locked. (What two parts of a statement refer to is evaluated once.)
   */
  acquire({ name, holder, nonce, ttl, floor }: AcquireRequest): string {
    const server = this.#facts.hasIdentity ? IDENTITY : `''`;
    const until = `clock_timestamp() + ${milliseconds(ttl)}`;
    const noOldLock = this.#facts.hasOldTable ? 'seen.old_remaining IS NULL' : 'NOT seen.has_old_table';
    return `WITH seen AS (
${this.view()}
), won AS (
  INSERT INTO highlander_lease AS l (name, holder, nonce, epoch, expires_at, released, amnesia, server)
  SELECT ${this.#name}, ${this.#quote(holder)}, ${this.#quote(nonce)}, ${floor} + 1, ${until}, false, ${floor > 0}, ${server}
  FROM seen WHERE (seen.holder IS NULL OR seen.released OR seen.remaining <= 0) AND ${noOldLock}
  ON CONFLICT (name) DO UPDATE SET
    holder = excluded.holder, nonce = excluded.nonce, epoch = greatest(l.epoch, ${floor}) + 1, expires_at = ${until},
    released = false, server = excluded.server,
    amnesia = l.epoch < ${floor}
      OR (NOT l.released AND l.server <> '' AND excluded.server <> '' AND l.server <> excluded.server)
  WHERE l.released OR l.expires_at <= clock_timestamp()
  RETURNING l.epoch, l.amnesia, ${remaining('l.expires_at')} AS remaining
)
SELECT seen.*, won.epoch AS won_epoch, won.amnesia AS won_amnesia, won.remaining AS won_remaining,
  CASE WHEN won.epoch IS NOT NULL THEN ${this.#notify(`'a'`, 'won.epoch', name)} END
FROM seen LEFT JOIN won ON true`;
  }

  /** One row if it was ours. */
  renew({ nonce, epoch, ttl }: Grant & { readonly ttl: Duration }): string {
    const server = this.#facts.hasIdentity ? `, server = ${IDENTITY}` : '';
    return `UPDATE highlander_lease SET expires_at = clock_timestamp() + ${milliseconds(ttl)}${server}
WHERE ${this.#isOurs(nonce, epoch)} AND ${this.#noOldLock()} RETURNING ${remaining('expires_at')} AS remaining`;
  }

  /** One row if it was ours. */
  release({ name, nonce, epoch }: Grant): string {
    return `WITH freed AS (
  UPDATE highlander_lease SET released = true, expires_at = clock_timestamp()
  WHERE ${this.#isOurs(nonce, epoch)} RETURNING epoch
)
SELECT ${this.#notify(`'r'`, 'freed.epoch', name)} FROM freed`;
  }

  /** Always one row: whether we can write at all, our row if there is one, and the Go program's if it is live. */
  view(): string {
    const old = this.#facts.hasOldTable
      ? [
          'o.value AS old_holder',
          `${oldRemaining('o.expires_at')} AS old_remaining`,
          `LEFT JOIN leader_locks AS o ON o.key = ${this.#oldKey} AND o.${OLD_LOCK_IS_LIVE}`,
        ]
      : ['NULL AS old_holder', 'NULL AS old_remaining', ''];
    const [holder = '', left = '', join = ''] = old;
    return `SELECT current_setting('transaction_read_only') = 'on' AS read_only,
  to_regclass('leader_locks') IS NOT NULL AS has_old_table,
  l.holder, l.nonce, l.epoch, l.released, l.amnesia, ${remaining('l.expires_at')} AS remaining, ${holder}, ${left}
FROM (SELECT) AS always LEFT JOIN highlander_lease AS l ON l.name = ${this.#name} ${join}`;
  }

  #isOurs(nonce: string, epoch: number): string {
    return `name = ${this.#name} AND nonce = ${this.#quote(nonce)} AND epoch = ${epoch} AND ${HELD}`;
  }

  #noOldLock(): string {
    if (!this.#facts.hasOldTable) return `to_regclass('leader_locks') IS NULL`;
    return `NOT EXISTS (SELECT FROM leader_locks WHERE key = ${this.#oldKey} AND ${OLD_LOCK_IS_LIVE})`;
  }

  #notify(what: string, epoch: string, name: string): string {
    return `pg_notify('${CHANNEL}', ${what} || ':' || ${epoch} || ':' || ${this.#quote(name)})`;
  }
}

/**
 * Until the Go program's row expires; null without a row. A row that is gone after that was not released but cleaned away,
 * for which each instance of that program looks once a minute: so the rest of the grace is told in parts that end before
 * an election would take it for a release.
 */
function oldRemaining(expiresAt: string): string {
  return `CASE WHEN ${expiresAt} > clock_timestamp() THEN ${remaining(expiresAt)}
    WHEN ${expiresAt} IS NOT NULL THEN least(${remaining(`${expiresAt} + ${OLD_GRACE}`)}, ${STRANGER_SLACK}) END`;
}

function milliseconds(duration: Duration): string {
  return `interval '${Math.ceil(duration)} milliseconds'`;
}

/** In milliseconds. */
function remaining(until: string): string {
  return `(extract(epoch FROM ${until} - clock_timestamp()) * 1000)::float8`;
}
