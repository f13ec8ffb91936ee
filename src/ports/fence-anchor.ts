/**
 * The fence anchor: one small record inside the protected cluster holding the highest epoch that ever acted there. It
 * makes terms rise even when the lock store forgets. Compare-and-set by `version`; a watch demotes a stale leader.
 */
import type { AnchorRecord } from '../core/election/record.ts';
import type { AnchorView, RaiseReply } from '../core/election/replies.ts';

export type { AnchorView, RaiseReply } from '../core/election/replies.ts';

export interface FenceAnchor {
  read(signal: AbortSignal): Promise<AnchorView>;
  /** Writes `record` only if the anchor still has `version` (undefined: only if it does not exist). */
  raise(record: AnchorRecord, version: string | undefined, signal: AbortSignal): Promise<RaiseReply>;
  /** Calls `onChange` with each newer record. Resolves when the signal aborts; reconnects by itself until then. */
  watch(onChange: (record: AnchorRecord) => void, signal: AbortSignal): Promise<void>;
}
