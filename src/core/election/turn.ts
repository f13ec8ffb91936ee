/**
 * One step in the making: the state so far and the effects so far. It lives inside one call of `step`, so that call
 * stays a pure function of its arguments.
 */
import type { ElectionEvent } from './events.ts';
import { isOutlived } from './holder-name.ts';
import { isHoldOf, type AnchorRecord, type Epoch, type LockView } from './record.ts';
import type {
  AnchorAnswer,
  Effect,
  ElectionConfig,
  ElectionState,
  LockAnswer,
  Moment,
  Phase,
  Request,
} from './state.ts';
import {
  expiryJitter,
  FOLLOWER_ASK_INTERVAL,
  pollEvery,
  releaseJitter,
  STORE_CHANGE_YIELD,
  STRANGER_ABSENCE,
  STRANGER_SLACK,
} from './timing.ts';
import type { Instant } from '../time.ts';
import { restOf } from './state.ts';

export interface Turn {
  state: ElectionState;
  readonly effects: Effect[];
  readonly moment: Moment;
  readonly config: ElectionConfig;
}

export function emit(turn: Turn, event: ElectionEvent): void {
  turn.effects.push({ kind: 'emit', event });
}

export function change(turn: Turn, fields: Partial<ElectionState>): void {
  turn.state = { ...turn.state, ...fields };
}

/** Moves to a phase; `since` moves only with the kind of phase. */
export function enter(turn: Turn, phase: Phase): void {
  const isNewRole = phase.kind !== turn.state.phase.kind;
  change(turn, isNewRole ? { phase, since: turn.moment.now } : { phase });
}

export function sawEpoch(turn: Turn, epoch: Epoch): void {
  if (epoch > turn.state.seen) change(turn, { seen: epoch });
}

/**
 * What the anchor holds. Whoever saw our store there before and sees another one now was there first: it yields to those
 * that came later with the new store.
 */
export function sawAnchor(turn: Turn, { epoch, fingerprint }: AnchorRecord): void {
  sawEpoch(turn, epoch);
  const isOurs = fingerprint === turn.config.fingerprint;
  if (turn.state.isAnchorOurs && !isOurs) {
    change(turn, { yieldUntil: turn.moment.now + STORE_CHANGE_YIELD });
    emit(turn, { kind: 'store-replaced', epoch, duration: STORE_CHANGE_YIELD });
  }
  change(turn, { isAnchorOurs: isOurs });
}

/** Sends on the lock's lane, which must be free. S is the present instant: before the request leaves. */
export function callStore(
  turn: Turn,
  request: Extract<Request, { op: LockAnswer['op'] }>,
  latest: Instant = Infinity,
): void {
  const { now, wall } = turn.moment;
  const id = turn.state.nextId;
  const deadline = Math.min(now + turn.config.timing.opTimeout, latest);
  change(turn, { nextId: id + 1, lockCall: { id, op: request.op, sentAt: now, sentWall: wall, deadline } });
  if (request.op === 'acquire' || request.op === 'read')
    change(turn, { lastAskedAt: now, isReleaseHinted: false });
  turn.effects.push({ kind: 'call', id, request });
}

/** Sends on the anchor's lane, which must be free. */
export function callAnchor(turn: Turn, request: Extract<Request, { op: AnchorAnswer['op'] }>): void {
  const { now, wall } = turn.moment;
  const id = turn.state.nextId;
  const deadline = now + turn.config.timing.opTimeout;
  change(turn, { nextId: id + 1, anchorCall: { id, op: request.op, sentAt: now, sentWall: wall, deadline } });
  turn.effects.push({ kind: 'call', id, request });
}

export function cancelStoreCall(turn: Turn): void {
  const call = turn.state.lockCall;
  if (call === undefined) return;
  change(turn, { lockCall: undefined });
  turn.effects.push({ kind: 'cancel', id: call.id });
}

export function cancelAnchorCall(turn: Turn): void {
  const call = turn.state.anchorCall;
  if (call === undefined) return;
  change(turn, { anchorCall: undefined });
  turn.effects.push({ kind: 'cancel', id: call.id });
}

