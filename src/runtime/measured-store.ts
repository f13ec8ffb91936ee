/** A lock store whose operations are measured. It changes nothing about them. */
import type { LockView } from '../core/election/record.ts';
import type { Duration } from '../core/time.ts';
import type { StoreError, StoreOperation } from '../metrics/observations.ts';
import type {
  AcquireReply,
  AcquireRequest,
  Grant,
  Hint,
  LockStore,
  ReleaseReply,
  RenewReply,
  Unavailable,
} from '../ports/lock-store.ts';
import type { Clock } from '../ports/system.ts';

/** Must return at once and not throw. */
export interface StoreObserver {
  observeStore(operation: StoreOperation): void;
  /** The holder announced that it released the lock. */
  observeRelease(): void;
}

type Reply = AcquireReply | RenewReply | ReleaseReply | LockView | Unavailable;

export class MeasuredStore implements LockStore {
  readonly kind: string;
  readonly address: string;
  readonly meetsStrangers: boolean;
  readonly #store: LockStore;
  readonly #clock: Clock;
  readonly #opTimeout: Duration;
  #observer: StoreObserver | undefined;
  #failures = 0;
  #hasAnswered = false;

  /** `opTimeout`: after which the caller gives up an operation. */
  constructor(store: LockStore, clock: Clock, opTimeout: Duration) {
    this.kind = store.kind;
    this.address = store.address;
    this.meetsStrangers = store.meetsStrangers ?? false;
    this.#store = store;
    this.#clock = clock;
    this.#opTimeout = opTimeout;
  }

  /** Operations without an answer since the last one that had one. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether an operation was answered since the start: before, nothing is known about the store. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** Told of every operation from now on. */
  observe(observer: StoreObserver): void {
    this.#observer = observer;
  }

  acquire(request: AcquireRequest, signal: AbortSignal): Promise<AcquireReply> {
    return this.#measure('acquire', () => this.#store.acquire(request, signal), signal, request.ttl);
  }

  renew(grant: Grant & { readonly ttl: Duration }, signal: AbortSignal): Promise<RenewReply> {
    return this.#measure('renew', () => this.#store.renew(grant, signal), signal, grant.ttl);
  }

  release(grant: Grant, signal: AbortSignal): Promise<ReleaseReply> {
    return this.#measure('release', () => this.#store.release(grant, signal), signal);
  }

  read(name: string, signal: AbortSignal): Promise<LockView | Unavailable> {
    return this.#measure('read', () => this.#store.read(name, signal), signal);
  }

  subscribe(
    name: string,
    onHint: (hint: Hint) => void,
    onState: (up: boolean) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const listen = (hint: Hint): void => {
      if (hint === 'released') this.#observer?.observeRelease();
      onHint(hint);
    };
    return this.#store.subscribe(name, listen, onState, signal);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #measure<T extends Reply>(
    operation: StoreOperation['operation'],
    send: () => Promise<T>,
    signal: AbortSignal,
    ttl: Duration = 0,
  ): Promise<T> {
    const sentAt = this.#clock.now();
    const reply = await send();
    const duration = this.#clock.now() - sentAt;
    const isFailure = reply.kind === 'unavailable';
    this.#failures = isFailure ? this.#failures + 1 : 0;
    this.#hasAnswered ||= !isFailure;
    const remaining = remainingOf(reply, ttl);
    this.#observer?.observeStore({
      operation,
      duration,
      budget: this.#opTimeout,
      result: reply.kind,
      ...(remaining === undefined ? {} : { remaining }),
      ...(isFailure ? { error: this.#classify(reply, duration, signal) } : {}),
    });
    return reply;
  }

  #classify({ code = '' }: Unavailable, duration: Duration, signal: AbortSignal): StoreError {
    if (duration >= this.#opTimeout || code.includes('TIMEOUT') || code === 'ETIMEDOUT') return 'timeout';
    if (signal.aborted) return 'canceled';
    if (code === 'ECONNREFUSED') return 'connection_refused';
    return /^(E[A-Z]+|UND_ERR_SOCKET)$/.test(code) ? 'network' : 'unknown';
  }
}

function remainingOf(reply: Reply, ttl: Duration): Duration | undefined {
  switch (reply.kind) {
    case 'granted':
    case 'ok':
      return ttl;
    case 'held':
      return 'view' in reply ? reply.view.remaining : reply.remaining;
    case 'free':
    case 'released':
      return 0;
    case 'lost':
    case 'not-ours':
    case 'unavailable':
      return undefined;
  }
}
