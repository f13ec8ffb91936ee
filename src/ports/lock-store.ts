/**
 * The lock of one tenant. Every adapter must pass `test/contract/lock-store.ts`.
 *
 * Fine print, the same for all stores:
 * - Each operation is atomic in the store. Expiry is judged by the store's clock alone, never by a client's.
 * - Operations are safe to repeat: the same nonce acquiring again is answered with its own grant and epoch, unchanged;
 *   renewing or releasing with a nonce or epoch that is not the holder's changes nothing.
 * - Nobody but the holder itself is superseded before its time: only `supersedes`, which names it, takes a lock from it.
 * - `unavailable` means *outcome unknown*: the request may still be applied later. It never means "not applied".
 * - `granted.epoch` is greater than every epoch the store ever granted for this name and greater than `floor`.
 * - An aborted signal makes the promise settle promptly with `unavailable`; it does not undo anything.
 * - Not promised: fairness, delivery of hints, or that `read` is newer than a reply already received.
 */
import type { DeadHold, Epoch, LockView, Nonce } from '../core/election/record.ts';
import type { AcquireReply, Hint, ReleaseReply, RenewReply, Unavailable } from '../core/election/replies.ts';
import type { Duration } from '../core/time.ts';

export type { AcquireReply, Hint, ReleaseReply, RenewReply, Unavailable } from '../core/election/replies.ts';

export interface AcquireRequest {
  /** The Lease's name, or the tenant where a store derives its keys from it (Redis). */
  readonly name: string;
  /** `<id>/<pod uid or host>/<incarnation uuid>`: for people, and unique per process. */
  readonly holder: string;
  /** Fresh for each attempt, unless the attempt is a repetition after an unknown outcome. */
  readonly nonce: Nonce;
  readonly ttl: Duration;
  /** The highest epoch the caller knows of: max(seen, anchor). */
  readonly floor: Epoch;
  /** The lock is granted also while exactly this acquisition holds it; any other holder is honoured as ever. */
  readonly supersedes?: DeadHold;
}

/** One acquisition, named so that a stranger cannot touch it. */
export interface Grant {
  readonly name: string;
  readonly nonce: Nonce;
  readonly epoch: Epoch;
}

export interface LockStore {
  /** `lease`, `memory`, `redis`, …: part of the fingerprint and of metrics labels. */
  readonly kind: string;
  /** Where the lock lives, without credentials: part of the fingerprint. */
  readonly address: string;
  /**
   * Programs of another kind use this lock too, and one of them deletes what it finds just after its own release (the
   * Go program in Redis). Who never saw a lock of ours there takes it with care; see `core/election/follower.ts`.
   */
  readonly meetsStrangers?: boolean;
  acquire(request: AcquireRequest, signal: AbortSignal): Promise<AcquireReply>;
  renew(grant: Grant & { readonly ttl: Duration }, signal: AbortSignal): Promise<RenewReply>;
  /** Frees the lock if this grant holds it, keeps the epoch, and wakes subscribers. */
  release(grant: Grant, signal: AbortSignal): Promise<ReleaseReply>;
  read(name: string, signal: AbortSignal): Promise<LockView | Unavailable>;
  /**
   * Calls `onHint` when the lock may have changed and `onState` when the subscription goes up or down (a caller polls
   * faster while it is down). Resolves when the signal aborts; reconnects by itself until then.
   */
  subscribe(
    name: string,
    onHint: (hint: Hint) => void,
    onState: (up: boolean) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Ends connections. Safe to call twice. */
  close(): Promise<void>;
}
