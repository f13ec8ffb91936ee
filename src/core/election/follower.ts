/** The follower's part of the state machine: watching, aiming, and the attempt to take the lock. */
import { isHoldOf, type LockView } from './record.ts';
import type { AcquireReply, AnchorView, Hint, Unavailable } from './replies.ts';
import { needsAnchor } from './state.ts';
import type { Phase } from './state.ts';
import {
  FOLLOWER_ASK_INTERVAL,
  pollEvery,
  refusalBackoff,
  releaseJitter,
  retryDelay,
  validUntil,
} from './timing.ts';
import {
  callAnchor,
  callStore,
  canContend,
  change,
  emit,
  enter,
  follow,
  followBy,
  sawAnchor,
  takeableAt,
} from './turn.ts';
import type { Turn } from './turn.ts';

type Following = Extract<Phase, { kind: 'follower' }>;
type Acquiring = Extract<Phase, { kind: 'acquiring' }>;

/** What won the lock; the caller turns it into a claim. */
export interface Won {
  readonly phase: Acquiring;
  readonly epoch: number;
  readonly isAmnesia: boolean;
  /** See `AcquireReply`. */
  readonly isAlone: boolean;
}

/** Sends what is due. */
export function advanceFollower(turn: Turn, phase: Following): void {
  const { now, nonce } = turn.moment;
  if (needsAnchor(turn.state, turn.config) && now >= turn.state.anchor.retryAt)
    callAnchor(turn, { op: 'read-anchor' });
  if (turn.state.lockCall !== undefined) return;
  if (now >= Math.max(phase.tryAt, takeableAt(turn)) && canContend(turn)) {
    const { seen: floor, dead } = turn.state;
    const attempt = { nonce, floor, ...(dead && { supersedes: dead }) };
    enter(turn, { kind: 'acquiring', ...attempt, sentAt: now, rereadAt: Infinity });
    callStore(turn, { op: 'acquire', ...attempt });
  } else if (now >= Math.min(phase.tryAt, phase.readAt)) callStore(turn, { op: 'read' });
}

/** An attempt of unknown outcome is cleared up by reading, until its validity would have passed. */
export function advanceAcquiring(turn: Turn, phase: Acquiring): void {
  const { now, uniform } = turn.moment;
  if (turn.state.lockCall !== undefined) return;
  if (now >= validUntil(phase.sentAt, turn.config.timing)) follow(turn, now + retryDelay(uniform));
  else if (now >= phase.rereadAt) callStore(turn, { op: 'read' });
}

/** The answer to an acquisition; a grant is returned. */
export function onAcquired(turn: Turn, phase: Acquiring, reply: AcquireReply): Won | undefined {
  const { now, uniform } = turn.moment;
  switch (reply.kind) {
    case 'granted':
      return { phase, epoch: reply.epoch, isAmnesia: reply.amnesia, isAlone: reply.isAlone ?? false };
    case 'held':
      // A store that does not give it to us now is not asked again until the lock runs out.
      if (isHoldOf(phase.supersedes, reply.view))
        change(turn, { dead: undefined, dismissed: phase.supersedes });
      followBy(turn, reply.view);
      return undefined;
    case 'unavailable':
      enter(turn, { ...phase, rereadAt: now + retryDelay(uniform) });
      return undefined;
  }
}

/**
 * What the lock says after an acquisition of unknown outcome: our own nonce means that it was granted. Whether the
 * store had lost its counter is then known only if the store kept it, or if the epoch lies above what the floor alone
 * would have given; otherwise amnesia is assumed.
 */
export function onReread(turn: Turn, phase: Acquiring, reply: LockView | Unavailable): Won | undefined {
  const { now, uniform } = turn.moment;
  if (reply.kind === 'unavailable') {
    enter(turn, { ...phase, rereadAt: now + retryDelay(uniform) });
    return undefined;
  }
  if (reply.kind !== 'held' || reply.nonce !== phase.nonce) {
    followBy(turn, reply);
    return undefined;
  }
  const isAmnesia = reply.amnesia ?? (phase.floor > 0 && reply.epoch <= phase.floor + 1);
  return { phase, epoch: reply.epoch, isAmnesia, isAlone: false };
}

/** What the lock says to a follower that only looked. */
export function onLooked(turn: Turn, phase: Following, reply: LockView | Unavailable): void {
  const { now, uniform } = turn.moment;
  if (reply.kind !== 'unavailable') return followBy(turn, reply);
  const again = now + pollEvery(turn.config.timing) * (0.8 + 0.2 * uniform);
  return enter(turn, { ...phase, tryAt: again, readAt: again });
}

/** Remembered while a request is under way: its answer may be older than the hint. */
export function onHint(turn: Turn, hint: Hint): void {
  const { phase, lastAskedAt } = turn.state;
  const { now, uniform } = turn.moment;
  if (hint === 'released') {
    change(turn, { isReleaseHinted: true });
    if (phase.kind === 'follower')
      enter(turn, { ...phase, tryAt: Math.min(phase.tryAt, now + releaseJitter(uniform)) });
  } else if (phase.kind === 'follower') {
    const soon = Math.max(now, lastAskedAt + FOLLOWER_ASK_INTERVAL);
    enter(turn, { ...phase, readAt: Math.min(phase.readAt, soon) });
  }
}

/** While nobody tells us of changes we poll; when somebody does again, what was missed is read once. */
export function onSubscription(turn: Turn, isUp: boolean): void {
  const { phase, lastAskedAt, isSubscribed } = turn.state;
  if (isUp === isSubscribed) return;
  change(turn, { isSubscribed: isUp });
  if (phase.kind !== 'follower') return;
  const { now } = turn.moment;
  const readAt = isUp ? now : Math.max(now, lastAskedAt + pollEvery(turn.config.timing));
  enter(turn, { ...phase, readAt: Math.min(phase.readAt, readAt) });
}

/** The first read of the anchor, or one after a refusal: only who can read it may contend. */
export function onAnchorRead(turn: Turn, reply: AnchorView): void {
  const { now, uniform } = turn.moment;
  const { anchor, phase } = turn.state;
  switch (reply.kind) {
    case 'refused':
      return refuse(turn, reply.cause);
    case 'unavailable':
      if (anchor.kind !== 'refused') emit(turn, { kind: 'anchor-refused', cause: reply.cause });
      return change(turn, {
        anchor: {
          kind: 'refused',
          cause: reply.cause,
          refusals: anchor.refusals,
          retryAt: now + pollEvery(turn.config.timing) * (0.8 + 0.2 * uniform),
        },
      });
    case 'present':
    case 'absent':
      if (reply.kind === 'present') sawAnchor(turn, reply.record);
      if (anchor.kind === 'refused') emit(turn, { kind: 'anchor-recovered' });
      change(turn, { anchor: { kind: 'usable', retryAt: Infinity, refusals: anchor.refusals } });
      if (phase.kind === 'follower') enter(turn, { ...phase, readAt: now });
  }
}

/** The anchor said no: back off, longer each time, until it was written once. */
export function refuse(turn: Turn, cause: string): void {
  const { anchor } = turn.state;
  if (anchor.kind !== 'refused' || anchor.cause !== cause) emit(turn, { kind: 'anchor-refused', cause });
  change(turn, {
    anchor: {
      kind: 'refused',
      cause,
      refusals: anchor.refusals + 1,
      retryAt: turn.moment.now + refusalBackoff(anchor.refusals, turn.moment.uniform),
    },
  });
}
