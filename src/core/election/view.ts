/** What status pages show of an election. Never used for a decision about who may act. */
import type { Instant } from '../time.ts';
import type { WaitReason } from './events.ts';
import type { Epoch } from './record.ts';
import { holdOf } from './state.ts';
import type { ElectionConfig, ElectionState, Phase } from './state.ts';

/**
 * `claiming` = holds the lock, does not act yet; `draining` = a leader that finishes what it started and then releases;
 * the others are what they say.
 */
export type Role = 'follower' | 'acquiring' | 'claiming' | 'leading' | 'draining' | 'stopped';

export interface ElectionView {
  readonly role: Role;
  /** When this role began, on the monotonic clock. */
  readonly since: Instant;
  /** Our term while claiming, leading or draining, else the highest one seen; 0 when none was. */
  readonly epoch: Epoch;
  /** Who holds the lock as far as this process knows: itself, or the last answer of the store. */
  readonly holder?: string;
  /** While leading or draining: the instant from which nothing may be written. */
  readonly validUntil?: Instant;
  readonly store:
    | { readonly up: true }
    | { readonly up: false; readonly cause: string; readonly since: Instant };
  /** Why this process cannot use the anchor and so does not contend. */
  readonly anchorRefused?: string;
  /** Holds the lock and acts at `until`. */
  readonly waiting?: { readonly reason: WaitReason; readonly until: Instant };
}

/** The view of a state. */
export function viewElection(state: ElectionState, config: ElectionConfig): ElectionView {
  const { phase, lock, anchor } = state;
  const hold = holdOf(phase);
  const holder = hold === undefined ? (lock?.kind === 'held' ? lock.holder : undefined) : config.holder;
  const isActing = phase.kind === 'leading' || phase.kind === 'draining';
  return {
    role: roleOf(phase),
    since: state.since,
    epoch: hold?.epoch ?? state.seen,
    ...(holder === undefined ? {} : { holder }),
    ...(isActing ? { validUntil: phase.hold.validUntil } : {}),
    store: state.store,
    ...(anchor.kind === 'refused' ? { anchorRefused: anchor.cause } : {}),
    ...(phase.kind === 'claiming' && phase.waitReason !== undefined
      ? { waiting: { reason: phase.waitReason, until: phase.actAt } }
      : {}),
  };
}

function roleOf(phase: Phase): Role {
  return phase.kind === 'settling' || phase.kind === 'releasing' ? 'draining' : phase.kind;
}
