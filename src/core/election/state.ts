/** The data of the election's state machine: what it remembers, hears and asks for. The rules are in `step.ts`. */
import type { Duration, Instant, WallTime } from '../time.ts';
import type { ElectionEvent, WaitReason } from './events.ts';
import type { AnchorRecord, DeadHold, Epoch, LockView, Nonce } from './record.ts';
import type {
  AcquireReply,
  AnchorView,
  Hint,
  RaiseReply,
  ReleaseReply,
  RenewReply,
  Unavailable,
} from './replies.ts';
import type { Timing } from './timing.ts';

export interface ElectionConfig {
  readonly holder: string;
  readonly timing: Timing;
  readonly fingerprint: string;
  /** Watches the lock but never contends. */
  readonly remainsFollower: boolean;
  /** See `LockStore.meetsStrangers`. */
  readonly meetsStrangers: boolean;
}

/** What the outside world supplies with each event. */
export interface Moment {
  readonly now: Instant;
  readonly wall: WallTime;
  /** A fresh random number in [0, 1). */
  readonly uniform: number;
  /** A fresh random id; used only if this step begins an acquisition. */
  readonly nonce: Nonce;
}

/** A request to the store or to the anchor. */
export type Request =
  | { readonly op: 'acquire'; readonly nonce: Nonce; readonly floor: Epoch; readonly supersedes?: DeadHold }
  | { readonly op: 'renew' | 'release'; readonly nonce: Nonce; readonly epoch: Epoch }
  | { readonly op: 'read' }
  | { readonly op: 'read-anchor' }
  | { readonly op: 'raise-anchor'; readonly record: AnchorRecord; readonly version: string | undefined };

export type LockAnswer =
  | { readonly op: 'acquire'; readonly reply: AcquireReply }
  | { readonly op: 'renew'; readonly reply: RenewReply }
  | { readonly op: 'release'; readonly reply: ReleaseReply }
  | { readonly op: 'read'; readonly reply: LockView | Unavailable };

export type AnchorAnswer =
  | { readonly op: 'read-anchor'; readonly reply: AnchorView }
  | { readonly op: 'raise-anchor'; readonly reply: RaiseReply };

export type Answer = LockAnswer | AnchorAnswer;

/** A request under way. The lock and the anchor have one lane each, so that neither delays the other. */
export interface Call<Op extends Request['op'] = Request['op']> {
  readonly id: number;
  readonly op: Op;
  /** S: the instant before it was sent. */
  readonly sentAt: Instant;
  readonly sentWall: WallTime;
  readonly deadline: Instant;
}

/** A lock that this process holds as far as it knows. */
export interface Hold {
  readonly nonce: Nonce;
  readonly epoch: Epoch;
  /** V. */
  readonly validUntil: Instant;
  readonly renewAt: Instant;
  /** A pause of this process was noticed; nothing may be written until a renewal sent after it succeeds. */
  readonly isSuspect: boolean;
  /** See `AnchorRecord.predecessor`. */
  readonly predecessor: string | undefined;
}

export type Phase =
  | {
      readonly kind: 'follower';
      /** The lock may be free from then on: try to take it. */
      readonly tryAt: Instant;
      /** Read the lock then, to see what changed. */
      readonly readAt: Instant;
    }
  | {
      readonly kind: 'acquiring';
      readonly nonce: Nonce;
      readonly floor: Epoch;
      readonly supersedes?: DeadHold;
      readonly sentAt: Instant;
      /** The outcome is unknown: read the lock then. */
      readonly rereadAt: Instant;
    }
  | {
      readonly kind: 'claiming';
      readonly hold: Hold;
      /** The anchor carries our epoch and nonce. */
      readonly isRaised: boolean;
      /** When the anchor is asked (again). */
      readonly anchorAt: Instant;
      /** Not before this instant may the term begin. */
      readonly actAt: Instant;
      /** A renewal sent from then on must succeed before the term begins; Infinity when none is asked for. */
      readonly readBackAt: Instant;
      readonly waitReason: WaitReason | undefined;
    }
  | { readonly kind: 'leading' | 'draining'; readonly hold: Hold }
  /** The term is over, but work that was told to drain has not answered yet. */
  | { readonly kind: 'settling' }
  | { readonly kind: 'releasing'; readonly epoch: Epoch }
  | { readonly kind: 'stopped' };

