/** A client of one lock for the contract suite: short calls, each bounded. */
import type { DeadHold } from '../../src/core/election/record.ts';
import type { AcquireReply, LockStore } from '../../src/ports/lock-store.ts';
import type { SentRequest } from './lock-model.ts';

/** A request that takes longer, in real time, has failed. */
const REQUEST_TIMEOUT = 5_000;

export type Granted = Extract<AcquireReply, { kind: 'granted' }>;

/** A client of one lock, each request bounded. */
export class LockClient {
  readonly #store: LockStore;
  readonly #name: string;
  readonly #ttl: number;

  constructor(store: LockStore, name: string, ttl: number) {
    this.#store = store;
    this.#name = name;
    this.#ttl = ttl;
  }

  acquire(nonce: string, floor = 0, supersedes?: DeadHold): Promise<AcquireReply> {
    const dead = supersedes && { supersedes };
    const request = { name: this.#name, holder: `holder/${nonce}`, nonce, ttl: this.#ttl, floor, ...dead };
    return this.#store.acquire(request, AbortSignal.timeout(REQUEST_TIMEOUT));
  }

  async win(nonce: string): Promise<Granted> {
    const reply = await this.acquire(nonce);
    if (reply.kind !== 'granted')
      throw new Error(`${nonce} was not granted the lock: ${JSON.stringify(reply)}`);
    return reply;
  }

  renew(nonce: string, epoch: number): ReturnType<LockStore['renew']> {
    const grant = { name: this.#name, nonce, epoch, ttl: this.#ttl };
    return this.#store.renew(grant, AbortSignal.timeout(REQUEST_TIMEOUT));
  }

  release(nonce: string, epoch: number): ReturnType<LockStore['release']> {
    return this.#store.release({ name: this.#name, nonce, epoch }, AbortSignal.timeout(REQUEST_TIMEOUT));
  }

  /** A request as the model words it. */
  send({ kind, nonce, epoch }: SentRequest): Promise<unknown> {
    switch (kind) {
      case 'acquire':
        return this.acquire(nonce, epoch);
      case 'renew':
        return this.renew(nonce, epoch);
      case 'release':
        return this.release(nonce, epoch);
    }
  }

  read(): ReturnType<LockStore['read']> {
    return this.#store.read(this.#name, AbortSignal.timeout(REQUEST_TIMEOUT));
  }
}
