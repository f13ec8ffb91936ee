/**
 * The lock in a Kubernetes Lease. Acquire, renew and release are a PUT with the resourceVersion that was read, so of two
 * contenders one gets 409. Needs get, create, update and watch on the one Lease (list where the server cannot stream).
 *
 * It has its own connections and never waits for a busy server: workload traffic must not starve it, and the elector
 * has a schedule of its own. While a subscription is up, followers are answered from the watch: it feeds the same
 * observation that decides about expiry, and only an expired or free lock is worth a request. The lock's own holder is
 * always answered by the server, because after a suspended machine the monotonic clock may not tell how old we are.
 */
import { isHoldOf, type LockView, type Nonce } from '../../core/election/record.ts';
import { SECOND, type Duration } from '../../core/time.ts';
import {
  LEASES,
  type ClusterReader,
  type ClusterWriter,
  type ObjectRef,
  type WriteResult,
} from '../../ports/cluster.ts';
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
import type { System } from '../../ports/system.ts';
import type { Connection } from './connection.ts';
import { LeaseObservation } from './lease-observation.ts';
import {
  heldLease,
  newLease,
  recordOf,
  releasedLease,
  type Lease,
  type LeaseRecord,
} from './lease-record.ts';
import { pause } from './pause.ts';
import { openReader } from './reader.ts';
import { Reflector } from './reflector.ts';
import type { RequestObserver } from './request-facts.ts';
import { Transport } from './transport.ts';
import { openWriter } from './writer.ts';

export interface LeaseLockOptions {
  /** The controller namespace. */
  readonly namespace: string;
  readonly system: System;
  readonly userAgent: string;
  /** Told of every request; for metrics. */
  readonly onRequest?: RequestObserver;
}

/** Connects on first use. The name of a lock is the name of its Lease. */
export function openLeaseLock(connection: Connection, options: LeaseLockOptions): LockStore {
  return new LeaseLock(connection, options);
}

/** While the watch is down the elector polls, so reconnecting may be eager. */
const WATCH_BACKOFF = { base: 0.1 * SECOND, cap: SECOND };

/** An API server closes a connection on which it was asked nothing for 90 s. */
const WARM_EVERY: Duration = 80 * SECOND;

/** Rounds of read and compare-and-set within one operation, each lost to somebody else's write. */
const ROUNDS = 3;

interface Lock {
  readonly observation: LeaseObservation;
  /** Nonce of our last attempt or grant. */
  nonce?: Nonce;
  /** Subscriptions that are up. */
  watches: number;
  /** A write of ours has no known outcome, so the observation may be behind it. */
  uncertain: boolean;
}

class LeaseLock implements LockStore {
  readonly kind = 'lease';
  readonly address: string;
  readonly #namespace: string;
  readonly #system: System;
  readonly #transport: Transport;
  readonly #reader: ClusterReader;
  readonly #writer: ClusterWriter;
  readonly #locks = new Map<string, Lock>();