/** Forgets what the phase before had asked for and follows, trying the lock at `tryAt`. Nothing is released. */
export function follow(turn: Turn, tryAt: Instant): void {
  cancelStoreCall(turn);
  if (turn.state.phase.kind === 'claiming') cancelAnchorCall(turn);
  const readAt = turn.state.isSubscribed ? Infinity : turn.moment.now + pollEvery(turn.config.timing);
  enter(turn, { kind: 'follower', tryAt, readAt });
}

/** Follows by what the store just said about the lock. */
export function followBy(turn: Turn, view: LockView): void {
  const { now, uniform } = turn.moment;
  noteLock(turn, view);
  noteOutlived(turn, view);
  const { isReleaseHinted } = turn.state;
  if (view.kind === 'held') {
    if (isHoldOf(turn.state.dead, view) && canContend(turn))
      return follow(turn, Math.max(now, takeableAt(turn)));
    // A stranger neither announces its release nor lets the lock run out while it lives: it is looked at.
    const rest = view.nonce === undefined ? Math.min(view.remaining, FOLLOWER_ASK_INTERVAL) : view.remaining;
    return follow(turn, now + (isReleaseHinted ? releaseJitter(uniform) : rest + expiryJitter(uniform)));
  }
  return follow(
    turn,
    canContend(turn)
      ? Math.max(now, takeableAt(turn))
      : now + restOf(turn.state, turn.config, pollEvery(turn.config.timing)),
  );
}

/** From when on the lock may be taken, if it is still absent then. Where no stranger is connected, none can delete it. */
export function takeableAt({ state: { strangerGoneAt, lock, yieldUntil } }: Turn): Instant {
  if (strangerGoneAt === undefined || (lock?.kind === 'free' && lock.isAlone === true)) return yieldUntil;
  return Math.max(strangerGoneAt + STRANGER_ABSENCE, yieldUntil);
}

/** Whether this process may try to take the lock. */
export function canContend(turn: Turn): boolean {
  const { anchor, asideUntil } = turn.state;
  return !turn.config.remainsFollower && anchor.kind === 'usable' && turn.moment.now >= asideUntil;
}

function noteLock(turn: Turn, view: LockView): void {
  const before = turn.state.lock;
  sawEpoch(turn, view.epoch);
  change(turn, {
    lock: view,
    strangerGoneAt: absentSince(turn, view),
    strangerUntil: endOfStranger(turn, view),
  });
  const holder = view.kind === 'held' ? view.holder : undefined;
  const holderBefore = before?.kind === 'held' ? before.holder : undefined;
  if (before === undefined ? holder === undefined : holder === holderBefore && view.epoch === before.epoch)
    return;
  emit(turn, { kind: 'holder-changed', epoch: view.epoch, ...(holder === undefined ? {} : { holder }) });
}

/** An earlier process of our own container is dead. */
function noteOutlived(turn: Turn, view: LockView): void {
  if (view.kind !== 'held' || view.nonce === undefined) return;
  const { nonce, epoch, holder } = view;
  if (!isOutlived(turn.config.holder, holder) || isHoldOf(turn.state.dismissed, view)) return;
  change(turn, { dead: { nonce, epoch } });
}

function absentSince({ state, moment }: Turn, view: LockView): Instant | undefined {
  if (view.kind === 'held') return view.nonce === undefined ? Infinity : undefined;
  return state.strangerGoneAt === Infinity ? moment.now : state.strangerGoneAt;
}

function endOfStranger({ state: { strangerUntil }, moment }: Turn, view: LockView): Instant | undefined {
  if (view.kind === 'held' && view.isStranger === true) return moment.now + view.remaining;
  const isReleased = strangerUntil !== undefined && moment.now < strangerUntil - STRANGER_SLACK;
  return isReleased ? undefined : strangerUntil;
}

/** The lock store answered, or did not; told once per change. Between two answers nobody knows who came and went. */
export function noteStore(turn: Turn, reply: LockAnswer['reply']): void {
  const { store } = turn.state;
  if (reply.kind === 'unavailable' && turn.state.strangerGoneAt !== undefined)
    change(turn, { strangerGoneAt: Infinity });
  if (reply.kind !== 'unavailable') {
    if (!store.up) {
      change(turn, { store: { up: true } });
      emit(turn, { kind: 'store-recovered' });
    }
  } else if (store.up) {
    change(turn, { store: { up: false, cause: reply.cause, since: turn.moment.now } });
    emit(turn, { kind: 'store-unreachable', cause: reply.cause });
  }
}
