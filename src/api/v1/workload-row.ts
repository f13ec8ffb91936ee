/** A workload in one line, and in full. Pure; what is not known is unknown, with the cause. */
import { TONE } from '../../core/reconcile/tone.ts';
import { parseKey, type WorkloadKey } from '../../core/workload/model.ts';
import { apiTime, instant, type State, type WorkloadFacts } from './facts.ts';
import type { HistoryRecord, Meta, Workload, WorkloadRow } from './schema/state.ts';

type Judgement = Pick<WorkloadRow, 'ready' | 'active' | 'tone' | 'reason' | 'message' | 'since'>;

/** The row, or undefined for a key that names no workload. */
export function mapRow(facts: WorkloadFacts, state: State): WorkloadRow | undefined {
  const key = parseKey(facts.key);
  return key === undefined ? undefined : rowOf(key, facts, state);
}

function rowOf(key: WorkloadKey, facts: WorkloadFacts, state: State): WorkloadRow {
  const { view, seen, definition } = facts;
  const { pod } = seen;
  return {
    kind: key.kind,
    namespace: key.namespace,
    name: key.name,
    source: definition?.source ?? null,
    ...judge(facts, state).judgement,
    holder: pod?.leader ?? null,
    cluster: pod?.cluster ?? null,
    term: pod?.term ?? null,
    token: view?.instance?.token ?? pod?.token ?? null,
    pod: pod?.name ?? null,
    node: pod?.node ?? null,
    image: definition?.image ?? pod?.image ?? null,
    restarts: view?.instance?.restarts ?? pod?.containerRestarts ?? null,
    createdAt: apiTime(definition?.createdAt),
  };
}

interface Judged {
  readonly judgement: Judgement;
  readonly because: string | undefined;
}

function judge({ view, seen, unobserved }: WorkloadFacts, state: State): Judged {
  const { isLeader } = state;
  const changed = apiTime(seen.lastTransition);
  const blind = state.clusterProblem ?? (view === undefined ? unobserved : undefined);
  if (blind !== undefined) {
    const unknown = { ready: 'unknown', active: 'unknown', tone: 'unknown', reason: 'unknown' } as const;
    return { judgement: { ...unknown, message: blind, since: null }, because: blind };
  }
  if (view !== undefined) {
    const { healthy, active, reason, message, since } = view;
    const tone = TONE[reason];
    const judgement = { ready: truth(healthy), active: truth(active), tone, reason, message } as const;
    // What has been up since before this term began was up all that time.
    const time = tone === 'ok' && changed !== null ? changed : instant(since);
    return { judgement: { ...judgement, since: time }, because: undefined };
  }
  const because = isLeader ? 'not looked at yet in this term' : 'only the leader knows the reason';
  // Without any object it may have finished for good: only the leader has the record of that.
  const isSeen = seen.pod !== undefined || seen.maker !== undefined;
  const ready = seen.healthy ? 'true' : isSeen ? 'false' : 'unknown';
  const tone = seen.healthy ? 'ok' : 'unknown';
  const judgement = { ready, active: truth(seen.active), tone, reason: 'unknown', message: because } as const;
  return { judgement: { ...judgement, since: changed }, because };
}

function truth(value: boolean): 'true' | 'false' {
  return value ? 'true' : 'false';
}

/** How soon somebody should look: 0 first. */
export function urgency({ tone, ready }: WorkloadRow): number {
  if (tone === 'bad') return 0;
  if (tone === 'unknown') return 1;
  if (tone === 'busy') return 2;
  return ready === 'true' ? 4 : 3;
}

/** The workload in full; undefined for a key that names no workload. */
export function mapWorkload(
  facts: WorkloadFacts,
  state: State,
  meta: Pick<Meta, 'revision' | 'observedAt' | 'observedBy'>,
  lastMove: HistoryRecord | undefined,
): Workload | undefined {
  const row = mapRow(facts, state);
  if (row === undefined) return undefined;
  const { definition, seen } = facts;
  const self = `workloads/${row.kind}/${encodeURIComponent(row.namespace)}/${encodeURIComponent(row.name)}`;
  return {
    apiVersion: 'view.highlander.plexobject.io/v1',
    kind: 'Workload',
    metadata: {
      kind: row.kind,
      namespace: row.namespace,
      name: row.name,
      uid: definition?.uid ?? null,
      generation: definition?.generation ?? null,
      source: row.source,
      labels: { ...definition?.labels },
      createdAt: row.createdAt,
      revision: meta.revision,
      observedAt: meta.observedAt,
      observedBy: meta.observedBy,
    },
    ready: row.ready,
    active: row.active,
    healthy: row.ready,
    tone: row.tone,
    reason: row.reason,
    message: row.message,
    since: row.since,
    holder: row.holder === null ? null : { id: row.holder, cluster: row.cluster },
    term: row.term,
    fencingToken: row.token,
    restarts: row.restarts,
    maxRestarts: definition?.maxRestarts ?? null,
    schedule: definition?.schedule ?? null,
    instance: mapInstance(seen.pod, state),
    lastMove: lastMove ?? null,
    invalid: definition?.invalid ?? null,
    unknownBecause: judge(facts, state).because ?? null,
    links: {
      self,
      explain: `${self}/explain`,
      history: `${self}/history`,
      events: `${self}/events`,
      objects: `${self}/objects`,
    },
  };
}

function mapInstance(pod: WorkloadFacts['seen']['pod'], { clusterProblem }: State): Workload['instance'] {
  if (pod === undefined) return null;
  const ready = clusterProblem === undefined ? pod.containerReady : undefined;
  return {
    pod: pod.name,
    podUid: pod.uid ?? null,
    phase: pod.phase ?? null,
    node: pod.node ?? null,
    podIP: pod.podIP ?? null,
    image: pod.image ?? null,
    startedAt: apiTime(pod.startedAt),
    ready: ready === undefined ? 'unknown' : truth(ready),
  };
}
