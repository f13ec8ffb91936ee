/** How a reason feels to a person: the one table behind colours, alerts and log levels. */
import type { Reason } from './verdict.ts';

/** `held`: kept as it is because somebody asked for it. `busy` passes by itself in the normal course of things; `bad` wants somebody to look. */
export type Tone = 'ok' | 'held' | 'busy' | 'bad';

export const TONE: Readonly<Record<Reason, Tone>> = {
  Active: 'ok',
  Completed: 'ok',
  Standby: 'held',
  Paused: 'held',
  Starting: 'busy',
  WaitingForDependency: 'busy',
  AwaitingPermit: 'busy',
  WaitingForOldInstance: 'busy',
  Removed: 'busy',
  StopTimedOut: 'bad',
  NodeUnreachable: 'bad',
  Unschedulable: 'bad',
  ImagePullFailed: 'bad',
  CrashLoop: 'bad',
  MaxRestartsExceeded: 'bad',
  Failed: 'bad',
  ForeignOwner: 'bad',
  QuotaExceeded: 'bad',
  InvalidSpec: 'bad',
  ImmutableField: 'bad',
};

/** Every reason. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of a record over a union are its members
export const REASONS = Object.keys(TONE) as readonly Reason[];
