/**
 * What changed and how long it took, for people: who led, and where each instance ran. Folded from domain events into a
 * bounded list; nothing is decided from it.
 *
 * An instance that was up and is not any more opens a gap (`stopped`, or `not-ready` while it is still there); the entry
 * that ends the gap says how long it was and what began it. What this process did not see it does not claim: a gap whose
 * beginning was not seen has no length, and what was already up when a term began is no entry.
 */
import type { ElectionEvent } from './election/events.ts';
import type { Epoch } from './election/record.ts';
import type { Leadership } from './leadership.ts';
import type { DomainEvent, WorkloadView } from './projection.ts';
import type { Duration, Instant, WallTime } from './time.ts';
import { formatKey } from './workload/model.ts';

export type HistoryType =
  | 'leader-changed'
  | 'started'
  | 'stopped'
  | 'not-ready'
  | 'recovered'
  | 'restarted'
  | 'moved'
  | 'completed'
  | 'removed'
  | 'asked';

export interface HistoryEntry {
  /** Rises by one; with the revision of a process it names the entry. */
  readonly seq: number;
  readonly at: WallTime;
  readonly type: HistoryType;
  /** `kind/namespace/name`, `node/NAME`, or `leader`. */
  readonly subject: string;
  /** Holder, or node. Absent: none, or not seen. */
  readonly from?: string;
  readonly to?: string;
  readonly term?: Epoch;
  /** Nobody led, or nothing was ready, for so long. Absent: its beginning was not seen. `open`: it has not ended. */
  readonly gap?: Duration | 'open';
  readonly cause: string;
}

/** The two clocks, read at once: gaps are measured on the monotonic one. */
export interface Moment {
  readonly now: Instant;
  readonly wall: WallTime;
}

type Draft = Omit<HistoryEntry, 'seq' | 'at'>;

interface Known {
  uid: string | undefined;
  node: string | undefined;
  healthy: boolean;
  lostAt: Instant | undefined;
  cause: string | undefined;
}

export const LONGEST_HISTORY = 1000;

export class History {
  readonly #capacity: number;
  #entries: HistoryEntry[];
  readonly #known = new Map<string, Known>();
  #seq: number;
  #vacantSince: Instant | undefined;
  #term: Epoch | undefined;

  /** `kept`: entries of an earlier process, oldest first. */
  constructor(capacity: number = LONGEST_HISTORY, kept: readonly HistoryEntry[] = []) {
    this.#capacity = capacity;
    this.#entries = kept.slice(-capacity);
    this.#seq = kept.at(-1)?.seq ?? 0;
  }

  /** Oldest first. */
  get entries(): readonly HistoryEntry[] {
    return this.#entries;
  }

