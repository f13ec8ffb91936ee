/** Who led and when it changed, as this process saw it: folded from the events of the election, for people only. */
import type { ElectionEvent, LossReason } from './election/events.ts';
import type { WallTime } from './time.ts';

/** Texts of the Go program, which scripts match. `unknown`: seen from outside, where nobody can tell how a term ended. */
export type ChangeReason =
  | 'normal transition'
  | 'leadership lost during renewal'
  | 'leadership taken by another instance'
  | 'unknown';

/** The lock went from one holder to another. */
export interface LeaderChange {
  readonly from: string;
  readonly to: string;
  readonly at: WallTime;
  readonly reason: ChangeReason;
}

export interface Leadership {
  /** The last holder that was seen; it need not hold the lock any more. */
  readonly latest: string | undefined;
  /** The holder before `latest`. */
  readonly previous: string | undefined;
  /** Whether the lock was free, or its holder unknown, when it was last looked at. */
  readonly vacant: boolean;
  readonly reason: ChangeReason | undefined;
  /** The last ones, oldest first. */
  readonly changes: readonly LeaderChange[];
  /** All changes of holder that this process saw. */
  readonly failovers: number;
  /** Terms gained plus terms lost by this process. */
  readonly transitions: number;
  readonly lastTransition: WallTime | undefined;
  /** Since when this process leads. */
  readonly leaderSince: WallTime | undefined;
}

/** Before anything was seen. */
export const NO_LEADERSHIP: Leadership = {
  latest: undefined,
  previous: undefined,
  vacant: true,
  reason: undefined,
  changes: [],
  failovers: 0,
  transitions: 0,
  lastTransition: undefined,
  leaderSince: undefined,
};

const LONGEST_HISTORY = 100;

/** What is known after `event`. `self` is the holder name of this process. */
export function foldLeadership(
  before: Leadership,
  event: ElectionEvent,
  self: string,
  now: WallTime,
): Leadership {
  switch (event.kind) {
    case 'leader-elected': {
      const from = event.previous ?? before.latest;
      return {
        ...take(before, from, self, 'normal transition', now),
        ...transition(before, now),
        leaderSince: now,
      };
    }
    case 'leadership-released':
      return leave(before, self, 'normal transition', now);
    case 'leadership-lost':
      return leave(before, self, LOSS[event.reason], now);
    case 'holder-changed':
      if (event.holder === undefined) return { ...before, vacant: true };
      return take(before, before.latest, event.holder, 'unknown', now);
    case 'leadership-draining':
    case 'store-unreachable':
    case 'store-recovered':
    case 'anchor-refused':
    case 'anchor-recovered':
    case 'waiting':
    case 'pause-detected':
    case 'claim-abandoned':
    case 'store-replaced':
      return before;
  }
}

const LOSS: Readonly<Record<LossReason, ChangeReason>> = {
  NotOurs: 'leadership taken by another instance',
  Outranked: 'leadership taken by another instance',
  Expired: 'leadership lost during renewal',
  DrainIncomplete: 'normal transition',
};

function take(
  before: Leadership,
  from: string | undefined,
  to: string,
  reason: ChangeReason,
  at: WallTime,
): Leadership {
  const seen = { ...before, latest: to, vacant: false };
  if (from === undefined || from === to) return seen;
  return {
    ...seen,
    previous: from,
    reason,
    failovers: before.failovers + 1,
    changes: [...before.changes, { from, to, at, reason }].slice(-LONGEST_HISTORY),
  };
}

function leave(before: Leadership, self: string, reason: ChangeReason, now: WallTime): Leadership {
  return {
    ...before,
    ...transition(before, now),
    latest: self,
    vacant: true,
    reason,
    leaderSince: undefined,
  };
}

function transition(before: Leadership, now: WallTime): Pick<Leadership, 'transitions' | 'lastTransition'> {
  return { transitions: before.transitions + 1, lastTransition: now };
}
