/** The right to act, as the elector hands it to everything that writes. */
import type { Epoch } from '../core/election/record.ts';
import type { Instant } from '../core/time.ts';

/**
 * One period of leadership. The right to act is `clock.now() < validUntil()` at the moment of each write and after each
 * await; it is never remembered. `signal` aborts when the term ends, but safety does not depend on it arriving in time.
 */
export interface Term {
  readonly epoch: Epoch;
  readonly signal: AbortSignal;
  /** V of election.md rule 5: moves forward on each successful renewal, never backward; in the past once the term is over. */
  validUntil(): Instant;
  /** `clock.now() < validUntil()`, evaluated now. */
  isValid(): boolean;
  /** Bound of one guarded request: min(T/5, V - now). */
  deadline(): Instant;
  /**
   * Somebody saw a higher epoch on an object of ours: this process is stale. Ends the term at once, without release.
   */
  demote(seen: Epoch): void;
}

/**
 * What the elector drives. `startTerm` begins guarded work and returns at once. `drain` admits no more guarded work and
 * resolves when no guarded request is in flight: `clean` false means that the outcome of one stayed unknown, so the
 * lock must not be released.
 */
export interface Leadership {
  startTerm(term: Term): void;
  drain(term: Term): Promise<{ readonly clean: boolean }>;
}
