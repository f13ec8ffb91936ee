/** One lock as simple as it can be, without time: what every store must answer to any sequence of requests. */
import fc from 'fast-check';

/** A request drawn at random: sensible, repeated, foreign or stale. */
export interface LockRequest {
  readonly kind: 'acquire' | 'renew' | 'release';
  /** Which of two clients sends it. */
  readonly via: number;
  /** Which of a few acquisitions it names. */
  readonly nonce: number;
  /** The epoch it names, as the distance from the one that was granted to that nonce. */
  readonly offset: number;
  readonly floor: number;
}

/** What is sent for it: `epoch` is the floor of an acquisition, else the epoch named. */
export interface SentRequest {
  readonly kind: LockRequest['kind'];
  readonly nonce: string;
  readonly epoch: number;
}

export interface ExpectedAnswer {
  readonly sent: SentRequest;
  readonly reply: object;
  /** What a read straight after it shows. */
  readonly view: object;
}

export const LOCK_REQUESTS: fc.Arbitrary<LockRequest> = fc.record({
  kind: fc.constantFrom('acquire', 'renew', 'release'),
  via: fc.nat(1),
  nonce: fc.nat(3),
  offset: fc.constantFrom(0, 0, 0, 1, -1),
  floor: fc.nat(6),
});

export class LockModel {
  #held: { readonly nonce: string; readonly epoch: number } | undefined;
  #counter = 0;
  /** How often each acquisition was given back: the next one of that number has a new nonce. */
  readonly #generations = new Map<number, number>();
  readonly #granted = new Map<string, number>();

  answer({ kind, nonce: index, offset, floor }: LockRequest): ExpectedAnswer {
    const nonce = `n${index}-${this.#generations.get(index) ?? 0}`;
    const named = (this.#granted.get(nonce) ?? this.#counter) + offset;
    const sent = { kind, nonce, epoch: kind === 'acquire' ? floor : named };
    const isHolder = this.#held?.nonce === nonce && this.#held.epoch === named;
    let reply: object;
    if (kind === 'acquire') reply = this.#acquire(nonce, floor);
    else if (kind === 'renew') reply = { kind: isHolder ? 'ok' : 'lost' };
    else {
      reply = { kind: isHolder ? 'released' : 'not-ours' };
      if (isHolder) this.#release(index);
    }
    const held = this.#held;
    const view = held === undefined ? { kind: 'free', epoch: this.#counter } : { kind: 'held', ...held };
    return { sent, reply, view };
  }

  #acquire(nonce: string, floor: number): object {
    const held = this.#held;
    if (held !== undefined && held.nonce !== nonce) return { kind: 'held', view: held };
    if (held === undefined) {
      this.#counter = Math.max(this.#counter, floor) + 1;
      this.#held = { nonce, epoch: this.#counter };
      this.#granted.set(nonce, this.#counter);
    }
    return { kind: 'granted', epoch: this.#counter };
  }

  #release(index: number): void {
    this.#held = undefined;
    this.#generations.set(index, (this.#generations.get(index) ?? 0) + 1);
  }
}
