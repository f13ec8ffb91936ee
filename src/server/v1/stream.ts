/**
 * The live stream (server-sent events). A client gets a snapshot and then what changed; each message is encoded once for
 * all clients with the same filter. `prev` of a message is the revision of the one before, so a client notices a gap; a
 * revision in which nothing changed for a filter is not sent, and a snapshot is named after the last one that was.
 *
 * Bounded memory: a client that has more than a mebibyte waiting, or has taken nothing for five seconds, is sent nothing
 * more until it has taken what waits; then it gets a new snapshot. One that takes nothing for a minute is closed.
 *
 * A client that sees only some workloads is closed after a minute, so that it opens the stream anew with the rights, and
 * the namespaces, of then.
 */
import type { ServerResponse } from 'node:http';
import type { Facts } from '../../api/v1/facts.ts';
import type { Filter } from '../../api/v1/filter.ts';
import { mapObserver } from '../../api/v1/leader.ts';
import { mapSummary } from '../../api/v1/summary.ts';
import { sortRows } from '../../api/v1/list-query.ts';
import { MINUTE, SECOND, type Duration, type Instant } from '../../core/time.ts';
import type { Clock, Timer } from '../../ports/system.ts';
import type { Board, RowRecord, Step } from './board.ts';
import { EVERYTHING, hiddenPartial, narrow, seesSubject, visibleRows, type Sight } from './sight.ts';

export const MOST_STREAMS = 200;
/**
 * Changes are put together for so long, which leaves a third of the 300 ms after which the last of 200 clients is to have
 * them; one that comes after a quiet time waits only for its companions.
 */
const COALESCE: Duration = 200;
const COMPANIONS: Duration = 20;
/** The state of the store and of the API server announces nothing. */
const LOOK_EVERY: Duration = SECOND;
const HEARTBEAT: Duration = 15 * SECOND;
const MOST_WAITING_BYTES = 1024 * 1024;
const SLOW_AFTER: Duration = 5 * SECOND;
const GIVE_UP_AFTER: Duration = MINUTE;
const RIGHTS_COUNT_FOR: Duration = MINUTE;
/** More rows are sent in pages, not here. */
const MOST_ROWS = 5000;

/** A step in which nothing changed. */
const NOTHING = { changes: [], summary: undefined, controllers: undefined, history: [] } as const;

/** Why a client is sent everything: it came without a revision, with one that is not kept, or had taken too little. */
export type SnapshotCause = 'opened' | 'expired' | 'slow';

/** The part of a response that is needed; a test has its own. */
export type Sink = Pick<
  ServerResponse,
  'write' | 'writableLength' | 'on' | 'end' | 'destroy' | 'writeHead' | 'flushHeaders'
>;

interface Client {
  readonly sink: Sink;
  readonly openedAt: Instant;
  /** Sent nothing more until it has taken what waits. */
  isBehind: boolean;
  /** Since when something has been waiting. */
  waitingSince: Instant | undefined;
}

/** The clients of one filter who may see the same. */
interface Audience {
  /** Lets nothing through that is not in `sight`. */
  readonly filter: Filter;
  readonly sight: Sight;
  /** The last one that was sent, where they do not see everything. */
  summary: string;
  readonly clients: Set<Client>;
  /** The last revision that changed anything for them. */
  number: number;
  /** The snapshot at `number`, while nothing has changed since it was encoded. */
  snapshot: Buffer | undefined;
}

export class Streams {
  readonly #facts: Facts;
  readonly #board: Board;
  readonly #clock: Clock;
  readonly #onSnapshot: (cause: SnapshotCause) => void;
  readonly #audiences = new Map<string, Audience>();
  #count = 0;
  #flush: Timer | undefined;
  #look: Timer | undefined;
  #heartbeat: Timer | undefined;
  #flushedAt: Instant = -Infinity;
  #isClosed = false;

