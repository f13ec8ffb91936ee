/**
 * Something to be done once: a restart, a planned move of leadership, a run between the ticks. Whoever leads writes into the
 * record what became of it, so that it is carried out once, whoever leads in the end.
 */
import { readJsonObject, readTime, type Fault } from './json-record.ts';
import { MINUTE, type Duration, type WallTime } from '../time.ts';

export type RequestState = 'accepted' | 'done' | 'refused';

export interface Request {
  /** Chosen by whoever asks; unique. */
  readonly id: string;
  readonly action: string;
  readonly by: string;
  readonly reason: string;
  /** RFC 3339. */
  readonly at: string;
  readonly expires?: string;
  /** `failover`: the id of the controller that is to lead. */
  readonly to?: string;
  /** Absent: nobody has taken it up yet. */
  readonly state?: RequestState;
  /** `restart`: what it was bound to when it was accepted, a pod uid, or empty when there was no instance. */
  readonly podUid?: string;
  /** Of whoever accepted it, with the id and the time. */
  readonly term?: string;
  readonly from?: string;
  readonly answeredAt?: string;
  /** What became of it, for people. */
  readonly result?: string;
}

/** What the leader writes into the record. */
export type RequestChange = Pick<Request, 'state' | 'podUid' | 'result'>;

/** How long a request waits to be taken up, unless it says otherwise. */
const USUAL_LIFE: Duration = 10 * MINUTE;

export function readRequest(text: string): Request | Fault {
  const fields = readJsonObject(text, {
    id: true,
    action: true,
    by: false,
    reason: false,
    at: true,
    expires: false,
    to: false,
    state: false,
    podUid: false,
    term: false,
    from: false,
    answeredAt: false,
    result: false,
  });
  if ('fault' in fields) return fields;
  const { id = '', action = '', by = '', reason = '', at = '', state, ...rest } = fields;
  if (id === '') return { fault: 'id is empty' };
  if (readTime(at) === undefined) return { fault: 'at is not a time such as 2026-11-22T16:00:00Z' };
  if (state !== undefined && state !== 'accepted' && state !== 'done' && state !== 'refused')
    return { fault: `state ${JSON.stringify(state)} is unknown` };
  return { ...rest, id, action, by, reason, at, ...(state === undefined ? {} : { state }) };
}

/** When it is too late to take it up. */
export function endOfRequest({ at, expires }: Request): WallTime {
  const given = expires === undefined ? undefined : readTime(expires);
  return given ?? (readTime(at) ?? 0) + USUAL_LIFE;
}

/** Nothing is left to do about it. */
export function isSettled({ state }: Request): boolean {
  return state === 'done' || state === 'refused';
}

/** The request in the record that stands in the way of another one: it is taken up, or may still be. */
export function findOpen(present: string | undefined, now: WallTime): Request | undefined {
  const earlier = present === undefined ? undefined : readRequest(present);
  if (earlier === undefined || 'fault' in earlier || isSettled(earlier)) return undefined;
  return earlier.state !== undefined || now < endOfRequest(earlier) ? earlier : undefined;
}

/** For whoever asked second. */
export function explainOpen({ action, at, by }: Request): string {
  return `${action} was asked for at ${at} by ${by || 'somebody'} and is not done yet`;
}