/** Whether this process can use the anchor. `refusals` counts in a row; only a successful raise resets it. */
export type AnchorStanding =
  | { readonly kind: 'unread' | 'usable'; readonly retryAt: Instant; readonly refusals: number }
  | {
      readonly kind: 'refused';
      readonly retryAt: Instant;
      readonly refusals: number;
      readonly cause: string;
    };

export interface ElectionState {
  readonly phase: Phase;
  /** When the present role began. */
  readonly since: Instant;
  /** The highest epoch seen anywhere: lock, anchor or managed object. */
  readonly seen: Epoch;
  /** The last answer about the lock; undefined before the first and while we hold it. */
  readonly lock: LockView | undefined;
  /** The last acquisition of which it was proven that its holder is dead. */
  readonly dead: DeadHold | undefined;
  /** One that the store did not give all the same: it is waited for as any other. */
  readonly dismissed: DeadHold | undefined;
  /**
   * Undefined if the last lock seen was one of ours. Otherwise a stranger's hand may still be on it, and this is since
   * when it has been seen absent: Infinity while it is there, or where that is not known.
   */
  readonly strangerGoneAt: Instant | undefined;
  /** When the stranger's lock that was seen last runs out, or ran out; undefined if none was seen or it was released. */
  readonly strangerUntil: Instant | undefined;
  readonly lockCall: Call<LockAnswer['op']> | undefined;
  readonly anchorCall: Call<AnchorAnswer['op']> | undefined;
  readonly anchor: AnchorStanding;
  /** The last record seen on the anchor named our store. */
  readonly isAnchorOurs: boolean;
  /** The lock is not taken before: the store was changed under this process. */
  readonly yieldUntil: Instant;
  readonly store:
    | { readonly up: true }
    | { readonly up: false; readonly cause: string; readonly since: Instant };
  readonly isSubscribed: boolean;
  /** A release was announced after the last request about the lock was sent. */
  readonly isReleaseHinted: boolean;
  readonly lastAskedAt: Instant;
  /**
   * Both clocks when the request was sent on which V rests (or the attempt under way); without one, at the last step.
   * Not moved at each step, so that many short suspensions add up to one that is noticed.
   */
  readonly clock: { readonly now: Instant; readonly wall: WallTime };
  readonly nextId: number;
  /** Until then the lock is left to others, because a person asked for it. Infinity: until told otherwise. */
  readonly asideUntil: Instant;
  /** A stop was asked for: what is let go is not contended for again. */
  readonly isStopping: boolean;
}

export type Event =
  | { readonly kind: 'started' }
  /** The timer asked for by `nextWake` fired; `due` is what it was armed for. */
  | { readonly kind: 'wake'; readonly due: Instant }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly kind: 'hint'; readonly hint: Hint }
  | { readonly kind: 'subscription'; readonly up: boolean }
  | { readonly kind: 'anchor-seen'; readonly record: AnchorRecord }
  /** A managed object carries a higher epoch than the term of this nonce. */
  | { readonly kind: 'outranked'; readonly nonce: Nonce; readonly epoch: Epoch }
  /** A check of the right to act found that the clocks disagree. */
  | { readonly kind: 'pause-suspected' }
  | { readonly kind: 'drained'; readonly isClean: boolean }
  /** Leave the lock to others until then: a leader drains and releases. A time that has passed: contend again. */
  | { readonly kind: 'stand-aside'; readonly until: Instant }
  | { readonly kind: 'stop' };

