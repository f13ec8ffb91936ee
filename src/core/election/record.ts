/** What a lock store and the fence anchor hold: the vocabulary that every store, the elector and the simulator share. */
import type { Duration } from '../time.ts';

/**
 * The fencing number, shown to users as *term*. Rises strictly with every change of holder, never changes on a renewal,
 * survives release, expiry and loss of the lock. Kept below 2^53 so that a JavaScript number holds it exactly.
 */
export type Epoch = number;

/** The random id of one acquisition attempt. Ownership is compared by (nonce, epoch), never by a configured id. */
export type Nonce = string;

/**
 * An acquisition whose holder is proven to be dead, because its container runs another process by now (`holder-name.ts`).
 * That it does not answer is no proof.
 */
export interface DeadHold {
  readonly nonce: Nonce;
  readonly epoch: Epoch;
}

/** Whether what is held is what the dead one held. */
export function isHoldOf(
  dead: DeadHold | undefined,
  held: { readonly nonce?: Nonce; readonly epoch: Epoch },
): boolean {
  return dead !== undefined && held.nonce === dead.nonce && held.epoch === dead.epoch;
}

/** What a reader of the lock sees. `remaining` is judged by the store's clock (Lease: by local observation). */
export type LockView =
  | {
      readonly kind: 'held';
      readonly holder: string;
      /**
       * Absent when the lock is not provably ours: another program wrote it (the Go program), or it vanished without a
       * release (evicted, deleted) and its time has not passed.
       */
      readonly nonce?: Nonce;
      readonly epoch: Epoch;
      readonly remaining: Duration;
      /** Another program wrote it: the Go program. */
      readonly isStranger?: true;
      /** What `granted.amnesia` said or would have said to this holder; absent where the store does not keep it. */
      readonly amnesia?: boolean;
    }
  | {
      readonly kind: 'free';
      /** The highest epoch the store remembers; 0 when it remembers none. */
      readonly epoch: Epoch;
      /** Who held it last, if the store still knows. */
      readonly lastHolder?: string;
      /** The store saw at this moment that no program of another kind is connected to it; absent where it cannot tell. */
      readonly isAlone?: boolean;
    };

/** The anchor: the epoch's floor, kept inside the protected cluster so that order survives a store that loses its data. */
export interface AnchorRecord {
  readonly epoch: Epoch;
  readonly nonce: Nonce;
  readonly holder: string;
  /** Store kind, address, lock name and anchor namespace of the winner. Another one means that the store was changed. */
  readonly fingerprint: string;
  /** Fingerprint of the store that was used before the last change, so that its objects are still ours. */
  readonly predecessor?: string;
  /** TTL of the winner: a change of store waits the larger of both. */
  readonly ttl: Duration;
  /** Identity of the store's data (run id, system identifier), empty where the store has none. */
  readonly storeIdentity: string;
}

/**
 * Names one store, one lock in it and one anchor. Managed objects carry it, so that two installations that manage one
 * tenant by accident notice each other. `address` must be free of credentials.
 */
export function formatFingerprint(store: {
  readonly kind: string;
  readonly address: string;
  readonly lockName: string;
  readonly anchorNamespace: string;
}): string {
  return [store.kind, store.address, store.lockName, store.anchorNamespace].join('|');
}
