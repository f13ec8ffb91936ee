/** The network between one host and one server: it delays, drops, and delivers long after the caller gave up. */
import type { Network, Operation } from '../../src/adapters/lock/memory.ts';
import type { Unavailable } from '../../src/ports/lock-store.ts';
import type { SeededRandom } from './random.ts';
import type { Host, World } from './world.ts';

/** The condition of a path at this moment. */
export interface Weather {
  /** Largest ordinary latency one way. */
  latency: number;
  dropRequest: number;
  dropReply: number;
  /** Probability and size of an extra delay, for "bytes already sent". */
  straggle: number;
  straggleUpTo: number;
  /** The server refuses connections: answered at once with an error, nothing applied. */
  isRefusing: boolean;
}

export const CALM: Readonly<Weather> = {
  latency: 5,
  dropRequest: 0,
  dropReply: 0,
  straggle: 0,
  straggleUpTo: 0,
  isRefusing: false,
};

/** What one request met: for the statistics of a run. */
export interface Traffic {
  requests: number;
  droppedRequests: number;
  droppedReplies: number;
  reads: number;
}

export class FaultyPath implements Network {
  readonly traffic: Traffic = { requests: 0, droppedRequests: 0, droppedReplies: 0, reads: 0 };
  weather: Weather = { ...CALM };
  readonly #world: World;
  readonly #host: Host;
  readonly #random: SeededRandom;
  readonly #witness: <Reply>(operation: Operation, apply: () => Reply) => Reply;

  /** `witness` is called around each application, to check what it did. */
  constructor(
    world: World,
    host: Host,
    random: SeededRandom,
    witness: <Reply>(operation: Operation, apply: () => Reply) => Reply = (_operation, apply) => apply(),
  ) {
    this.#world = world;
    this.#host = host;
    this.#random = random;
    this.#witness = witness;
  }

  async carry<Reply>(
    operation: Operation,
    apply: () => Reply,
    signal: AbortSignal,
  ): Promise<Reply | Unavailable> {
    const { promise, resolve } = Promise.withResolvers<Reply | Unavailable>();
    const random = this.#random;
    const { weather } = this;
    this.traffic.requests += 1;
    if (operation.kind === 'read' || operation.kind === 'acquire') this.traffic.reads += 1;
    if (signal.aborted) return { kind: 'unavailable', cause: 'the caller gave up' };
    // Some clients notice the signal, some answer late: a caller must live with both.
    if (random.chance(0.5))
      signal.addEventListener('abort', () => resolve({ kind: 'unavailable', cause: 'aborted' }));
    if (weather.isRefusing) {
      this.#world.at(this.#world.now + 1, () =>
        this.#host.deliver(() => resolve({ kind: 'unavailable', cause: 'connection refused' })),
      );
      return promise;
    }
    const isRequestLost = random.chance(weather.dropRequest);
    const isReplyLost = random.chance(weather.dropReply);
    if (isRequestLost) this.traffic.droppedRequests += 1;
    else
      this.#world.at(this.#world.now + this.#delay(), () => {
        const reply = this.#witness(operation, apply);
        if (isReplyLost) this.traffic.droppedReplies += 1;
        else this.#world.at(this.#world.now + this.#delay(), () => this.#host.deliver(() => resolve(reply)));
      });
    return promise;
  }

  /** Delivers a notification to the host, or loses it as it would lose a reply. */
  push(deliver: () => void): void {
    if (this.weather.isRefusing || this.#random.chance(this.weather.dropReply)) return;
    this.#world.at(this.#world.now + this.#delay(), () => this.#host.deliver(deliver));
  }

  #delay(): number {
    const { latency, straggle, straggleUpTo } = this.weather;
    const random = this.#random;
    return random.between(0.5, latency) + (random.chance(straggle) ? random.between(0, straggleUpTo) : 0);
  }
}