/** What the shell does, in the order given. */
export type Effect =
  /** Send; answer with an `answer` event of this id, whatever happens. The shell needs no timer for it. */
  | { readonly kind: 'call'; readonly id: number; readonly request: Request }
  /** Nobody waits for this call any more. It may still be applied. */
  | { readonly kind: 'cancel'; readonly id: number }
  /** The lock is ours and the anchor is being raised: what the term needs to read may be read from now on. */
  | { readonly kind: 'prepare-term' }
  | { readonly kind: 'start-term'; readonly hold: Hold }
  /** Abort the term's signal. */
  | { readonly kind: 'end-term' }
  /** Drain the term, then send `drained`. */
  | { readonly kind: 'drain' }
  | { readonly kind: 'emit'; readonly event: ElectionEvent }
  /** The last effect of all. */
  | { readonly kind: 'finish' };

/** Before `started`. */
export function initialState(moment: Moment, config: ElectionConfig): ElectionState {
  return {
    phase: { kind: 'follower', tryAt: moment.now, readAt: Infinity },
    since: moment.now,
    seen: 0,
    lock: undefined,
    dead: undefined,
    dismissed: undefined,
    strangerGoneAt: config.meetsStrangers ? Infinity : undefined,
    strangerUntil: undefined,
    lockCall: undefined,
    anchorCall: undefined,
    anchor: { kind: 'unread', retryAt: moment.now, refusals: 0 },
    isAnchorOurs: false,
    yieldUntil: -Infinity,
    store: { up: true },
    isSubscribed: false,
    isReleaseHinted: false,
    lastAskedAt: -Infinity,
    clock: { now: moment.now, wall: moment.wall },
    nextId: 1,
    asideUntil: -Infinity,
    isStopping: false,
  };
}

/** The lock this process holds, if any: the phases in which it is renewed. */
export function holdOf(phase: Phase): Hold | undefined {
  return phase.kind === 'claiming' || phase.kind === 'leading' || phase.kind === 'draining'
    ? phase.hold
    : undefined;
}

/** The first instant at which the term of this nonce may write nothing any more; -Infinity if that is now. */
export function actingUntil({ phase }: ElectionState, nonce: Nonce): Instant {
  if (phase.kind !== 'leading' && phase.kind !== 'draining') return -Infinity;
  return phase.hold.nonce === nonce && !phase.hold.isSuspect ? phase.hold.validUntil : -Infinity;
}

/** When the next step is due if nothing else happens; Infinity for never. The shell arms one timer for it. */
export function nextWake(state: ElectionState, config: ElectionConfig): Instant {
  const { phase, lockCall, anchorCall } = state;
  const due = [lockCall?.deadline ?? Infinity, anchorCall?.deadline ?? Infinity];
  const hold = holdOf(phase);
  if (hold !== undefined) {
    due.push(hold.validUntil);
    if (lockCall === undefined) due.push(hold.renewAt);
  }
  if (phase.kind === 'follower') {
    if (lockCall === undefined) due.push(phase.tryAt, phase.readAt);
    if (needsAnchor(state, config)) due.push(state.anchor.retryAt);
  }
  if (phase.kind === 'acquiring' && lockCall === undefined) due.push(phase.rereadAt);
  if (phase.kind === 'claiming') {
    if (!phase.isRaised && anchorCall === undefined) due.push(phase.anchorAt);
    if (phase.isRaised && !phase.hold.isSuspect && phase.readBackAt === Infinity) due.push(phase.actAt);
  }
  return Math.min(...due);
}

/** A follower that wants to contend has not yet read the anchor, or was refused. */
export function needsAnchor({ anchor, anchorCall }: ElectionState, config: ElectionConfig): boolean {
  return !config.remainsFollower && anchor.kind !== 'usable' && anchorCall === undefined;
}

/** How long a follower may rest between two looks at the lock when nothing aims it more precisely. */
export function restOf(state: ElectionState, config: ElectionConfig, poll: Duration): Duration {
  return state.isSubscribed ? config.timing.ttl : poll;
}
