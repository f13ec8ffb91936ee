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
  /** The identity of its data as SQL: a literal where the connection always leads to the same server; empty text where it cannot be told. */
  readonly identity: string;
  /** The table of the Go program exists. */
  readonly hasOldTable: boolean;
}

/** How values get into a statement: each answers the SQL that stands for the value. */
export interface Values {
  text(value: string): string;
  /** A whole number. */
  number(value: number): string;
}

/** As literals; `quote` quotes text. */
export function literals(quote: (text: string) => string): Values {
  return { text: quote, number: String };
}

/** As parameters, so that a statement has the same text each time. */
export class ParameterList implements Values {
  readonly list: string[] = [];

  text(value: string): string {
    return this.#add(value, 'text');
  }

  number(value: number): string {
    return this.#add(String(value), 'bigint');
  }

  #add(value: string, type: string): string {
    return `$${this.list.push(value)}::${type}`;
  }
}

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
const WON = `l.epoch AS won_epoch, l.amnesia AS won_amnesia, ${remaining('l.expires_at')} AS won_remaining`;

/** SQL of one server and one lock name. */
export class Statements {
  readonly #facts: ServerFacts;
  readonly #name: string;
  readonly #values: Values;

  /** For one statement: `values` may collect what it contains. */
  constructor(name: string, facts: ServerFacts, values: Values) {
    this.#facts = facts;
    this.#values = values;
    this.#name = name;
  }

  /** Takes a lock that was held before and is free: one row if it was. What else there is to it, `acquire` tells. */
  take(request: AcquireRequest): string {
    return `WITH won AS (
  UPDATE highlander_lease AS l SET ${this.#taken(request)}
  WHERE l.name = ${this.#values.text(this.#name)} AND ${this.#isFree(request)} AND ${this.#noOldLock()}
  RETURNING ${WON}
)
SELECT won.*, ${this.#notify(`'a'`, 'won.won_epoch')} FROM won`;
  }

  /**
   * Always one row: that of `view`, and `won_epoch, won_amnesia, won_remaining` if granted. Of a lock that is seen to be
   * held the row is read once, and not even locked. (What two parts of a statement refer to is evaluated once.)
   */
  acquire(request: AcquireRequest): string {
    const { holder, nonce, ttl } = request;
    const values = this.#values;
    const floor = values.number(request.floor);
    const noOldLock = this.#facts.hasOldTable ? 'seen.old_remaining IS NULL' : 'NOT seen.has_old_table';
    return `WITH seen AS (
${this.view()}
), won AS (
  INSERT INTO highlander_lease AS l (name, holder, nonce, epoch, expires_at, released, amnesia, server)
  SELECT ${values.text(this.#name)}, ${values.text(holder)}, ${values.text(nonce)}, ${floor} + 1, ${this.#after(ttl)},
    false, ${floor} > 0, ${this.#facts.identity}
  FROM seen WHERE (seen.holder IS NULL OR seen.released OR seen.remaining <= 0${this.#orDead('seen', request)})
    AND ${noOldLock}
  ON CONFLICT (name) DO UPDATE SET ${this.#taken(request)} WHERE ${this.#isFree(request)}
  RETURNING ${WON}
)
SELECT seen.*, won.*, CASE WHEN won.won_epoch IS NOT NULL THEN ${this.#notify(`'a'`, 'won.won_epoch')} END
FROM seen LEFT JOIN won ON true`;
  }

  /** One row if it was ours. */
  renew({ nonce, epoch, ttl }: Grant & { readonly ttl: Duration }): string {
    return `UPDATE highlander_lease SET expires_at = ${this.#after(ttl)}, server = ${this.#facts.identity}
WHERE ${this.#isOurs(nonce, epoch)} AND ${this.#noOldLock()} RETURNING ${remaining('expires_at')} AS remaining`;
  }

  /** One row if it was ours. */
  release({ nonce, epoch }: Grant): string {
    return `WITH freed AS (
  UPDATE highlander_lease SET released = true, expires_at = clock_timestamp()
  WHERE ${this.#isOurs(nonce, epoch)} RETURNING epoch
)
SELECT ${this.#notify(`'r'`, 'freed.epoch')} FROM freed`;
  }

  /** Always one row: whether we can write at all, our row if there is one, and the Go program's if it is live. */
  view(): string {
    const old = this.#facts.hasOldTable
      ? [
          'o.value AS old_holder',
          `${oldRemaining('o.expires_at')} AS old_remaining`,
          `LEFT JOIN leader_locks AS o ON o.key = ${this.#oldKey()} AND o.${OLD_LOCK_IS_LIVE}`,
        ]
      : ['NULL AS old_holder', 'NULL AS old_remaining', ''];
    const [holder = '', left = '', join = ''] = old;
    return `SELECT current_setting('transaction_read_only') = 'on' AS read_only,
  to_regclass('leader_locks') IS NOT NULL AS has_old_table,
  l.holder, l.nonce, l.epoch, l.released, l.amnesia, ${remaining('l.expires_at')} AS remaining, ${holder}, ${left}
FROM (SELECT) AS always LEFT JOIN highlander_lease AS l ON l.name = ${this.#values.text(this.#name)} ${join}`;
  }

  /** Whether the row `l` may be taken. */
  #isFree(request: AcquireRequest): string {
    return `(l.released OR l.expires_at <= clock_timestamp()${this.#orDead('l', request)})`;
  }

  #orDead(row: string, { supersedes }: AcquireRequest): string {
    if (supersedes === undefined) return '';
    const values = this.#values;
    return ` OR (${row}.nonce = ${values.text(supersedes.nonce)} AND ${row}.epoch = ${values.number(supersedes.epoch)})`;
  }

  /** What becomes of the row `l` of a lock that is taken. The data is suspect if the counter lies below the floor or the server is another one. */
  #taken(request: AcquireRequest): string {
    const { identity } = this.#facts;
    const floor = this.#values.number(request.floor);
    return `holder = ${this.#values.text(request.holder)}, nonce = ${this.#values.text(request.nonce)},
    epoch = greatest(l.epoch, ${floor}) + 1, expires_at = ${this.#after(request.ttl)}, released = false,
    server = ${identity},
    amnesia = l.epoch < ${floor}
      OR (NOT l.released AND l.server <> '' AND ${identity} <> '' AND l.server <> ${identity})`;
  }

  #isOurs(nonce: string, epoch: number): string {
    const values = this.#values;
    return `name = ${values.text(this.#name)} AND nonce = ${values.text(nonce)} AND epoch = ${values.number(epoch)} AND ${HELD}`;
  }

  #noOldLock(): string {
    if (!this.#facts.hasOldTable) return `to_regclass('leader_locks') IS NULL`;
    return `NOT EXISTS (SELECT FROM leader_locks WHERE key = ${this.#oldKey()} AND ${OLD_LOCK_IS_LIVE})`;
  }

  #oldKey(): string {
    return this.#values.text(redisLockKey(this.#name));
  }

  /** So long after now. */
  #after(duration: Duration): string {
    return `clock_timestamp() + ${this.#values.number(Math.ceil(duration))} * interval '1 millisecond'`;
  }

  #notify(what: string, epoch: string): string {
    return `pg_notify('${CHANNEL}', ${what} || ':' || ${epoch} || ':' || ${this.#values.text(this.#name)})`;
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

/** In milliseconds. */
function remaining(until: string): string {
  return `(extract(epoch FROM ${until} - clock_timestamp()) * 1000)::float8`;
}
