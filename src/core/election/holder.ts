/** The holder's part of the state machine: renewing, claiming the anchor, leading, draining and letting go. */
import type { LossReason, WaitReason } from './events.ts';
import { refuse } from './follower.ts';
import type { Won } from './follower.ts';
import type { AnchorRecord, Epoch } from './record.ts';
import type { AnchorView, RaiseReply, ReleaseReply, RenewReply } from './replies.ts';
import { holdOf } from './state.ts';
import type { Call, Hold, Phase } from './state.ts';
import type { Duration, Instant } from '../time.ts';
import { READ_BACK_AFTER, retryDelay, STRANGER_ABSENCE, STRANGER_LINGERS, validUntil } from './timing.ts';
import {
  callAnchor,
  callStore,
  cancelAnchorCall,
  cancelStoreCall,
  change,
  emit,
  enter,
  follow,
  sawAnchor,
  sawEpoch,
} from './turn.ts';
import type { Turn } from './turn.ts';

type Claiming = Extract<Phase, { kind: 'claiming' }>;

/** The lock is ours; nothing may be written before the anchor says so too. V counts from the acquisition's own S. */
export function beginClaim(turn: Turn, { phase, epoch, isAmnesia, isAlone }: Won): void {
  const { now } = turn.moment;
  const { timing } = turn.config;
  sawEpoch(turn, epoch);
  const { strangerGoneAt, strangerUntil } = turn.state;
  const isAfterStranger = strangerGoneAt !== undefined && !isAlone;
  // Taken early because nobody else was there, and now somebody is: what is left of the absence is waited for here.
  const absentAt = isAfterStranger ? Math.min(strangerGoneAt, now) + STRANGER_ABSENCE : -Infinity;
  if (strangerGoneAt !== undefined) change(turn, { strangerGoneAt: Infinity }); // should this lock be lost, count anew
  const confirmAt = isAfterStranger ? Math.max(now, absentAt) + READ_BACK_AFTER : Infinity;
  const waits: readonly (readonly [WaitReason, Duration])[] = [
    ['StrangerExpired', (strangerUntil ?? -Infinity) + STRANGER_LINGERS - now],
    ['Amnesia', isAmnesia ? timing.ttl : 0],
    ['StrangerLeft', isAfterStranger ? confirmAt - now : 0],
  ];
  const [waitReason, duration] = waits.find(([, wait]) => wait > 0) ?? [undefined, 0];
  const hold: Hold = {
    nonce: phase.nonce,
    epoch,
    validUntil: validUntil(phase.sentAt, timing),
    renewAt: Math.min(phase.sentAt + timing.renewEvery, confirmAt),
    isSuspect: false,
    predecessor: undefined,
  };
  enter(turn, {
    kind: 'claiming',
    hold,
    isRaised: false,
    anchorAt: now,
    actAt: now + duration,
    readBackAt: confirmAt,
    waitReason,
  });
  if (waitReason !== undefined) emit(turn, { kind: 'waiting', reason: waitReason, epoch, duration });
}

/** Sends what is due; begins the term when nothing is left to wait for. */
export function advanceHolder(turn: Turn): void {
  const { now } = turn.moment;
  const { phase } = turn.state;
  const hold = holdOf(phase);
  if (hold === undefined) return;
  if (turn.state.lockCall === undefined && now >= hold.renewAt)
    callStore(turn, { op: 'renew', nonce: hold.nonce, epoch: hold.epoch }, hold.validUntil);
  if (phase.kind !== 'claiming') return;
  if (!phase.isRaised) {
    if (turn.state.anchorCall === undefined && now >= phase.anchorAt) callAnchor(turn, { op: 'read-anchor' });
  } else if (now >= phase.actAt && !hold.isSuspect && phase.readBackAt === Infinity) {
    const { lock } = turn.state;
    const previous = lock?.kind === 'held' ? lock.holder : lock?.lastHolder;
    change(turn, { lock: undefined, strangerGoneAt: undefined });
    enter(turn, { kind: 'leading', hold });
    turn.effects.push({ kind: 'start-term', hold });
    emit(turn, {
      kind: 'leader-elected',
      epoch: hold.epoch,
      ...(previous === undefined ? {} : { previous }),
    });
    if (now < turn.state.asideUntil) beginDrain(turn, hold);
  }
}

