/** How often one client may ask: a token bucket each. Bounded; a client that was quiet for long is forgotten. */
import { SECOND, type Instant } from '../core/time.ts';
import type { Clock } from '../ports/system.ts';

export interface Rate {
  readonly perSecond: number;
  /** At once, after a quiet time. */
  readonly burst: number;
}

const MOST_CLIENTS = 10_000;

interface Bucket {
  tokens: number;
  at: Instant;
}

export class RateLimit {
  readonly #buckets = new Map<string, Bucket>();
  readonly #clock: Clock;
  readonly #rate: Rate;

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock;
    this.#rate = rate;
  }

  /** Takes one. 0, or in how many seconds there is one again (whole, at least 1). */
  take(client: string): number {
    const { perSecond, burst } = this.#rate;
    const now = this.#clock.now();
    const { tokens, at } = this.#buckets.get(client) ?? { tokens: burst, at: now };
    const filled = Math.min(burst, tokens + ((now - at) / SECOND) * perSecond);
    const isTaken = filled >= 1;
    // Last in the order: the first is the one that was quiet longest.
    this.#buckets.delete(client);
    this.#buckets.set(client, { tokens: isTaken ? filled - 1 : filled, at: now });
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= MOST_CLIENTS) break;
      this.#buckets.delete(oldest);
    }
    return isTaken ? 0 : Math.max(1, Math.ceil((1 - filled) / perSecond));
  }
}
