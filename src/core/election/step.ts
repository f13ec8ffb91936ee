/**
 * The election of one leader, as a pure function. It does no I/O and reads no clock: what must be sent, started or told
 * comes back as effects, to be carried out in order.
 *
 * A **follower** watches. It reads the anchor once, because only who can read it may contend, and from then on knows a
 * floor for the epoch. Notifications are hints; the truth is a timer aimed at the moment at which the store said the
 * lock would expire. When the lock may be free it becomes **acquiring**: one request with a new nonce. If the outcome is
 * unknown it reads the lock; its own nonce there means that it was granted, and validity counts from the *first*
 * request. Anything else makes it a follower again.
 *
 * Where it is proven that the holder is dead, because this process runs in its container after it (`holder-name.ts`), the
 * lock need not run out: it is taken from the dead one, and from no other, with a new epoch (`supersedes`).
 *
 * Where programs of another kind share the lock, one of them may delete what it finds just after its own release. So
 * unless the last lock seen was one of ours, it is taken only after it was absent for two seconds, and the winner acts
 * only after a renewal sent one second later has confirmed it. Neither is waited for where the store saw, while the lock was
 * absent and again after granting it, that no program of another kind is connected: then there is nobody to delete it. A stranger's lock that was not released but ran out belonged to a process that died, or
 * that hangs and works on in another cluster: the winner does not act until a minute after its end.
 *
 * Who holds the lock renews it every R, in every phase until it lets go. Each renewal is bounded; one that the store
 * confirms moves V to `S + 0.88 T` of that renewal, an error only spends time, "not yours" ends the hold at once, and so
 * does the clock reaching V. Answers that come after their deadline, or belong to a request given up, are discarded.
 *
 * The winner is **claiming**: it raises the anchor in the protected cluster to its epoch by compare-and-set, and does
 * not act before. An epoch there that is not below its own means that the store forgot; another fingerprint means that
 * the store was changed. After amnesia it waits one TTL, after a change of store the larger of both. Those that used the
 * store before leave the lock alone meanwhile, or the two sides would outrank each other in turn. Then it is
 * **leading**, until it stops or loses the lock, or sees a higher epoch on the anchor or on a managed object.
 *
 * A graceful stop makes it **draining**: still renewing, still valid for what is in flight, admitting nothing new. After a
 * clean drain it is **releasing** and then **stopped**. If the outcome of one write stays unknown it stops without
 * releasing, and the TTL is the hand-over. A drain whose term ended is **settling**: it only waits for the answer. An
 * involuntary loss deletes nothing and leads back to follower.
 *
 * Only who acted releases. A hold given up while claiming is left to its TTL: the reason to give it up may be that the
 * store forgot an earlier holder, whose own validity ends within that TTL; a release would let the next winner act sooner.
 */
import * as follower from './follower.ts';
import type { Won } from './follower.ts';
import * as holder from './holder.ts';
import { holdOf, nextWake } from './state.ts';
import type {
  AnchorAnswer,
  Answer,
  Call,
  Effect,
  ElectionConfig,
  ElectionState,
  Event,
  LockAnswer,
  Moment,
} from './state.ts';
import { hasClockGap, isTimerLate } from './timing.ts';
import { change, follow, noteStore, sawEpoch } from './turn.ts';
import type { Turn } from './turn.ts';

/** What follows from an event. `wakeAt` is when the next step is due if nothing else happens. */
export interface Step {
  readonly state: ElectionState;
  readonly effects: readonly Effect[];
  readonly wakeAt: number;
}

/** Time first (pauses, deadlines, V), then the event, then whatever is due to be sent. */
export function step(state: ElectionState, event: Event, moment: Moment, config: ElectionConfig): Step {
  const turn: Turn = { state, effects: [], moment, config };
  if (state.phase.kind !== 'stopped') {
    noticePause(turn, event);
    expire(turn);
    apply(turn, event);
    advance(turn);
  }
  return { state: turn.state, effects: turn.effects, wakeAt: nextWake(turn.state, config) };
}

