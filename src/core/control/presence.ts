/**
 * How a candidate for leadership says that it is there: an annotation of a Lease that all candidates of a tenant share and
 * watch. For people only; no decision looks at it. Refreshed slowly, and soon after a change of leader, so that it costs
 * next to nothing and still says which leader and term each of them believes in.
 */
import { MINUTE, SECOND, type Duration, type WallTime } from '../time.ts';
import { readJsonObject, readTime } from './json-record.ts';

/** Between two refreshes. */
export const PRESENCE_REFRESH: Duration = MINUTE;
/** Without a refresh for so long nothing is known of a candidate: two were missed. */
export const PRESENCE_UNKNOWN_AFTER: Duration = 150 * SECOND;
/** Then it is forgotten. */
export const PRESENCE_FORGOTTEN_AFTER: Duration = 10 * MINUTE;

/** What a candidate says of itself. */
export interface Presence {
  /** The configured id. */
  readonly id: string;
  /** The name under which it holds the lock when it does. */
  readonly holder: string;
  readonly cluster: string;
  readonly version: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** The holder of the lock as it sees it: empty when it sees none, absent when it cannot tell. */
  readonly leader?: string;
  readonly term: number;
  /** RFC 3339, by its own clock. */
  readonly at: string;
}

/** A candidate as another process knows it. */
export interface Candidate {
  readonly presence: Presence;
  /** When it was heard from, by the clock of the one who heard it. */
  readonly lastSeen: WallTime;
}

/** Undefined for a text that is none. */
export function readPresence(text: string): Presence | undefined {
  const fields = readJsonObject(text, {
    id: true,
    holder: true,
    cluster: true,
    version: true,
    startedAt: true,
    leader: false,
    term: true,
    at: true,
  });
  if ('fault' in fields) return undefined;
  const { id = '', holder = '', cluster = '', version = '', startedAt = '', leader, at = '' } = fields;
  const term = /^\d{1,15}$/.test(fields.term ?? '') ? Number(fields.term) : undefined;
  if (id === '' || term === undefined || readTime(at) === undefined || readTime(startedAt) === undefined)
    return undefined;
  return { id, holder, cluster, version, startedAt, term, at, ...(leader === undefined ? {} : { leader }) };
}

export function formatPresence({ term, ...texts }: Presence): string {
  return JSON.stringify({ ...texts, term: String(term) });
}

/** Whether the two say the same about who leads. */
export function seesTheSame(
  one: Pick<Presence, 'leader' | 'term'>,
  other: Pick<Presence, 'leader' | 'term'>,
): boolean {
  return one.leader === other.leader && one.term === other.term;
}
