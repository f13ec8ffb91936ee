/** What an election tells the rest of the program. Logs, metrics and history subscribe to these, and to nothing else. */
import type { Duration } from '../time.ts';
import type { Epoch } from './record.ts';

/**
 * Why a leader stopped being one without releasing the lock:
 * - `NotOurs`: the store answered that another acquisition, or none, holds the lock.
 * - `Expired`: no renewal succeeded in time; the store could not be reached or this process was paused.
 * - `Outranked`: a higher term was seen on the anchor or on a managed object.
 * - `DrainIncomplete`: stopping, but the outcome of a guarded write stayed unknown; the TTL ends the term.
 */
export type LossReason = 'NotOurs' | 'Expired' | 'Outranked' | 'DrainIncomplete';

/**
 * Why a process that holds the lock does not act yet:
 * - `Amnesia`: the store lost its data, so an earlier holder may still believe in its grant.
 * - `StoreChanged`: the anchor names another store, whose last holder may still be acting.
 * - `StrangerLeft`: the last lock seen there was not one of ours, and its program may still delete what it finds.
 * - `StrangerExpired`: such a lock was not released, it ran out: its holder may still be at work in another cluster.
 */
export type WaitReason = 'Amnesia' | 'StoreChanged' | 'StrangerLeft' | 'StrangerExpired';

export type ElectionEvent =
  /** This process leads from now on. `previous` is the holder that was last seen, if any. */
  | { readonly kind: 'leader-elected'; readonly epoch: Epoch; readonly previous?: string }
  /** A graceful stop began: no new work is admitted. */
  | { readonly kind: 'leadership-draining'; readonly epoch: Epoch }
  /** The lock was handed back after a clean drain. `confirmed` false: the store did not answer, the TTL is the hedge. */
  | { readonly kind: 'leadership-released'; readonly epoch: Epoch; readonly confirmed: boolean }
  | { readonly kind: 'leadership-lost'; readonly epoch: Epoch; readonly reason: LossReason }
  /** Another holder was seen; without `holder` the lock was seen free. */
  | { readonly kind: 'holder-changed'; readonly epoch: Epoch; readonly holder?: string }
  | { readonly kind: 'store-unreachable'; readonly cause: string }
  | { readonly kind: 'store-recovered' }
  /** The anchor's namespace is missing, access is denied or the cluster does not answer: this process does not contend until that changes. */
  | { readonly kind: 'anchor-refused'; readonly cause: string }
  | { readonly kind: 'anchor-recovered' }
  /** The lock is held, and acting begins after `duration`. */
  | {
      readonly kind: 'waiting';
      readonly reason: WaitReason;
      readonly epoch: Epoch;
      readonly duration: Duration;
    }
  /** A process with another store raised the anchor: this one does not contend for `duration`. */
  | { readonly kind: 'store-replaced'; readonly epoch: Epoch; readonly duration: Duration }
  /** This process was suspended or blocked; the term is not valid until the store has confirmed it. */
  | { readonly kind: 'pause-detected'; readonly epoch: Epoch }
  /** The epoch won was not above the anchor's: the store forgot. The lock is left to its TTL. */
  | { readonly kind: 'claim-abandoned'; readonly epoch: Epoch; readonly anchorEpoch: Epoch };
