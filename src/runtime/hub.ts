/**
 * Where domain events go: folded into the snapshot, then handed to the subscribers (log, metrics, Kubernetes events,
 * status pages). A subscriber must not throw and must not block.
 */
import type { ElectionEvent } from '../core/election/events.ts';
import { History, type HistoryEntry } from '../core/history.ts';
import { foldLeadership, NO_LEADERSHIP, type Leadership } from '../core/leadership.ts';
import type { DomainEvent, Snapshot, WorkloadView } from '../core/projection.ts';
import { RecentEvents } from '../core/recent-events.ts';
import { FENCING_NOT_ASKED, type ServerFencing } from '../core/server-fencing.ts';
import { formatKey } from '../core/workload/model.ts';
import type { Clock } from '../ports/system.ts';

export type Subscriber = (event: DomainEvent, snapshot: Snapshot) => void;

export class Hub {
  readonly #clock: Clock;
  readonly #self: string;
  readonly #subscribers: Subscriber[] = [];
  readonly #workloads = new Map<string, WorkloadView>();
  readonly #history = new History();
  readonly #recent = new RecentEvents();
  readonly #historians = new Set<(entry: HistoryEntry) => void>();
  #revision = 0;
  #leadership: Leadership = NO_LEADERSHIP;
  #serverFencing: ServerFencing = FENCING_NOT_ASKED;

  /** `self`: the holder name of this process. */
  constructor(clock: Clock, self: string) {
    this.#clock = clock;
    this.#self = self;
  }

  get snapshot(): Snapshot {
    return {
      revision: this.#revision,
      workloads: this.#workloads,
      leadership: this.#leadership,
      serverFencing: this.#serverFencing,
    };
  }

  /** What changed, oldest first. */
  get history(): readonly HistoryEntry[] {
    return this.#history.entries;
  }

  /** The last events about workloads, oldest first. */
  get recent(): RecentEvents['all'] {
    return this.#recent.all;
  }

  /** Entries that another process kept. Nobody is told of them: they are no news. */
  takeInHistory(kept: readonly HistoryEntry[]): void {
    this.#history.merge(kept);
  }

  /** Told each new entry of the history, before the subscribers hear of the event, until the answer is called. */
  onHistory(historian: (entry: HistoryEntry) => void): () => void {
    this.#historians.add(historian);
    return () => void this.#historians.delete(historian);
  }

  subscribe(subscriber: Subscriber): void {
    this.#subscribers.push(subscriber);
  }

  /** Tells what happened. */
  emit(event: DomainEvent): void {
    this.#revision += 1;
    const moment = { now: this.#clock.now(), wall: this.#clock.wall() };
    const before = this.#leadership;
    if (event.type === 'election') this.#foldElection(event.event);
    if (event.type === 'server-fencing') this.#serverFencing = event.fencing;
    this.#recent.observe(event, moment.wall);
    const entry = this.#history.observe(event, before, this.#leadership, moment);
    if (entry !== undefined) for (const historian of this.#historians) historian(entry);
    for (const subscriber of this.#subscribers) subscriber(event, this.snapshot);
  }

  /** The state of a workload as just decided; an event only if it differs from the last one. */
  setWorkload(decided: WorkloadView): void {
    const key = formatKey(decided.key);
    const previous = this.#workloads.get(key);
    if (previous !== undefined && isSame(previous, decided)) return;
    const isNew = previous?.reason !== decided.reason || previous.since === undefined;
    const view = { ...decided, since: isNew ? this.#clock.wall() : previous.since };
    this.#workloads.set(key, view);
    this.emit({
      type: 'workload-changed',
      view,
      ...(previous === undefined ? {} : { previous: previous.reason }),
    });
  }

  removeWorkload(key: string): void {
    if (this.#workloads.delete(key)) this.emit({ type: 'workload-removed', key });
  }

  #foldElection(event: ElectionEvent): void {
    this.#leadership = foldLeadership(this.#leadership, event, this.#self, this.#clock.wall());
    const lost = event.kind === 'leadership-released' || event.kind === 'leadership-lost';
    // A follower decides nothing, so what the last term said about workloads is no longer known to be true.
    if (!lost) return;
    this.#workloads.clear();
    this.#serverFencing = FENCING_NOT_ASKED;
  }
}

function isSame(a: WorkloadView, b: WorkloadView): boolean {
  return (
    a.reason === b.reason &&
    a.message === b.message &&
    a.active === b.active &&
    a.healthy === b.healthy &&
    a.instance?.uid === b.instance?.uid &&
    a.instance?.node === b.instance?.node &&
    a.instance?.token === b.instance?.token &&
    a.instance?.restarts === b.instance?.restarts
  );
}