  constructor(connection: Connection, { namespace, system, userAgent, onRequest }: LeaseLockOptions) {
    // Relative to the cluster: replicas reach one API server by different addresses, and the lock is still the same.
    this.address = `namespace/${namespace}`;
    this.#namespace = namespace;
    this.#system = system;
    this.#transport = new Transport(connection, {
      clock: system.clock,
      log: system.log,
      userAgent,
      obeysRetryAfter: false,
      ...(onRequest === undefined ? {} : { onRequest }),
    });
    this.#reader = openReader(this.#transport);
    this.#writer = openWriter(this.#transport, this.#reader);
  }

  async acquire(request: AcquireRequest, signal: AbortSignal): Promise<AcquireReply> {
    const lock = this.#lockOf(request.name);
    lock.nonce = request.nonce;
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0 || !this.#isSeenFree(lock)) {
        const failure = await this.#fetch(request.name, lock, signal);
        if (failure) return failure;
      }
      const view = lock.observation.view(this.#now());
      const isSuperseded =
        view.kind === 'held' && lock.observation.lease !== undefined && isHoldOf(request.supersedes, view);
      if (view.kind === 'held' && !isSuperseded)
        return view.nonce === request.nonce && lock.observation.lease !== undefined
          ? {
              kind: 'granted',
              epoch: view.epoch,
              remaining: view.remaining,
              amnesia: recordOf(lock.observation.lease).amnesia,
            }
          : { kind: 'held', view };
      const reply = await this.#take(request, lock, signal);
      if (reply) return reply;
    }
    return contended();
  }

  async renew(grant: Grant & { readonly ttl: number }, signal: AbortSignal): Promise<RenewReply> {
    const lock = this.#lockOf(grant.name);
    for (let round = 0; round < ROUNDS; round++) {
      const held = await this.#confirm(grant, lock, signal);
      if (held.kind === 'unavailable') return held;
      if (held.kind === 'not-ours' || lock.observation.remaining(this.#now()) === 0) {
        const present = lock.observation.lease;
        const holder = present && recordOf(present).holder;
        return held.kind === 'not-ours' && holder ? { kind: 'lost', holder } : { kind: 'lost' };
      }
      const sentAt = this.#now();
      const record: LeaseRecord = { ...recordOf(held.lease), ttl: grant.ttl };
      const result = await this.#put(
        lock,
        heldLease(held.lease, record, false, this.#system.clock.wall()),
        signal,
      );
      if (result.kind === 'done')
        return { kind: 'ok', remaining: Math.max(0, grant.ttl - (this.#now() - sentAt)) };
      if (!isRace(result)) return this.#unavailable(result);
      lock.uncertain = true;
    }
    return contended();
  }

  async release(grant: Grant, signal: AbortSignal): Promise<ReleaseReply> {
    const lock = this.#lockOf(grant.name);
    for (let round = 0; round < ROUNDS; round++) {
      const held = await this.#confirm(grant, lock, signal);
      if (held.kind !== 'ours') return held;
      const result = await this.#put(lock, releasedLease(held.lease, this.#system.clock.wall()), signal);
      if (result.kind === 'done') return { kind: 'released' };
      if (!isRace(result)) return this.#unavailable(result);
      lock.uncertain = true;
    }
    return contended();
  }

  async read(name: string, signal: AbortSignal): Promise<LockView | Unavailable> {
    const lock = this.#lockOf(name);
    if (lock.watches > 0 && !lock.uncertain) {
      const view = lock.observation.view(this.#now());
      if (view.kind === 'held' && (view.nonce === undefined || view.nonce !== lock.nonce)) return view;
    }
    return (await this.#fetch(name, lock, signal)) ?? lock.observation.view(this.#now());
  }

  async subscribe(
    name: string,
    onHint: (hint: Hint) => void,
    onState: (up: boolean) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const lock = this.#lockOf(name);
    const reflector = new Reflector<Lease>({
      transport: this.#transport,
      reader: this.#reader,
      resource: LEASES,
      scope: { namespace: this.#namespace, fieldSelector: `metadata.name=${name}` },
      strip: (lease) => lease,
      system: this.#system,
      backoff: WATCH_BACKOFF,
      onUp(up) {
        lock.watches += up ? 1 : -1;
        onState(up);
      },
    });
    reflector.onChange((change) => {
      if (change.kind === 'removed') {
        if (change.object.metadata.uid === lock.observation.lease?.metadata.uid) lock.observation.miss();
        return onHint('changed');
      }
      lock.observation.hear(change.object, this.#now());
      const hint = hintOf(change.object, change.previous);
      if (hint) onHint(hint);
    });
    await Promise.all([reflector.run(signal), this.#keepWarm(signal)]);
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  /** Who is told of a release is about to write, and need not open a connection first. */
  async #keepWarm(signal: AbortSignal): Promise<void> {
    do await this.#transport.warmUp(1);
    while (await pause(this.#system.clock, WARM_EVERY, signal));
  }

  /**
   * The watch shows the lock free. Taking it is a compare-and-set, so it need not be read first. "Held" is not taken from
   * the watch: the reply to an earlier read may have come after a newer event and have hidden a release.
   */
  #isSeenFree(lock: Lock): boolean {
    const { lease } = lock.observation;
    return (
      lock.watches > 0 &&
      !lock.uncertain &&
      lease !== undefined &&
      lock.observation.view(this.#now()).kind === 'free'
    );
  }

  /** One attempt on a lock that is free, expired or a dead holder's; undefined if somebody else wrote first. */
  async #take(request: AcquireRequest, lock: Lock, signal: AbortSignal): Promise<AcquireReply | undefined> {
    const { lease, record } = lock.observation;
    // A vanished Lease took the counter with it: that this process remembers it does not help the others.
    const counter = lease === undefined ? 0 : (record?.epoch ?? 0);
    const lastHolder = record?.holder ? record.holder : record?.lastHolder;
    const epoch = Math.max(record?.epoch ?? 0, request.floor) + 1;
    const amnesia = counter < request.floor;
    const grant: LeaseRecord = {
      holder: request.holder,
      nonce: request.nonce,
      epoch,
      ttl: request.ttl,
      amnesia,
      ...(lastHolder !== undefined && { lastHolder }),
    };
    const base = lease ?? newLease(this.#namespace, request.name);
    const sentAt = this.#now();
    const result = await this.#put(lock, heldLease(base, grant, true, this.#system.clock.wall()), signal);
    if (result.kind === 'done') {
      const remaining = Math.max(0, request.ttl - (this.#now() - sentAt));
      return { kind: 'granted', epoch, remaining, amnesia };
    }
    if (result.kind === 'gone' && lease === undefined)
      return { kind: 'unavailable', cause: `the namespace ${this.#namespace} does not exist` };
    return isRace(result) ? undefined : this.#unavailable(result);
  }

  /** The Lease as this grant holds it. Only the server's present answer says that it does not. */
  async #confirm(
    grant: Grant,
    lock: Lock,
    signal: AbortSignal,
  ): Promise<{ readonly kind: 'ours'; readonly lease: Lease } | { readonly kind: 'not-ours' } | Unavailable> {
    if (lock.uncertain || !isHeldBy(lock.observation.lease, grant)) {
      const failure = await this.#fetch(grant.name, lock, signal);
      if (failure) return failure;
    }
    const lease = lock.observation.lease;
    return lease !== undefined && isHeldBy(lease, grant) ? { kind: 'ours', lease } : { kind: 'not-ours' };
  }

  /** Brings the observation up to date. */
  async #fetch(name: string, lock: Lock, signal: AbortSignal): Promise<Unavailable | undefined> {
    const ref: ObjectRef = { resource: LEASES, namespace: this.#namespace, name };
    const asked = lock.observation.lease;
    const result = await this.#reader.get<Lease>(ref, signal);
    if (result.kind === 'done') lock.observation.answer(result.object, this.#now(), asked);
    else if (result.kind === 'gone') lock.observation.miss();
    else return this.#unavailable(result);
    lock.uncertain = false;
    return undefined;
  }

  /** Creates the Lease, or replaces the version that `lease` was read from. */
  async #put(lock: Lock, lease: Lease, signal: AbortSignal): Promise<WriteResult<Lease>> {
    lock.uncertain = true;
    const asked = lock.observation.lease;
    const result =
      lease.metadata.resourceVersion === undefined
        ? await this.#writer.create(LEASES, lease, signal)
        : await this.#writer.replace(LEASES, lease, signal);
    lock.uncertain = result.kind === 'unknown';
    if (result.kind === 'done') lock.observation.answer(result.object, this.#now(), asked);
    return result;
  }

  #unavailable(failure: {
    readonly kind: string;
    readonly cause?: string;
    readonly message?: string;
    readonly status?: number;
    readonly code?: string;
  }): Unavailable {
    const said = failure.cause ?? failure.message ?? `the API server answered: ${failure.kind}`;
    const right = `; needs get, create, update and watch on leases in ${this.#namespace}`;
    return {
      kind: 'unavailable',
      cause: failure.status === 403 ? said + right : said,
      ...(failure.code === undefined ? {} : { code: failure.code }),
    };
  }

  #lockOf(name: string): Lock {
    let lock = this.#locks.get(name);
    if (lock === undefined) {
      lock = { observation: new LeaseObservation(), watches: 0, uncertain: false };
      this.#locks.set(name, lock);
    }
    return lock;
  }

  #now(): number {
    return this.#system.clock.now();
  }
}

function isHeldBy(lease: Lease | undefined, { nonce, epoch }: Grant): boolean {
  if (lease === undefined) return false;
  const record = recordOf(lease);
  return record.holder !== '' && record.nonce === nonce && record.epoch === epoch;
}

/** A failure that means somebody else wrote since we read. */
function isRace({ kind }: WriteResult): boolean {
  return kind === 'conflict' || kind === 'exists' || kind === 'gone';
}

function contended(): Unavailable {
  return { kind: 'unavailable', cause: `the Lease changed ${ROUNDS} times while it was being written` };
}

/** A renewal is no news; a change of hands is. */
function hintOf(lease: Lease, previous: Lease | undefined): Hint | undefined {
  const now = recordOf(lease);
  const before = previous && recordOf(previous);
  if (before && before.holder === now.holder && before.nonce === now.nonce && before.epoch === now.epoch)
    return undefined;
  return now.holder === '' ? 'released' : 'changed';
}
