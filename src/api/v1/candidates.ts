/** The candidates: this process, those that say they are there, and the holder of the lock if it is none of them. */
import { PRESENCE_UNKNOWN_AFTER, type Candidate } from '../../core/control/presence.ts';
import { SECOND, type Duration } from '../../core/time.ts';
import { apiTime, instant, plainId, type Identity, type State } from './facts.ts';
import { mapLeader, storeProblem } from './leader.ts';
import type { Controller, Disagreement } from './schema/state.ts';

/** Others learn of a change of leader, and say so, a few seconds after this process: until then they are not asked. */
const SETTLED_AFTER: Duration = 10 * SECOND;

export function mapControllers(identity: Identity, state: State): Controller[] {
  const leader = mapLeader(identity, state);
  const self: Controller = {
    id: identity.id,
    role: state.election?.role ?? 'starting',
    cluster: identity.cluster,
    version: identity.version,
    isSelf: true,
    sees: { leader: leader.id, term: leader.term },
    startedAt: instant(identity.startedAt),
    lastSeen: null,
    ready: state.notReady === undefined ? 'true' : 'false',
    notReadyBecause: state.notReady ?? null,
    unknownBecause: null,
  };
  const others = othersOf(identity, state).map((candidate) => mapCandidate(candidate, state));
  const holder = storeProblem(state) === undefined ? state.election?.holder : undefined;
  const isListed =
    holder === undefined ||
    holder === identity.holder ||
    state.candidates.some(({ presence }) => presence.holder === holder);
  return [self, ...others, ...(isListed ? [] : [mapHolder(plainId(holder))])];
}

/** By id. Another process with the id of this one is another candidate. */
function othersOf(identity: Identity, { candidates }: State): readonly Candidate[] {
  return candidates
    .filter(({ presence }) => presence.holder !== identity.holder)
    .toSorted((a, b) => (a.presence.id < b.presence.id ? -1 : 1));
}

function mapCandidate({ presence, lastSeen }: Candidate, state: State): Controller {
  const { id, cluster, version, leader, term, startedAt, holder } = presence;
  const shown = {
    id,
    isSelf: false,
    lastSeen: instant(lastSeen),
    ready: 'unknown',
    notReadyBecause: null,
  } as const;
  const because = whyUnheard({ presence, lastSeen }, state);
  if (because !== undefined)
    return {
      ...shown,
      role: 'unknown',
      cluster,
      version: 'unknown',
      sees: null,
      startedAt: null,
      unknownBecause: because,
    };
  const isHolder = storeProblem(state) === undefined && state.election?.holder === holder;
  return {
    ...shown,
    role: isHolder || leader === holder ? 'leading' : 'follower',
    cluster,
    version,
    sees: { leader: leader === undefined ? 'unknown' : plainId(leader) || null, term },
    startedAt: apiTime(startedAt),
    unknownBecause: null,
  };
}

/** Why what a candidate said counts no more, or undefined. */
function whyUnheard({ presence, lastSeen }: Candidate, { clusterProblem, wall }: State): string | undefined {
  if (clusterProblem !== undefined) return clusterProblem;
  if (wall - lastSeen < PRESENCE_UNKNOWN_AFTER) return undefined;
  return `not heard from since ${instant(lastSeen)}; its version was ${presence.version}`;
}

function mapHolder(id: string): Controller {
  return {
    id,
    role: 'unknown',
    cluster: 'unknown',
    version: 'unknown',
    isSelf: false,
    sees: null,
    startedAt: null,
    lastSeen: null,
    ready: 'unknown',
    notReadyBecause: null,
    unknownBecause: 'it holds the lock, and has not said more yet',
  };
}

/** Who sees another leader or term than this process does; undefined: that cannot be told. */
export function mapDisagreement(identity: Identity, state: State): readonly Disagreement[] | undefined {
  const own = mapLeader(identity, state);
  if (own.unknownBecause !== null || own.term === null || state.clusterProblem !== undefined)
    return undefined;
  const changedAt = state.leadership.changes.at(-1)?.at ?? -Infinity;
  return othersOf(identity, state).flatMap((candidate) => {
    const { leader, term, id } = candidate.presence;
    const isHeard =
      whyUnheard(candidate, state) === undefined && candidate.lastSeen > changedAt + SETTLED_AFTER;
    if (!isHeard || leader === undefined) return [];
    const seen = plainId(leader) || null;
    return seen === own.id && term === own.term ? [] : [{ id, leader: seen, term }];
  });
}
