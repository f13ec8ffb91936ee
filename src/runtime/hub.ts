/**
 * Where domain events go: folded into the snapshot, then handed to the subscribers (log, metrics, Kubernetes events,
 * status pages). A subscriber must not throw and must not block.
 */
import type { DomainEvent, Snapshot, WorkloadView } from '../core/projection.ts';
import type { WallTime } from '../core/time.ts';
import { formatKey } from '../core/workload/model.ts';
import type { Clock } from '../ports/system.ts';

export type Subscriber = (event: DomainEvent, snapshot: Snapshot) => void;

export class Hub {
  readonly #clock: Clock;
  readonly #subscribers: Subscriber[] = [];
  readonly #workloads = new Map<string, WorkloadView>();
  #revision = 0;
  #transitions = 0;
  #lastTransition: WallTime | undefined;
  #leaderSince: WallTime | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get snapshot(): Snapshot {
    return {
      revision: this.#revision,
      workloads: this.#workloads,
      transitions: this.#transitions,
      lastTransition: this.#lastTransition,
      leaderSince: this.#leaderSince,
    };
  }

  subscribe(subscriber: Subscriber): void {
    this.#subscribers.push(subscriber);
  }

  /** Tells what happened. */
  emit(event: DomainEvent): void {
    this.#revision += 1;
    if (event.type === 'election') this.#foldElection(event.event.kind);
    for (const subscriber of this.#subscribers) subscriber(event, this.snapshot);
  }

  /** The state of a workload as just decided; an event only if it differs from the last one. */
  setWorkload(view: WorkloadView): void {
    const key = formatKey(view.key);
    const previous = this.#workloads.get(key);
    if (previous !== undefined && isSame(previous, view)) return;
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

  #foldElection(kind: string): void {
    const gained = kind === 'leader-elected';
    const lost = kind === 'leadership-released' || kind === 'leadership-lost';
    if (!gained && !lost) return;
    this.#transitions += 1;
    this.#lastTransition = this.#clock.wall();
    this.#leaderSince = gained ? this.#lastTransition : undefined;
    // A follower decides nothing, so what the last term said about workloads is no longer known to be true.
    if (lost) this.#workloads.clear();
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
