/** Who leads and the store: what one process knows of them, and what it does not. */
import { instant, plainId, type Identity, type State } from './facts.ts';
import type { Leader, ObservedBy, Store } from './schema/state.ts';

export function mapObserver({ id }: Identity, { election }: State): ObservedBy {
  return { id, role: election?.role ?? 'starting' };
}

/** Why nothing is known from the store, or undefined. */
export function storeProblem({ election, isStoreUp }: State): string | undefined {
  if (election === undefined) return 'the election has not begun yet';
  if (!election.store.up) return election.store.cause;
  return isStoreUp ? undefined : 'the lock store has not answered yet';
}

export function mapLeader(identity: Identity, state: State): Leader {
  const { election, isLeader, leadership } = state;
  const because = isLeader ? undefined : storeProblem(state);
  const holder = election?.holder;
  const isOwn = holder === identity.holder;
  const id = because !== undefined ? 'unknown' : holder === undefined ? null : plainId(holder);
  const waiting = election?.waiting;
  return {
    id,
    isSelf: isLeader,
    term: election === undefined || (because !== undefined && election.epoch === 0) ? null : election.epoch,
    since: because === undefined ? instant(sinceOf(state, isOwn)) : null,
    cluster: isOwn && because === undefined ? identity.cluster : null,
    lease: { ttlMs: identity.ttl, ...mapLease(identity, state, because !== undefined) },
    waiting:
      waiting === undefined
        ? null
        : { reason: waiting.reason, until: instant(state.wall + waiting.until - state.now) ?? '' },
    last: id === null && leadership.latest !== undefined ? plainId(leadership.latest) : null,
    unknownBecause: because ?? null,
  };
}

function sinceOf({ leadership, isLeader }: State, isOwn: boolean): number | undefined {
  if (isLeader || isOwn) return leadership.leaderSince;
  // Another leads: since the change that this process saw, if it saw one.
  const last = leadership.changes.at(-1);
  return leadership.vacant || last?.to !== leadership.latest ? undefined : last?.at;
}

function mapLease(
  { ttl }: Identity,
  { election, isLeader, now }: State,
  isUnknown: boolean,
): Pick<Leader['lease'], 'state' | 'remainingMs'> {
  const until = election?.validUntil;
  if (until !== undefined) {
    const remainingMs = Math.max(0, Math.round(until - now));
    const state = !isLeader || remainingMs === 0 ? 'lost' : remainingMs < ttl / 4 ? 'late' : 'ok';
    return { state, remainingMs };
  }
  if (isUnknown) return { state: 'unknown', remainingMs: null };
  return { state: election?.holder === undefined ? 'free' : 'held', remainingMs: null };
}

export function mapStore({ storeKind, storeAddress }: Identity, state: State): Store {
  const { election } = state;
  const down = election?.store.up === false ? election.store : undefined;
  const because = storeProblem(state);
  return {
    kind: storeKind,
    address: storeAddress,
    up: down !== undefined ? 'false' : because === undefined ? 'true' : 'unknown',
    since: down === undefined ? null : instant(state.wall + down.since - state.now),
    failures: state.storeFailures,
    fence: mapFence(state),
    unknownBecause: because ?? null,
  };
}

/** Both are in the cluster: nothing is known of them while the API server does not answer. */
function mapFence({ election, serverFencing, clusterProblem }: State): Store['fence'] {
  const blind = clusterProblem ?? (election === undefined ? 'the election has not begun yet' : undefined);
  if (blind !== undefined || election === undefined)
    return { usable: 'unknown', serverFencing: 'unknown', unknownBecause: blind ?? null };
  return {
    usable: election.anchorRefused === undefined ? 'true' : 'false',
    serverFencing: serverFencing.state,
    unknownBecause: serverFencing.state === 'unknown' ? serverFencing.because : null,
  };
}