/** V moves only on a success; an error or a timeout spends the time that is left. */
export function onRenewed(turn: Turn, hold: Hold, call: Call, reply: RenewReply): void {
  const { now, uniform } = turn.moment;
  const { timing } = turn.config;
  switch (reply.kind) {
    case 'ok':
      change(turn, { clock: { now: call.sentAt, wall: call.sentWall } });
      noteReadBack(turn, call);
      return changeHold(turn, {
        ...hold,
        validUntil: Math.max(hold.validUntil, validUntil(call.sentAt, timing)),
        renewAt: Math.min(call.sentAt + timing.renewEvery, readBackAt(turn)),
        isSuspect: false,
      });
    case 'lost':
      return lose(turn, 'NotOurs');
    case 'unavailable':
      return changeHold(turn, { ...hold, renewAt: now + retryDelay(uniform) });
  }
}

function noteReadBack(turn: Turn, call: Call): void {
  const { phase } = turn.state;
  if (phase.kind === 'claiming' && call.sentAt >= phase.readBackAt)
    enter(turn, { ...phase, readBackAt: Infinity });
}

function readBackAt({ state: { phase } }: Turn): Instant {
  return phase.kind === 'claiming' ? phase.readBackAt : Infinity;
}

/** What the anchor holds decides whether the epoch won may be used. */
export function onClaimRead(turn: Turn, phase: Claiming, reply: AnchorView): void {
  const { now, uniform } = turn.moment;
  const { hold } = phase;
  switch (reply.kind) {
    case 'unavailable':
      return enter(turn, { ...phase, anchorAt: now + retryDelay(uniform) });
    case 'refused':
      refuse(turn, reply.cause);
      return follow(turn, now + turn.config.timing.ttl);
    case 'absent':
      return raise(turn, phase, undefined, undefined);
    case 'present':
      if (reply.record.nonce === hold.nonce) return confirmRaised(turn, phase);
      if (reply.record.epoch >= hold.epoch) return outrank(turn, reply.record.epoch);
      return raise(turn, phase, reply.record, reply.version);
  }
}

/** An unknown outcome or a conflict is cleared up by reading again: our own nonce there means that it was written. */
export function onRaised(turn: Turn, phase: Claiming, reply: RaiseReply): void {
  const { now, uniform } = turn.moment;
  switch (reply.kind) {
    case 'raised':
      return confirmRaised(turn, phase);
    case 'conflict':
      return enter(turn, { ...phase, anchorAt: now });
    case 'unavailable':
      return enter(turn, { ...phase, anchorAt: now + retryDelay(uniform) });
    case 'refused':
      refuse(turn, reply.cause);
      return follow(turn, now + turn.config.timing.ttl);
  }
}

/** The anchor changed. Older records than our own are echoes of the past. */
export function onAnchorSeen(turn: Turn, record: AnchorRecord): void {
  const hold = holdOf(turn.state.phase);
  if (hold === undefined || record.epoch >= hold.epoch) sawAnchor(turn, record);
  if (hold === undefined || record.nonce === hold.nonce) return;
  if (record.epoch >= hold.epoch) outrank(turn, record.epoch);
}

/** Somebody with an epoch at least as high acts, so we must not. The lock is left to its TTL. */
export function outrank(turn: Turn, epoch: Epoch): void {
  const { phase } = turn.state;
  sawEpoch(turn, epoch);
  if (phase.kind === 'claiming')
    emit(turn, { kind: 'claim-abandoned', epoch: phase.hold.epoch, anchorEpoch: epoch });
  lose(turn, 'Outranked');
}

/** The hold is over without a release. */
export function lose(turn: Turn, reason: LossReason): void {
  const { phase } = turn.state;
  const hold = holdOf(phase);
  if (hold === undefined) return;
  if (phase.kind !== 'claiming') {
    turn.effects.push({ kind: 'end-term' });
    emit(turn, { kind: 'leadership-lost', epoch: hold.epoch, reason });
  }
  if (phase.kind === 'draining') {
    cancelStoreCall(turn);
    enter(turn, { kind: 'settling' });
  } else follow(turn, turn.moment.now + retryDelay(turn.moment.uniform));
}

/** A pause was noticed: nothing sent before it counts, and nothing may be written until the store has confirmed. */
export function suspect(turn: Turn, hold: Hold): void {
  if (!hold.isSuspect) emit(turn, { kind: 'pause-detected', epoch: hold.epoch });
  cancelStoreCall(turn);
  changeHold(turn, { ...hold, isSuspect: true, renewAt: turn.moment.now });
}