  constructor(
    facts: Facts,
    board: Board,
    clock: Clock,
    onSnapshot: (cause: SnapshotCause) => void = () => {},
  ) {
    this.#onSnapshot = onSnapshot;
    this.#facts = facts;
    this.#board = board;
    this.#clock = clock;
    board.onStep((step) => this.#publish(step));
    board.onHint(() => this.#schedule());
  }

  get count(): number {
    return this.#count;
  }

  /** Whether there is no place for one more. */
  get isFull(): boolean {
    return this.#isClosed || this.#count >= MOST_STREAMS;
  }

  /** Begins a stream. `lastRevision`: the one the client has, if it had a stream before. */
  open(sink: Sink, filter: Filter, lastRevision: string | undefined, sight: Sight = EVERYTHING): void {
    this.#board.refresh();
    const audience = this.#audience(narrow(filter, sight), sight);
    const client: Client = { sink, openedAt: this.#clock.now(), isBehind: false, waitingSince: undefined };
    audience.clients.add(client);
    this.#count += 1;
    sink.on('close', () => this.#leave(audience, client));
    sink.on('drain', () => this.#drained(audience, client));
    sink.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    this.#send(client, `retry: 2000\n\n`);
    // What was missed says nothing of rows that may be seen only now.
    const isContinued = lastRevision !== undefined && sight.canonical === '';
    const missed = isContinued ? this.#missed(audience, lastRevision) : undefined;
    if (missed === undefined) {
      this.#onSnapshot(lastRevision === undefined ? 'opened' : 'expired');
      this.#send(client, this.#snapshot(audience));
    } else for (const message of missed) this.#send(client, message);
    this.#watch();
  }

  /** Ends all of them, and takes no more. */
  close(): void {
    this.#isClosed = true;
    for (const { clients } of this.#audiences.values()) for (const { sink } of clients) sink.end();
    for (const timer of [this.#flush, this.#look, this.#heartbeat]) timer?.cancel();
  }

  #audience(filter: Filter, sight: Sight): Audience {
    const known = this.#audiences.get(filter.canonical);
    if (known !== undefined) return known;
    const audience = {
      filter,
      sight,
      summary: '',
      clients: new Set<Client>(),
      number: this.#board.number,
      snapshot: undefined,
    };
    this.#audiences.set(filter.canonical, audience);
    return audience;
  }

  #leave(audience: Audience, client: Client): void {
    if (!audience.clients.delete(client)) return;
    this.#count -= 1;
    if (audience.clients.size === 0) this.#audiences.delete(audience.filter.canonical);
    if (this.#count > 0) return;
    for (const timer of [this.#flush, this.#look, this.#heartbeat]) timer?.cancel();
    this.#flush = this.#look = this.#heartbeat = undefined;
  }

  /**
   * The messages behind that revision, or undefined when they are not kept. They end at the revision that the next one
   * for this audience follows, though it may say nothing new.
   */
  #missed(audience: Audience, revision: string): readonly string[] | undefined {
    const number = this.#board.parse(revision);
    const steps = number === undefined ? undefined : this.#board.stepsAfter(number);
    if (steps === undefined || number === undefined) return undefined;
    const end = audience.number;
    const messages: string[] = [];
    let prev = number;
    for (const step of steps) {
      const message = this.#encode(step, audience, prev);
      if (message === undefined) continue;
      messages.push(message);
      prev = step.number;
    }
    if (prev !== end)
      messages.push(this.#encode({ ...NOTHING, number: end, at: 0 }, audience, prev, true) ?? '');
    return messages;
  }

  #schedule(): void {
    if (this.#count === 0 || this.#flush !== undefined || this.#isClosed) return;
    const at = Math.max(this.#clock.now() + COMPANIONS, this.#flushedAt + COALESCE);
    this.#flush = this.#clock.timer(at, () => {
      this.#flush = undefined;
      this.#board.refresh();
    });
  }

  /** Looks and heartbeats, while there is a client. */
  #watch(): void {
    if (this.#count === 0 || this.#isClosed) return;
    const { now, timer } = { now: this.#clock.now(), timer: this.#clock.timer.bind(this.#clock) };
    this.#look ??= timer(now + LOOK_EVERY, () => {
      this.#look = undefined;
      this.#board.refresh();
      this.#giveUp();
      this.#watch();
    });
    this.#heartbeat ??= timer(now + HEARTBEAT, () => {
      this.#heartbeat = undefined;
      const beat = `: hb ${new Date(this.#clock.wall()).toISOString()}\n\n`;
      for (const { clients } of this.#audiences.values())
        for (const client of clients) if (!client.isBehind) this.#send(client, beat);
      this.#watch();
    });
  }

  #giveUp(): void {
    const now = this.#clock.now();
    for (const audience of this.#audiences.values()) {
      const { clients, sight } = audience;
      for (const client of clients) {
        if (client.waitingSince !== undefined && now - client.waitingSince > GIVE_UP_AFTER)
          client.sink.destroy();
        else if (sight.canonical !== '' && now - client.openedAt > RIGHTS_COUNT_FOR)
          this.#end(audience, client);
      }
    }
  }

  /** Nothing may be written to it from here on. */
  #end(audience: Audience, client: Client): void {
    this.#leave(audience, client);
    client.sink.end();
  }

  #publish(step: Step): void {
    this.#flushedAt = this.#clock.now();
    for (const audience of this.#audiences.values()) {
      const message = this.#encode(step, audience, audience.number);
      if (message === undefined) continue;
      audience.number = step.number;
      audience.snapshot = undefined;
      const encoded = Buffer.from(message);
      for (const client of audience.clients) this.#offer(client, encoded);
    }
  }

  /** A message that is lost on a client who is behind: a snapshot follows. */
  #offer(client: Client, message: Buffer): void {
    const since = client.waitingSince;
    const isSlow = since !== undefined && this.#clock.now() - since > SLOW_AFTER;
    if (isSlow || client.sink.writableLength > MOST_WAITING_BYTES) client.isBehind = true;
    if (!client.isBehind) this.#send(client, message);
  }

  #send(client: Client, message: string | Buffer): void {
    const isTaken = client.sink.write(message);
    if (!isTaken) client.waitingSince ??= this.#clock.now();
  }

  #drained(audience: Audience, client: Client): void {
    client.waitingSince = undefined;
    if (!client.isBehind || !audience.clients.has(client)) return;
    client.isBehind = false;
    this.#onSnapshot('slow');
    this.#send(client, this.#snapshot(audience));
  }

