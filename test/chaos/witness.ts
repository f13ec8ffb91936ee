/** What a store really held, from the store itself: its triggers, its command stream, or the audit log. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOCK_ANNOTATION } from '../../src/adapters/kube/lease-record.ts';
import type { AuditEvent } from '../../sandbox/control-plane/audit.ts';
import type { StoreFact } from './history.ts';

/** A row that the triggers of a database wrote; times in milliseconds. */
export interface WitnessRow {
  readonly at: number;
  readonly until: number;
  readonly epoch: number;
  readonly nonce: string;
  readonly holder: string;
  readonly released: number;
}

/** `offset`: the wall clock minus the store's clock; 0 for servers, which go by the wall clock of this machine. */
export function factOfRow({ at, until, released, ...rest }: WitnessRow, offset: number): StoreFact {
  const isReleased = released === 1;
  return { kind: 'store', at: at + offset, from: at, until, wallUntil: until + offset, isReleased, ...rest };
}

/** PostgreSQL: one row per change of the lock, by the same clock that the statements ask. */
export const POSTGRES_WITNESS = `
CREATE TABLE witness (id bigserial PRIMARY KEY, at timestamptz, until timestamptz, epoch bigint, nonce text,
  holder text, released boolean);
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO witness (at, until, epoch, nonce, holder, released)
  VALUES (clock_timestamp(), NEW.expires_at, NEW.epoch, NEW.nonce, NEW.holder, NEW.released);
  RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT OR UPDATE ON highlander_lease FOR EACH ROW EXECUTE FUNCTION witness();`;

export const POSTGRES_ROWS = `SELECT (extract(epoch FROM at) * 1000)::float8 AS at,
  (extract(epoch FROM until) * 1000)::float8 AS until, epoch::int, nonce, holder, released::int
FROM witness ORDER BY id`;

/** MySQL and MariaDB; the bootstrap row has no nonce and is left out. */
export const MYSQL_WITNESS: readonly string[] = [
  `CREATE TABLE witness (id BIGINT AUTO_INCREMENT PRIMARY KEY, at DATETIME(6), until DATETIME(6), epoch BIGINT,
  nonce VARCHAR(64), holder VARCHAR(1024), released TINYINT) ENGINE=InnoDB`,
  `CREATE TRIGGER witness AFTER UPDATE ON highlander_lease FOR EACH ROW
INSERT INTO witness (at, until, epoch, nonce, holder, released)
VALUES (UTC_TIMESTAMP(6), NEW.expires_at, NEW.epoch, NEW.nonce, NEW.holder, NEW.released)`,
];

export const MYSQL_ROWS = `SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', at) / 1000e0 AS at,
  TIMESTAMPDIFF(MICROSECOND, '1970-01-01', until) / 1000e0 AS until, epoch, nonce, holder, released
FROM witness ORDER BY id`;

/** SQLite: by the monotonic clock that all processes of a host share, in microseconds. */
export const SQLITE_WITNESS = ['INSERT', 'UPDATE'].reduce(
  (sql, event) => `${sql}
CREATE TRIGGER witness_${event} AFTER ${event} ON highlander_lease BEGIN
  INSERT INTO witness (until, ttl, epoch, nonce, holder, released)
  VALUES (NEW.until, NEW.ttl, NEW.epoch, NEW.nonce, NEW.holder, NEW.released);
  UPDATE witness SET at = now() WHERE id = last_insert_rowid();
END;`,
  `CREATE TABLE witness (id INTEGER PRIMARY KEY, at INTEGER, until INTEGER, ttl INTEGER, epoch INTEGER, nonce TEXT,
  holder TEXT, released INTEGER);`,
);

export const SQLITE_ROWS = `SELECT at / 1000.0 AS at, until / 1000.0 AS until, epoch, nonce, holder, released
FROM witness ORDER BY id`;

/** The Lease, from the audit log: a grant counts from the answer, what it must wait for from the request. */
export async function leaseFacts(
  audit: AsyncIterable<AuditEvent>,
  lease: string,
): Promise<readonly StoreFact[]> {
  const facts: StoreFact[] = [];
  for await (const { verb, objectRef, responseStatus, requestObject, ...event } of audit) {
    if (objectRef?.resource !== 'leases' || objectRef.name !== lease) continue;
    if (!['create', 'update'].includes(verb) || (responseStatus?.code ?? 500) >= 300) continue;
    const { metadata, spec } = requestObject as LeaseRequest;
    const { annotations } = metadata;
    const at = microseconds(event.requestReceivedTimestamp);
    const holder = spec.holderIdentity ?? '';
    const before = facts.at(-1);
    const isReleased = holder === '';
    const until = isReleased ? at : at + Number(annotations[LOCK_ANNOTATION.ttl]);
    facts.push({
      kind: 'store',
      at,
      from: microseconds(event.stageTimestamp),
      until,
      wallUntil: until,
      isReleased,
      epoch: Number(annotations[LOCK_ANNOTATION.epoch]),
      nonce: annotations[LOCK_ANNOTATION.nonce] ?? before?.nonce ?? '',
      holder: isReleased ? (annotations[LOCK_ANNOTATION.lastHolder] ?? '') : holder,
    });
  }
  return facts;
}

interface LeaseRequest {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: { readonly holderIdentity?: string };
}

/** RFC 3339 with microseconds, as fractional milliseconds. */
export function microseconds(time: string): number {
  return Date.parse(time) + Number(`0.${time.slice(23, 26)}`);
}

const RECONNECT_MS = 5;

/** Redis: every command that the server runs, also inside of scripts, as MONITOR shows it. */
export class RedisWitness {
  readonly facts: StoreFact[] = [];
  readonly #port: number;
  readonly #key: string;
  #isClosed = false;
  #socket: Socket | undefined;

  constructor(port: number, tenant: string) {
    this.#port = port;
    this.#key = `highlander-leader-epoch:${tenant}`;
  }

  /** Listens until `close`; a lost connection is made anew. */
  async run(): Promise<void> {
    while (!this.#isClosed) {
      await this.#listen();
      await sleep(RECONNECT_MS);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.destroy();
  }

  #listen(): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: this.#port });
      this.#socket = socket;
      let text = '';
      socket.once('connect', () => socket.write('MONITOR\r\n'));
      socket.on('data', (bytes) => {
        const lines = (text + bytes.toString()).split('\r\n');
        text = lines.pop() ?? '';
        for (const line of lines) this.#read(line);
      });
      socket.on('error', () => socket.destroy());
      socket.once('close', () => resolve());
    });
  }

  #read(line: string): void {
    const [, seconds, key, value] = /^\+([\d.]+) \[\d+ lua\] "SET" "([^"]+)" (".*")$/.exec(line) ?? [];
    if (key !== this.#key || value === undefined) return;
    const record = JSON.parse(JSON.parse(value) as string) as RedisRecord;
    const at = Number(seconds) * 1000;
    this.facts.push({
      kind: 'store',
      at,
      from: Math.floor(at),
      until: record.heldUntil,
      wallUntil: record.heldUntil,
      epoch: record.epoch,
      nonce: record.nonce,
      holder: record.holder,
      isReleased: record.released,
    });
  }
}

interface RedisRecord {
  readonly epoch: number;
  readonly nonce: string;
  readonly holder: string;
  readonly heldUntil: number;
  readonly released: boolean;
}