/** A suspended machine or a blocked process: whatever was sent before cannot be dated any more. */
function noticePause(turn: Turn, event: Event): void {
  const { moment, config } = turn;
  const { clock, phase } = turn.state;
  const hold = holdOf(phase);
  const isPaused =
    hasClockGap(moment.wall - clock.wall, moment.now - clock.now, config.timing) ||
    (event.kind === 'wake' && isTimerLate(moment.now - event.due, config.timing));
  if (isPaused || (hold === undefined && phase.kind !== 'acquiring'))
    change(turn, { clock: { now: moment.now, wall: moment.wall } });
  if (!isPaused) return;
  if (hold !== undefined) holder.suspect(turn, hold);
  else if (phase.kind === 'acquiring') follow(turn, moment.now);
}

/** V and the deadlines of requests, in that order: an answer that comes too late must find nobody waiting. */
function expire(turn: Turn): void {
  const { now } = turn.moment;
  const hold = holdOf(turn.state.phase);
  if (hold !== undefined && now >= hold.validUntil) holder.lose(turn, 'Expired');
  for (const call of [turn.state.lockCall, turn.state.anchorCall]) {
    if (call === undefined || now < call.deadline) continue;
    turn.effects.push({ kind: 'cancel', id: call.id });
    const cause = `no answer within ${Math.round(call.deadline - call.sentAt)} ms`;
    onAnswer(turn, call.id, { op: call.op, reply: { kind: 'unavailable', cause } });
  }
}

function apply(turn: Turn, event: Event): void {
  switch (event.kind) {
    case 'started':
    case 'wake':
    case 'pause-suspected':
      return;
    case 'answer':
      return onAnswer(turn, event.id, event.answer);
    case 'hint':
      return follower.onHint(turn, event.hint);
    case 'subscription':
      return follower.onSubscription(turn, event.up);
    case 'anchor-seen':
      return holder.onAnchorSeen(turn, event.record);
    case 'outranked':
      sawEpoch(turn, event.epoch);
      if (holdOf(turn.state.phase)?.nonce === event.nonce) holder.outrank(turn, event.epoch);
      return;
    case 'drained':
      return holder.onDrained(turn, event.isClean);
    case 'stand-aside':
      return holder.standAside(turn, event.until);
    case 'stop':
      return holder.beginStop(turn);
  }
}

/** Only the request that is under way may be answered; anything else is late. */
function onAnswer(turn: Turn, id: number, answer: Answer): void {
  const { lockCall, anchorCall } = turn.state;
  if (answer.op === 'read-anchor' || answer.op === 'raise-anchor') {
    if (anchorCall?.id !== id) return;
    change(turn, { anchorCall: undefined });
    onAnchorAnswer(turn, answer);
  } else {
    if (lockCall?.id !== id) return;
    change(turn, { lockCall: undefined });
    noteStore(turn, answer.reply);
    onLockAnswer(turn, answer, lockCall);
  }
}

function onLockAnswer(turn: Turn, answer: LockAnswer, call: Call): void {
  const { phase } = turn.state;
  const hold = holdOf(phase);
  let won: Won | undefined;
  switch (answer.op) {
    case 'acquire':
      if (phase.kind === 'acquiring') won = follower.onAcquired(turn, phase, answer.reply);
      break;
    case 'read':
      if (phase.kind === 'acquiring') won = follower.onReread(turn, phase, answer.reply);
      else if (phase.kind === 'follower') follower.onLooked(turn, phase, answer.reply);
      break;
    case 'renew':
      if (hold !== undefined) holder.onRenewed(turn, hold, call, answer.reply);
      break;
    case 'release':
      if (phase.kind === 'releasing') holder.onReleased(turn, phase.epoch, answer.reply);
  }
  if (won !== undefined) holder.beginClaim(turn, won);
}

function onAnchorAnswer(turn: Turn, answer: AnchorAnswer): void {
  const { phase } = turn.state;
  if (answer.op === 'read-anchor') {
    if (phase.kind === 'claiming') holder.onClaimRead(turn, phase, answer.reply);
    else follower.onAnchorRead(turn, answer.reply);
  } else if (phase.kind === 'claiming') holder.onRaised(turn, phase, answer.reply);
}

function advance(turn: Turn): void {
  const { phase } = turn.state;
  switch (phase.kind) {
    case 'follower':
      return follower.advanceFollower(turn, phase);
    case 'acquiring':
      return follower.advanceAcquiring(turn, phase);
    case 'claiming':
    case 'leading':
    case 'draining':
      return holder.advanceHolder(turn);
    case 'settling':
    case 'releasing':
    case 'stopped':
  }
}