  /** Of the last revision that changed anything for them, which is the state of the board for their filter. */
  #snapshot(audience: Audience): Buffer {
    if (audience.snapshot !== undefined) return audience.snapshot;
    const { filter, number } = audience;
    const { byName, controllers } = this.#board;
    const summary = this.#summaryFor(audience);
    const matching = filter.canonical === '' ? byName : byName.filter(filter.matches);
    const urgent = sortRows(matching, { by: 'urgency', isReversed: false }).slice(0, MOST_ROWS);
    const total = matching.length;
    const truncated = total > MOST_ROWS ? `{"shown":${MOST_ROWS},"total":${total}}` : 'null';
    const seenBy = JSON.stringify(mapObserver(this.#facts.identity, this.#facts.state()));
    const rev = this.#board.name(number);
    const data =
      `{"rev":"${rev}","seenBy":${seenBy},"summary":${summary},"controllers":${controllers},` +
      `"workloads":[${urgent.map(({ json }) => json).join(',')}],"truncated":${truncated}}`;
    audience.snapshot = Buffer.from(`event: snapshot\nid: ${rev}\ndata: ${data}\n\n`);
    return audience.snapshot;
  }

  #summaryFor(audience: Audience): string {
    const { sight } = audience;
    if (sight.canonical === '') return this.#board.summary;
    const rows = visibleRows(this.#board, sight);
    const summary = mapSummary(this.#facts.identity, this.#facts.state(), rows, this.#facts.history());
    const partial = [...summary.partial, ...hiddenPartial(sight, this.#board)];
    audience.summary = JSON.stringify({ ...summary, partial });
    return audience.summary;
  }

  /** Undefined where it says the same as before. */
  #changedSummary({ summary, changes }: Step, audience: Audience): string | undefined {
    if (audience.sight.canonical === '') return summary;
    // What they see may change while the whole says the same as before.
    if (summary === undefined && changes.length === 0) return undefined;
    const before = audience.summary;
    const after = this.#summaryFor(audience);
    return after === before ? undefined : after;
  }

  /** Undefined where nothing in it concerns the audience, unless it is `forced`. */
  #encode(step: Step, audience: Audience, prev: number, forced = false): string | undefined {
    const { filter, sight } = audience;
    const isAll = filter.canonical === '';
    const matches = (record: RowRecord | undefined): boolean =>
      record !== undefined && (isAll || filter.matches(record));
    const upsert = step.changes.flatMap(({ after }) =>
      after !== undefined && matches(after) ? [after.json] : [],
    );
    const remove = step.changes
      .filter(({ before, after }) => matches(before) && !matches(after))
      .map(({ key }) => key);
    const { controllers } = step;
    const summary = this.#changedSummary(step, audience);
    const history = step.history.filter(({ subject }) => seesSubject(sight, subject)).map(({ json }) => json);
    if (
      !forced &&
      upsert.length + remove.length + history.length === 0 &&
      summary === undefined &&
      controllers === undefined
    )
      return undefined;
    const rev = this.#board.name(step.number);
    const data =
      `{"rev":"${rev}","prev":"${this.#board.name(prev)}","summary":${summary ?? 'null'},` +
      `"upsert":{"controllers":${controllers ?? '[]'},"workloads":[${upsert.join(',')}]},` +
      `"remove":{"workloads":${JSON.stringify(remove)}},"history":[${history.join(',')}]}`;
    return `event: delta\nid: ${rev}\ndata: ${data}\n\n`;
  }
}
