/** The right to act, as the elector hands it to everything that writes. */
import type { Epoch } from '../core/election/record.ts';
import type { Duration, Instant } from '../core/time.ts';

/** How soon it is asked again whether a term is valid that is neither valid nor over: a suspected pause is looked into. */
export const IN_QUESTION: Duration = 100;

/**
 * One period of leadership. The right to act is `clock.now() < validUntil()` at the moment of each write and after each
 * await; it is never remembered. `signal` aborts when the term ends, but safety does not depend on it arriving in time.
 */
export interface Term {
  readonly epoch: Epoch;
  /** Fingerprint of the store that was used before a change of store: its objects are ours too. */
  readonly predecessor?: string;
  readonly signal: AbortSignal;
  /**
   * The first instant at which nothing may be written any more. Moves forward on each successful renewal; -Infinity
   * once the term is over, and while a suspected pause of this process is being checked with the store.
   */
  validUntil(): Instant;
  /** `clock.now() < validUntil()`, evaluated now. */
  isValid(): boolean;
  /** The instant at which a guarded request sent now must be given up: min(now + T/5, validUntil()). */
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
  /**
   * The lock is won and no earlier holder can be acting; `startTerm` follows unless something intervenes. Reads may
   * begin, writes may not.
   */
  prepareTerm(): void;
  startTerm(term: Term): void;
  drain(term: Term): Promise<{ readonly clean: boolean }>;
}
