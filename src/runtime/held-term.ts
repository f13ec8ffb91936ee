/** The term as seen by whatever writes: a live question to the elector's state and the clock, never a remembered answer. */
import type { Epoch, Nonce } from '../core/election/record.ts';
import { actingUntil } from '../core/election/state.ts';
import type { ElectionState, Event } from '../core/election/state.ts';
import { hasClockGap } from '../core/election/timing.ts';
import type { Timing } from '../core/election/timing.ts';
import type { Instant } from '../core/time.ts';
import type { Clock } from '../ports/system.ts';
import type { Term } from './term.ts';

export interface TermSource {
  readonly epoch: Epoch;
  readonly predecessor: string | undefined;
  readonly nonce: Nonce;
  readonly clock: Clock;
  readonly timing: Timing;
  /** The elector's state at this moment. */
  readonly state: () => ElectionState;
  readonly send: (event: Event) => void;
}

export class HeldTerm implements Term {
  readonly epoch: Epoch;
  readonly predecessor?: string;
  readonly #source: TermSource;
  readonly #ended = new AbortController();

  constructor(source: TermSource) {
    this.epoch = source.epoch;
    if (source.predecessor !== undefined) this.predecessor = source.predecessor;
    this.#source = source;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  validUntil(): Instant {
    const { clock, timing, nonce } = this.#source;
    const state = this.#source.state();
    if (this.#ended.signal.aborted) return -Infinity;
    // A machine that was suspended resumes here before any timer fires: the two clocks tell.
    if (hasClockGap(clock.wall() - state.clock.wall, clock.now() - state.clock.now, timing)) {
      this.#source.send({ kind: 'pause-suspected' });
      return -Infinity;
    }
    return actingUntil(state, nonce);
  }

  isValid(): boolean {
    return this.#source.clock.now() < this.validUntil();
  }

  deadline(): Instant {
    const { clock, timing } = this.#source;
    return Math.min(clock.now() + timing.opTimeout, this.validUntil());
  }

  demote(seen: Epoch): void {
    this.#source.send({ kind: 'outranked', nonce: this.#source.nonce, epoch: seen });
  }

  /** Aborts the signal. */
  end(): void {
    this.#ended.abort();
  }
}
