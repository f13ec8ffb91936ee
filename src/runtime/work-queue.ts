/**
 * Keys waiting to be reconciled. A key is in the queue at most once and is worked on by at most one worker; a key added
 * while it is worked on runs again afterwards. Urgent keys go first. Routine keys start slowly, two at a time and one
 * more for each that is done, as TCP does: a follower that takes over has few connections open, and opening many at
 * once would delay the first requests. Delayed keys share one timer. Level-based: a key says "look at this", never what
 * happened.
 */
import type { Duration, Instant } from '../core/time.ts';
import type { Clock, Timer } from '../ports/system.ts';

export interface WorkQueueOptions {
  readonly concurrency: number;
  /** Works on one key. Must not throw; failures are the worker's to schedule again. */
  readonly work: (key: string) => Promise<void>;
  /** Told how long the work on one key took. */
  readonly onWorked?: (duration: Duration) => void;
}

/** Routine keys worked on at first. */
const SLOW_START = 2;

export class WorkQueue {
  readonly #clock: Clock;
  readonly #options: WorkQueueOptions;
  /** Keys and since when they wait, in that order. */
  readonly #urgent = new Map<string, Instant>();
  readonly #routine = new Map<string, Instant>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, Instant>();
  #timer: { readonly at: Instant; readonly timer: Timer } | undefined;
  /** How many keys may be worked on before routine ones have to wait. */
  #routineLimit = SLOW_START;
  #closed = false;

  constructor(clock: Clock, options: WorkQueueOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Keys waiting now, without the delayed ones. */
  get depth(): number {
    return this.#urgent.size + this.#routine.size;
  }

  /** Since when the key that waits longest has been waiting. */
  get oldest(): Instant | undefined {
    const [urgent] = this.#urgent.values();
    const [routine] = this.#routine.values();
    return urgent === undefined || routine === undefined ? (urgent ?? routine) : Math.min(urgent, routine);
  }

  /** Queues a key; an urgent one overtakes all routine ones. */
  add(key: string, urgency: 'urgent' | 'routine' = 'urgent'): void {
    if (this.#closed) return;
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    const now = this.#clock.now();
    if (urgency === 'urgent') {
      this.#routine.delete(key);
      if (!this.#urgent.has(key)) this.#urgent.set(key, now);
    } else if (!this.#urgent.has(key) && !this.#routine.has(key)) this.#routine.set(key, now);
    this.#pump();
  }

  /**
   * Who works on the key looks at everything now: what it was added for until this moment need not bring it back. Its own
   * writes are among that, told by the caches.
   */
  look(key: string): void {
    this.#again.delete(key);
  }

  /** Queues a key at a later time; an earlier time already set stays. */
  addAt(key: string, at: Instant): void {
    if (this.#closed) return;
    const known = this.#delayed.get(key);
    if (known !== undefined && known <= at) return;
    this.#delayed.set(key, at);
    this.#arm(at);
  }

  /** Accepts nothing more and resolves when the keys being worked on are done. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#urgent.clear();
    this.#routine.clear();
    this.#again.clear();
    this.#delayed.clear();
    this.#timer?.timer.cancel();
    await Promise.all(this.#running.values());
  }

  #pump(): void {
    this.#start(this.#urgent, this.#options.concurrency);
    this.#start(this.#routine, Math.min(this.#routineLimit, this.#options.concurrency));
  }

  #start(waiting: Map<string, Instant>, limit: number): void {
    for (const key of waiting.keys()) {
      if (this.#running.size >= limit) return;
      waiting.delete(key);
      this.#running.set(key, this.#run(key));
    }
  }

  async #run(key: string): Promise<void> {
    // The caller is still inside its own step (a cache handler, another key): begin after it.
    await Promise.resolve();
    const startedAt = this.#clock.now();
    await this.#options.work(key);
    this.#options.onWorked?.(this.#clock.now() - startedAt);
    this.#running.delete(key);
    this.#routineLimit += 1;
    if (this.#again.delete(key)) this.add(key);
    this.#pump();
  }

  #arm(at: Instant): void {
    if (this.#timer !== undefined && this.#timer.at <= at) return;
    this.#timer?.timer.cancel();
    this.#timer = { at, timer: this.#clock.timer(at, () => this.#wake()) };
  }

  #wake(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    let next = Infinity;
    for (const [key, at] of this.#delayed)
      if (at <= now) {
        this.#delayed.delete(key);
        this.add(key, 'routine');
      } else next = Math.min(next, at);
    if (next < Infinity) this.#arm(next);
  }
}
