/**
 * The lock store in memory: the reference for what every store must do, shared by the electors of one process. It is
 * for a single replica and for tests; it forgets everything with the process.
 */
import { isHoldOf, type Epoch, type LockView, type Nonce } from '../../core/election/record.ts';
import type { Instant } from '../../core/time.ts';
import type {
  AcquireReply,
  AcquireRequest,
  Grant,
  Hint,
  LockStore,
  ReleaseReply,
  RenewReply,
  Unavailable,
} from '../../ports/lock-store.ts';
import type { Clock } from '../../ports/system.ts';

/** What is known about one name. It never expires; `until` says how long its holder is protected. */
export interface MemoryRecord {
  readonly epoch: Epoch;
  readonly nonce: Nonce;
  readonly holder: string;
  /** By the store's clock. */
  readonly until: Instant;
  readonly isReleased: boolean;
  readonly amnesia: boolean;
  /** The lock itself is gone (evicted) though nobody released it: held until `until` all the same. */
  readonly isEvicted: boolean;
}

export interface Operation {
  readonly kind: 'acquire' | 'renew' | 'release' | 'read';
  readonly name: string;
  readonly nonce?: Nonce;
  readonly epoch?: Epoch;
}

/**
 * What lies between a client and the store. `carry` calls `apply` at most once, whenever the request arrives, even
 * after the caller has given up; and answers with its reply, late, or with `unavailable`, or (where the reply is lost)
 * only when the signal aborts. A request or a reply that is dropped, delayed or both is a fault of the network alone.
 */
export interface Network {
  carry<Reply>(operation: Operation, apply: () => Reply, signal: AbortSignal): Promise<Reply | Unavailable>;
}

export interface MemoryLocks {
  /** One client; without a network of its own it is answered at once. */
  connect(network?: Network): LockStore;
  /** What is stored, without any network. */
  peek(name: string): MemoryRecord | undefined;
  /** Loses everything: locks, records and counters. */
  loseData(): void;
  /** Loses the lock of this name, not its record. */
  evict(name: string): void;
}

const DIRECT: Network = {
  carry: async (_operation, apply, signal) =>
    signal.aborted ? { kind: 'unavailable', cause: 'the caller gave up' } : apply(),
};

/** A store whose only clock is `clock`. */
export function createMemoryLocks(clock: Pick<Clock, 'now'>): MemoryLocks {
  const records = new Map<string, MemoryRecord>();
  const subscribers = new Map<string, Set<(hint: Hint) => void>>();

  /** The record, if it excludes everybody else now. */
  const findProtected = (name: string): MemoryRecord | undefined => {
    const record = records.get(name);
    return record !== undefined && !record.isReleased && clock.now() < record.until ? record : undefined;
  };

  const view = (record: MemoryRecord): Extract<LockView, { kind: 'held' }> => ({
    kind: 'held',
    holder: record.holder,
    nonce: record.nonce,
    epoch: record.epoch,
    remaining: record.until - clock.now(),
    amnesia: record.amnesia,
  });

  const notify = (name: string, hint: Hint): void => {
    for (const onHint of subscribers.get(name) ?? []) queueMicrotask(() => onHint(hint));
  };

  /** The record, if this grant holds the lock now. */
  const findHeld = ({ name, nonce, epoch }: Grant): MemoryRecord | undefined => {
    const record = findProtected(name);
    if (record === undefined || record.isEvicted) return undefined;
    return record.nonce === nonce && record.epoch === epoch ? record : undefined;
  };

  const acquire = ({ name, holder, nonce, ttl, floor, supersedes }: AcquireRequest): AcquireReply => {
    const present = findProtected(name);
    const isDead = present?.isEvicted === false && isHoldOf(supersedes, present);
    if (present !== undefined && !isDead) {
      if (present.nonce !== nonce) return { kind: 'held', view: view(present) };
      const { epoch, amnesia, until } = present;
      return { kind: 'granted', epoch, remaining: until - clock.now(), amnesia };
    }
    const counter = records.get(name)?.epoch ?? 0;
    const epoch = Math.max(counter, floor) + 1;
    const amnesia = counter < floor;
    const until = clock.now() + ttl;
    records.set(name, { epoch, nonce, holder, until, isReleased: false, amnesia, isEvicted: false });
    notify(name, 'changed');
    return { kind: 'granted', epoch, remaining: ttl, amnesia };
  };

  const renew = (grant: Grant & { readonly ttl: number }): RenewReply => {
    const record = findHeld(grant);
    if (record === undefined) {
      const other = findProtected(grant.name);
      return other === undefined ? { kind: 'lost' } : { kind: 'lost', holder: other.holder };
    }
    records.set(grant.name, { ...record, until: clock.now() + grant.ttl });
    return { kind: 'ok', remaining: grant.ttl };
  };

  const release = (grant: Grant): ReleaseReply => {
    const record = findHeld(grant);
    if (record === undefined) return { kind: 'not-ours' };
    records.set(grant.name, { ...record, isReleased: true });
    notify(grant.name, 'released');
    return { kind: 'released' };
  };

  const read = (name: string): LockView => {
    const present = findProtected(name);
    if (present !== undefined) return view(present);
    const record = records.get(name);
    if (record === undefined) return { kind: 'free', epoch: 0 };
    return { kind: 'free', epoch: record.epoch, lastHolder: record.holder };
  };

  const subscribe: LockStore['subscribe'] = async (name, onHint, onState, signal) => {
    const listeners = subscribers.get(name) ?? new Set();
    subscribers.set(name, listeners);
    const listener = (hint: Hint): void => {
      if (!signal.aborted) onHint(hint);
    };
    if (signal.aborted) return;
    listeners.add(listener);
    onState(true);
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    listeners.delete(listener);
  };

  return {
    connect: (network = DIRECT) => ({
      kind: 'memory',
      address: 'this-process',
      acquire: (request, signal) =>
        network.carry(
          { kind: 'acquire', name: request.name, nonce: request.nonce },
          () => acquire(request),
          signal,
        ),
      renew: (grant, signal) => network.carry({ kind: 'renew', ...grant }, () => renew(grant), signal),
      release: (grant, signal) => network.carry({ kind: 'release', ...grant }, () => release(grant), signal),
      read: (name, signal) => network.carry({ kind: 'read', name }, () => read(name), signal),
      subscribe,
      close: async () => {},
    }),
    peek: (name) => records.get(name),
    loseData: () => records.clear(),
    evict: (name) => {
      const record = records.get(name);
      if (record !== undefined) records.set(name, { ...record, isEvicted: true });
    },
  };
}

/** The store of a controller that runs alone: one client of a store that nobody else reaches. */
export function openMemoryLock(clock: Pick<Clock, 'now'>): LockStore {
  return createMemoryLocks(clock).connect();
}
