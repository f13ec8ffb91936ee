/**
 * The fence anchor: one small record inside the protected cluster holding the highest epoch that ever acted there. It
 * makes terms rise even when the lock store forgets. Compare-and-set by `version`; a watch demotes a stale leader.
 */
import type { AnchorRecord } from '../core/election/record.ts';
import type { Unavailable } from './lock-store.ts';

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

export interface FenceAnchor {
  read(signal: AbortSignal): Promise<AnchorView>;
  /** Writes `record` only if the anchor still has `version` (undefined: only if it does not exist). */
  raise(record: AnchorRecord, version: string | undefined, signal: AbortSignal): Promise<RaiseReply>;
  /** Calls `onChange` with each newer record. Resolves when the signal aborts; reconnects by itself until then. */
  watch(onChange: (record: AnchorRecord) => void, signal: AbortSignal): Promise<void>;
}
