/** What the lock store and the fence anchor answer: data that the state machine decides on, so it lives beside it. */
import type { Duration } from '../time.ts';
import type { AnchorRecord, Epoch, LockView } from './record.ts';

/** The store could not be asked or did not answer; the request may have been applied. `cause` is free of secrets. */
export interface Unavailable {
  readonly kind: 'unavailable';
  readonly cause: string;
  /** The error code of the system or of the client (`ECONNREFUSED`, …), where there is one. For metrics only. */
  readonly code?: string;
}

export type AcquireReply =
  | {
      readonly kind: 'granted';
      readonly epoch: Epoch;
      readonly remaining: Duration;
      /** The store had lost its counter (it was lower than `floor`, or its identity changed): hold, but wait one TTL before acting. */
      readonly amnesia: boolean;
      /** The store saw, after granting, that no program of another kind is connected to it; absent where it cannot tell. */
      readonly isAlone?: boolean;
    }
  | { readonly kind: 'held'; readonly view: Extract<LockView, { kind: 'held' }> }
  | Unavailable;

export type RenewReply =
  | { readonly kind: 'ok'; readonly remaining: Duration }
  /** The store answered: this nonce and epoch do not hold the lock (any more). */
  | { readonly kind: 'lost'; readonly holder?: string }
  | Unavailable;

export type ReleaseReply = { readonly kind: 'released' } | { readonly kind: 'not-ours' } | Unavailable;

/** Something may have changed; read to find out. `released` only says how soon it is worth trying. */
export type Hint = 'released' | 'changed';

/** `absent` = proven not to exist (404 for it in a namespace that exists). */
export type AnchorView =
  | { readonly kind: 'present'; readonly record: AnchorRecord; readonly version: string }
  | { readonly kind: 'absent' }
  /** The namespace is missing, or we may not read or write there. `cause` names the right or the namespace. */
  | { readonly kind: 'refused'; readonly cause: string }
  | Unavailable;

export type RaiseReply =
  | { readonly kind: 'raised'; readonly version: string }
  /** Somebody wrote since `version` was read (or created it first). Read again. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'refused'; readonly cause: string }
  | Unavailable;