/** Stops: who acted drains and then releases; who only holds the lock leaves it to its TTL, see `step.ts`. */
export function beginStop(turn: Turn): void {
  const { phase } = turn.state;
  change(turn, { isStopping: true });
  switch (phase.kind) {
    case 'leading':
      return beginDrain(turn, phase.hold);
    case 'follower':
    case 'acquiring':
    case 'claiming':
      return finish(turn);
    case 'draining':
    case 'settling':
    case 'releasing':
    case 'stopped':
  }
}

/**
 * A person wants others to lead: a leader hands over as it does when it stops, and then follows. A claim goes on,
 * and is handed over as soon as its term begins: only who acted releases.
 */
export function standAside(turn: Turn, until: Instant): void {
  const { phase } = turn.state;
  change(turn, { asideUntil: until });
  if (phase.kind === 'leading' && turn.moment.now < until) beginDrain(turn, phase.hold);
  if (phase.kind === 'follower') enter(turn, { ...phase, readAt: Math.min(phase.readAt, turn.moment.now) });
}

function beginDrain(turn: Turn, hold: Hold): void {
  enter(turn, { kind: 'draining', hold });
  turn.effects.push({ kind: 'drain' });
  emit(turn, { kind: 'leadership-draining', epoch: hold.epoch });
}

/** After a drain: the end, or a follower again when only the lock was to go to others. */
function endDrain(turn: Turn): void {
  if (turn.state.isStopping) finish(turn);
  else follow(turn, turn.moment.now + turn.config.timing.ttl);
}

/** Nothing guarded is in flight any more, or (not clean) the outcome of something stays unknown. */
export function onDrained(turn: Turn, isClean: boolean): void {
  const { phase } = turn.state;
  if (phase.kind === 'settling') return endDrain(turn);
  if (phase.kind !== 'draining') return;
  const { nonce, epoch } = phase.hold;
  if (!isClean) {
    lose(turn, 'DrainIncomplete');
    return endDrain(turn);
  }
  turn.effects.push({ kind: 'end-term' });
  cancelStoreCall(turn);
  enter(turn, { kind: 'releasing', epoch });
  callStore(turn, { op: 'release', nonce, epoch });
}

/** Asked once: if the answer stays out, the TTL frees the lock. */
export function onReleased(turn: Turn, epoch: Epoch, reply: ReleaseReply): void {
  emit(turn, { kind: 'leadership-released', epoch, confirmed: reply.kind === 'released' });
  endDrain(turn);
}

function finish(turn: Turn): void {
  cancelStoreCall(turn);
  cancelAnchorCall(turn);
  enter(turn, { kind: 'stopped' });
  turn.effects.push({ kind: 'finish' });
}

function raise(
  turn: Turn,
  phase: Claiming,
  before: AnchorRecord | undefined,
  version: string | undefined,
): void {
  const { holder, timing, fingerprint } = turn.config;
  const { hold } = phase;
  const isStoreChanged = before !== undefined && before.fingerprint !== fingerprint;
  const predecessor = isStoreChanged ? before.fingerprint : before?.predecessor;
  const next: Claiming = { ...phase, hold: { ...hold, predecessor } };
  if (isStoreChanged) {
    const duration = Math.max(timing.ttl, before.ttl);
    const actAt = Math.max(phase.actAt, turn.moment.now + duration);
    enter(turn, { ...next, waitReason: 'StoreChanged', actAt });
    emit(turn, { kind: 'waiting', reason: 'StoreChanged', epoch: hold.epoch, duration });
  } else enter(turn, next);
  const record: AnchorRecord = {
    epoch: hold.epoch,
    nonce: hold.nonce,
    holder,
    fingerprint,
    ...(predecessor === undefined ? {} : { predecessor }),
    ttl: timing.ttl,
    storeIdentity: '',
  };
  callAnchor(turn, { op: 'raise-anchor', record, version });
  // Not ahead of a wait: until it is over, somebody else may be acting, and what was read would be past.
  if (!isStoreChanged && phase.actAt <= turn.moment.now) turn.effects.push({ kind: 'prepare-term' });
}

function confirmRaised(turn: Turn, phase: Claiming): void {
  cancelAnchorCall(turn);
  change(turn, { anchor: { kind: 'usable', retryAt: Infinity, refusals: 0 }, isAnchorOurs: true });
  enter(turn, { ...phase, isRaised: true });
}

function changeHold(turn: Turn, hold: Hold): void {
  const { phase } = turn.state;
  if (phase.kind === 'claiming' || phase.kind === 'leading' || phase.kind === 'draining')
    enter(turn, { ...phase, hold });
}
