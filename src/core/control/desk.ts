/**
 * What the leader answers to records that are about no workload: nodes that a person says are off, and the move of
 * leadership. And who stands aside because of them. Pure: each answer is the new text of one entry.
 */
import type { NodeFacts } from '../reconcile/node-facts.ts';
import { SECOND, type Duration, type WallTime } from '../time.ts';
import { DRAINED, FENCED, LEADER_REQUEST } from './entries.ts';
import { readTime } from './json-record.ts';
import { findBreach, readNodeFence } from './node-fence.ts';
import { endOfRequest, readRequest, type Request } from './request.ts';

export type ControlData = Readonly<Record<string, string>>;

/** One record of the ConfigMap gets a new text, and this is told to people. */
export interface Answer {
  readonly entry: string;
  readonly text: string;
  readonly told: Told;
}

/** What was asked, by whom, and what became of it. */
export interface Told {
  /** `node/NAME`, `leader`, or the key of a workload. */
  readonly subject: string;
  readonly action: string;
  readonly state: string;
  readonly by: string;
  readonly reason: string;
  readonly result: string;
}

export interface DeskFacts {
  readonly term: number;
  /** The configured id of this controller. */
  readonly id: string;
  readonly wall: WallTime;
  readonly nodeOf: (name: string) => NodeFacts;
}

/** At least this long a candidate that is not meant leaves the lock to the one that is. */
export const STAND_ASIDE: Duration = 15 * SECOND;

export function answerControl(data: ControlData, facts: DeskFacts): readonly Answer[] {
  return Object.entries(data).flatMap(([entry, text]) => {
    if (entry.startsWith(FENCED)) return answerFence(entry, text, facts);
    return entry === LEADER_REQUEST ? answerFailover(entry, text, facts) : [];
  });
}

function answerFence(entry: string, text: string, { term, nodeOf }: DeskFacts): readonly Answer[] {
  const fence = readNodeFence(text);
  if ('fault' in fence || fence.state === 'void') return [];
  const breach = findBreach(fence, nodeOf(fence.node));
  if (fence.state === 'accepted' && breach === undefined) return [];
  const [state, result] =
    breach === undefined
      ? (['accepted', `frees ${fence.pods.length} pod(s)`] as const)
      : (['void', `${breach}: the word that it is off counts no more`] as const);
  const { by, reason, node } = fence;
  return [
    {
      entry,
      text: JSON.stringify({ ...fence, state, term: String(term), result }),
      told: { subject: `node/${node}`, action: 'fence', state, by, reason, result },
    },
  ];
}

function answerFailover(entry: string, text: string, facts: DeskFacts): readonly Answer[] {
  const request = readRequest(text);
  if ('fault' in request) return [];
  const next = settleFailover(request, facts);
  if (next === undefined) return [];
  const { by, reason, state = '', result = '' } = next;
  return [
    {
      entry,
      text: JSON.stringify(next),
      told: { subject: 'leader', action: 'failover', state, by, reason, result },
    },
  ];
}

/** Accepted in one term, done in a later one: whoever leads then says so. */
function settleFailover(request: Request, { term, id, wall }: DeskFacts): Request | undefined {
  const { state, to } = request;
  const marks = { term: String(term), answeredAt: new Date(wall).toISOString() };
  if (state === 'accepted' && Number(request.term) < term) {
    const isMeant = to === undefined || to === id;
    const result = `${id} leads in term ${term}${isMeant ? '' : `; ${to} did not take the lock`}`;
    return { ...request, state: isMeant ? 'done' : 'refused', result };
  }
  if (state !== undefined) return undefined;
  const refuse = (result: string): Request => ({ ...request, ...marks, state: 'refused', result });
  if (request.action !== 'failover') return refuse(`${request.action} cannot be asked of the leader`);
  if (wall >= endOfRequest(request)) return refuse('it had expired before anybody took it up');
  if (to === id) return refuse(`${id} leads already`);
  return { ...request, ...marks, state: 'accepted', from: id, result: `${id} hands over` };
}

/**
 * How long from now this controller leaves the lock to others; 0: it does not. Infinity: until it is undrained. Clocks of
 * other machines are not trusted for longer than `STAND_ASIDE`.
 */
export function standAside(data: ControlData, { id, wall }: Pick<DeskFacts, 'id' | 'wall'>): Duration {
  if (data[`${DRAINED}${id}`] !== undefined) return Infinity;
  const text = data[LEADER_REQUEST];
  const request = text === undefined ? undefined : readRequest(text);
  if (request === undefined || 'fault' in request || request.state !== 'accepted') return 0;
  const { to, from, answeredAt = '' } = request;
  const isConcerned = to === undefined ? from === id : to !== id;
  const left = (readTime(answeredAt) ?? 0) + STAND_ASIDE - wall;
  return isConcerned ? Math.min(STAND_ASIDE, Math.max(0, left)) : 0;
}
