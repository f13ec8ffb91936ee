/** A pause: nothing of the workload is started, stopped or changed until it ends. A lasting record, written by people. */
import { readJsonObject, readTime, type Fault } from './json-record.ts';
import type { WallTime } from '../time.ts';

export interface Pause {
  readonly reason: string;
  /** Who asked, as stated by whoever wrote the record. Empty: not stated. */
  readonly by: string;
  /** RFC 3339. */
  readonly since?: string;
  /** RFC 3339; absent: until somebody resumes it. */
  readonly until?: string;
}

/** The pause in a text, or what is wrong with the text: then it has no effect. */
export function readPause(text: string): Pause | Fault {
  const fields = readJsonObject(text, { reason: true, by: false, since: false, until: false });
  if ('fault' in fields) return fields;
  const { reason = '', by = '', since, until } = fields;
  if (reason.trim() === '') return { fault: 'reason is empty; say why' };
  for (const [name, time] of Object.entries({ since, until }))
    if (time !== undefined && readTime(time) === undefined)
      return { fault: `${name} ${JSON.stringify(time)} is not a time such as 2026-11-22T16:00:00Z` };
  return {
    reason,
    by,
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

/** When it ends by itself; Infinity if it does not. */
export function endOfPause({ until }: Pause): WallTime {
  return (until === undefined ? undefined : readTime(until)) ?? Infinity;
}

/** The pause that lasts longest. */
export function longestPause(pauses: readonly Pause[]): Pause | undefined {
  return pauses.toSorted((a, b) => endOfPause(b) - endOfPause(a))[0];
}
