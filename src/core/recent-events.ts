/** The last domain events about workloads, so that a status page can tell what was done and refused, not only what is. */
import type { DomainEvent } from './projection.ts';
import type { WallTime } from './time.ts';

/** What can be told of one workload. */
export type WorkloadEvent = Extract<
  DomainEvent,
  { readonly key: string } | { readonly type: 'workload-changed' }
>;

export interface RecentEvent {
  readonly at: WallTime;
  readonly event: WorkloadEvent;
}

const LONGEST = 1000;

export class RecentEvents {
  readonly #events: RecentEvent[] = [];

  /** Oldest first. */
  get all(): readonly RecentEvent[] {
    return this.#events;
  }

  observe(event: DomainEvent, at: WallTime): void {
    if (!('key' in event) && event.type !== 'workload-changed') return;
    // A message that counts on is no news.
    if (event.type === 'workload-changed' && event.previous === event.view.reason) return;
    this.#events.push({ at, event });
    if (this.#events.length > LONGEST) this.#events.shift();
  }
}
