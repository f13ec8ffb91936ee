/** The first look at every workload in a term: who was not looked at yet, and when all were. */
import type { Duration, Instant } from '../core/time.ts';
import type { Clock } from '../ports/system.ts';

export interface SweepSummary {
  readonly workloads: number;
  readonly duration: Duration;
}

export class Sweep {
  readonly #clock: Clock;
  readonly #onOver: (summary: SweepSummary) => void;
  readonly #startedAt: Instant;
  /** Keys that were not looked at yet. */
  readonly #left = new Set<string>();
  readonly #begun = new Set<string>();
  #isSealed = false;

  /** `onOver` is called once. */
  constructor(clock: Clock, onOver: (summary: SweepSummary) => void) {
    this.#clock = clock;
    this.#onOver = onOver;
    this.#startedAt = clock.now();
  }

  /** Every key was looked at, and no more will come. */
  get isOver(): boolean {
    return this.#isSealed && this.#left.size === 0;
  }

  /** Takes in keys that are to be looked at; answers those that it did not know. */
  add(keys: Iterable<string>): readonly string[] {
    const fresh = [...keys].filter((key) => !this.#begun.has(key));
    for (const key of fresh) {
      this.#begun.add(key);
      this.#left.add(key);
    }
    return fresh;
  }

  /** No more keys will come. */
  seal(): void {
    this.#isSealed = true;
    if (this.isOver) this.#finish();
  }

  /** The key was looked at. */
  leave(key: string): void {
    if (this.#left.delete(key) && this.isOver) this.#finish();
  }

  #finish(): void {
    this.#onOver({ workloads: this.#begun.size, duration: this.#clock.now() - this.#startedAt });
  }
}