  /**
   * Takes in what another process kept, in the order of time; what is known already stays once. Entries get new numbers,
   * which go on rising.
   */
  merge(kept: readonly HistoryEntry[]): void {
    const known = new Set(this.#entries.map(nameOf));
    const missing = kept.filter((entry) => !known.has(nameOf(entry)));
    if (missing.length === 0) return;
    const all = [...missing, ...this.#entries].toSorted((a, b) => a.at - b.at).slice(-this.#capacity);
    this.#seq = Math.max(this.#seq, kept.at(-1)?.seq ?? 0) + missing.length;
    const first = this.#seq - all.length + 1;
    this.#entries = all.map((entry, index) => Object.assign({}, entry, { seq: first + index }));
  }

  /** The entry that follows from the event, if there is one. `before` and `after`: who led, without and with it. */
  observe(
    event: DomainEvent,
    before: Leadership,
    after: Leadership,
    moment: Moment,
  ): HistoryEntry | undefined {
    const draft = this.#draft(event, before, after, moment.now);
    if (draft === undefined || this.#isKnownTerm(draft)) return undefined;
    const entry = { seq: (this.#seq += 1), at: moment.wall, ...draft };
    this.#entries.push(entry);
    if (this.#entries.length > this.#capacity) this.#entries.shift();
    return entry;
  }

  /** Somebody else kept the beginning of the term that is only now seen here. */
  #isKnownTerm({ type, term, to, cause }: Draft): boolean {
    if (type !== 'leader-changed' || cause !== 'first seen' || term === undefined) return false;
    return this.#entries.some((entry) => entry.type === type && entry.term === term && entry.to === to);
  }

  #draft(event: DomainEvent, before: Leadership, after: Leadership, now: Instant): Draft | undefined {
    switch (event.type) {
      case 'election':
        return this.#observeElection(event.event, before, after, now);
      case 'workload-changed':
        return this.#observeView(event.view, now);
      case 'workload-removed':
        this.#known.delete(event.key);
        return { type: 'removed', subject: event.key, ...this.#inTerm(), cause: 'Removed' };
      case 'instance-stopping':
        this.#blame(event.key, event.cause);
        return undefined;
      case 'evidence-removed':
        this.#blame(event.key, 'EvidenceRemoved');
        return undefined;
      case 'asked': {
        const { subject, action, by, reason, state, result } = event.told;
        const who = by === '' ? 'somebody' : by;
        const cause = `${action} by ${who} (${reason}): ${state}, ${result}`;
        return { type: 'asked', subject, ...this.#inTerm(), cause };
      }
      case 'instance-created':
      case 'instance-permitted':
      case 'instance-ended':
      case 'object-created':
      case 'object-changed':
      case 'object-deleted':
      case 'tick-run':
      case 'tick-missed':
      case 'write-failed':
      case 'server-fencing':
      case 'write-fenced':
      case 'sweep-done':
        return undefined;
    }
  }

  #observeElection(
    event: ElectionEvent,
    before: Leadership,
    after: Leadership,
    now: Instant,
  ): Draft | undefined {
    if (event.kind === 'leadership-released' || event.kind === 'leadership-lost') this.#known.clear();
    if (after.vacant) {
      if (!before.vacant) this.#vacantSince = now;
      return undefined;
    }
    if ('epoch' in event) this.#term = event.epoch;
    const isElected = event.kind === 'leader-elected';
    if (!isElected && (!before.vacant || event.kind !== 'holder-changed') && before.latest === after.latest)
      return undefined;
    const gap = this.#vacantSince === undefined ? {} : { gap: now - this.#vacantSince };
    this.#vacantSince = undefined;
    const from = isElected ? (event.previous ?? before.latest) : before.latest;
    return {
      type: 'leader-changed',
      subject: 'leader',
      ...(from === undefined ? {} : { from }),
      ...(after.latest === undefined ? {} : { to: after.latest }),
      ...this.#inTerm(),
      ...gap,
      cause:
        from === undefined
          ? 'first seen'
          : from === after.latest
            ? 'taken again'
            : (after.reason ?? 'unknown'),
    };
  }

  #observeView(view: WorkloadView, now: Instant): Draft | undefined {
    const subject = formatKey(view.key);
    const { instance, healthy, active, reason } = view;
    const last = this.#known.get(subject);
    if (last === undefined) {
      const { uid, node } = instance ?? {};
      this.#known.set(subject, { uid, node, healthy, lostAt: undefined, cause: undefined });
      return undefined;
    }
    const isSame = instance === undefined || last.uid === undefined || instance.uid === last.uid;
    if (last.healthy && !healthy) {
      last.healthy = false;
      last.lostAt = now;
      last.cause ??= reason;
      const isThere = active && isSame;
      const to = isThere && instance !== undefined ? { to: instance.node } : {};
      const type = isThere ? 'not-ready' : 'stopped';
      return { type, subject, ...fromNode(last), ...to, ...this.#inTerm(), gap: 'open', cause: last.cause };
    }
    if (!healthy || (last.healthy && isSame)) return undefined;
    const draft = this.#back(subject, last, view, now);
    Object.assign(last, { healthy: true, lostAt: undefined, cause: undefined });
    if (instance !== undefined) Object.assign(last, { uid: instance.uid, node: instance.node });
    return draft;
  }

  /** It is up, and it was not, or it was another one. */
  #back(subject: string, last: Known, { instance, reason }: WorkloadView, now: Instant): Draft {
    const isNew = instance !== undefined && last.uid !== undefined && instance.uid !== last.uid;
    const isFirst = last.uid === undefined || (!isNew && last.lostAt === undefined);
    const type =
      reason === 'Completed'
        ? 'completed'
        : isFirst
          ? 'started'
          : !isNew
            ? 'recovered'
            : instance.node === last.node
              ? 'restarted'
              : 'moved';
    return {
      type,
      subject,
      ...fromNode(last),
      ...(instance === undefined ? {} : { to: instance.node }),
      ...this.#inTerm(),
      ...(last.lostAt === undefined ? {} : { gap: now - last.lostAt }),
      cause: last.cause ?? (type === 'started' || type === 'completed' ? reason : 'unknown'),
    };
  }

  #blame(key: string, cause: string): void {
    const known = this.#known.get(key);
    if (known !== undefined) known.cause = cause;
  }

  #inTerm(): Pick<HistoryEntry, 'term'> {
    return this.#term === undefined ? {} : { term: this.#term };
  }
}

/** The same for two reports of one change. A change of leader is seen by everybody, at slightly different times. */
function nameOf({ at, type, subject, term, to }: HistoryEntry): string {
  if (type === 'leader-changed' && term !== undefined) return `${type} ${term} ${to}`;
  return `${type} ${subject} ${at}`;
}

function fromNode({ node }: Known): Pick<HistoryEntry, 'from'> {
  return node === undefined || node === '' ? {} : { from: node };
}
