/** What happened and why: history, terms, events, the rule chain, the tree of objects. */
import type { HistoryEntry } from '../../core/history.ts';
import type { RecentEvent, WorkloadEvent as Happening } from '../../core/recent-events.ts';
import { describeTicks } from '../../core/projection.ts';
import { TONE } from '../../core/reconcile/tone.ts';
import { formatKey } from '../../core/workload/model.ts';
import { apiTime, instant, plainId, type Facts, type State, type WorkloadFacts } from './facts.ts';
import { mapLeader } from './leader.ts';
import type { Explanation, HistoryRecord, TreeNode } from './schema/state.ts';
import type { Term, WorkloadEvent } from './schema/list.ts';
import { mapRow } from './workload-row.ts';

export function mapEntry({
  seq,
  at,
  type,
  subject,
  from,
  to,
  term,
  gap,
  cause,
}: HistoryEntry): HistoryRecord {
  const show = (what: string | undefined): string | null =>
    what === undefined ? null : type === 'leader-changed' ? plainId(what) : what;
  return {
    id: `e-${seq}`,
    at: instant(at) ?? '',
    type,
    subject,
    from: show(from),
    to: show(to),
    term: term ?? null,
    gapMs: typeof gap === 'number' ? Math.round(gap) : null,
    gap: gap === undefined ? 'not-measured' : gap === 'open' ? 'open' : 'measured',
    cause,
  };
}

/** The newest first. */
export function mapTerms(entries: readonly HistoryEntry[]): Term[] {
  const changes = entries.filter(({ type }) => type === 'leader-changed');
  return changes
    .map((entry, at): Term => {
      const record = mapEntry(entry);
      const next = changes[at + 1];
      return {
        leader: record.to,
        term: record.term,
        from: record.at,
        // Where the vacancy was seen, the term ended when that began.
        to: next === undefined ? null : instant(next.at - (typeof next.gap === 'number' ? next.gap : 0)),
        gapMs: record.gapMs,
        cause: record.cause,
      };
    })
    .toReversed();
}

/** Events of one workload, the newest first. */
export function mapEvents(recent: readonly RecentEvent[], key: string): WorkloadEvent[] {
  return recent
    .filter(({ event }) => keyOf(event) === key)
    .map(({ at, event }) => Object.assign({ at: instant(at) ?? '' }, describe(event)))
    .toReversed();
}

function keyOf(event: Happening): string {
  return event.type === 'workload-changed' ? formatKey(event.view.key) : event.key;
}

function describe(event: Happening): Omit<WorkloadEvent, 'at'> {
  const normal = (reason: string, message: string, pod: string | null = null): Omit<WorkloadEvent, 'at'> => ({
    type: 'Normal',
    reason,
    message,
    pod,
  });
  switch (event.type) {
    case 'workload-changed': {
      const { reason, message, instance } = event.view;
      const type = TONE[reason] === 'bad' ? 'Warning' : 'Normal';
      return { type, reason, message, pod: instance?.pod ?? null };
    }
    case 'workload-removed':
      return normal('Removed', 'nothing is left of it');
    case 'instance-created':
      return normal('Created', 'created, gated', event.pod);
    case 'instance-permitted':
      return normal('Started', `permitted with fencing token ${event.token}`, event.pod);
    case 'instance-stopping':
      return normal('Stopped', `told to stop: ${event.cause}`, event.pod);
    case 'instance-ended':
      return normal('Ended', `its end is proven: ${event.proof}`, event.pod);
    case 'object-created':
      return normal('Created', `created ${event.object} ${event.name}`);
    case 'object-changed':
      return normal('Changed', `changed ${event.object} ${event.name}: ${event.cause}`);
    case 'object-deleted':
      return normal('Deleted', `deleted ${event.object} ${event.name}: ${event.cause}`);
    case 'tick-run':
      return normal('TickRun', describeTicks(event));
    case 'tick-missed':
      return { ...normal('TickMissed', describeTicks(event)), type: 'Warning' };
    case 'evidence-removed':
      return {
        type: 'Warning',
        reason: 'EvidenceRemoved',
        message: 'vanished without proof that its containers ended',
        pod: event.pod,
      };
    case 'write-failed':
      return {
        type: 'Warning',
        reason: 'WriteRefused',
        message: `${event.action}: ${event.result}: ${event.detail}`,
        pod: null,
      };
  }
}

/** Why the rule chain of a workload is not known here, or undefined. */
function chainUnknown({ clusterProblem, isLeader }: State): string | undefined {
  if (clusterProblem !== undefined) return clusterProblem;
  return isLeader ? undefined : 'only the leader knows the rule chain';
}

/** Everything of an explanation but who says so. */
export function mapExplanation(
  facts: Facts,
  workload: WorkloadFacts,
  state: State,
): Omit<Explanation, 'kind' | 'metadata'> | undefined {
  const row = mapRow(workload, state);
  if (row === undefined) return undefined;
  const { ready, reason, message, since } = row;
  const said = { workload: workload.key, ready, reason, message, since };
  const because = chainUnknown(state);
  const rules = because === undefined ? facts.explain(workload.key) : undefined;
  if (rules === undefined)
    return { ...said, rules: null, unknownBecause: because ?? 'the term of this process has just ended' };
  return {
    ...said,
    rules: rules.map(({ rule, outcome, reason: decided, message: text }) => ({
      rule,
      verdict: outcome,
      reason: decided ?? null,
      message: text ?? null,
    })),
    unknownBecause: null,
  };
}

/** Lock, controller, workload, and the objects of the workload. */
export function mapTree(facts: Facts, workload: WorkloadFacts, state: State): TreeNode[] {
  const { identity } = facts;
  const leader = mapLeader(identity, state);
  const row = mapRow(workload, state);
  const nothing = { uid: null, node: null, createdAt: null };
  const lock = `lock/${identity.tenant}`;
  const holder = workload.seen.pod?.leader ?? leader.id ?? 'none';
  const controller = `controller/${holder}`;
  return [
    {
      id: lock,
      parent: null,
      kind: 'Lock',
      namespace: null,
      name: identity.tenant,
      state: leader.id === 'unknown' ? 'unknown' : leader.id === null ? 'Free' : 'Held',
      ...nothing,
    },
    {
      id: controller,
      parent: lock,
      kind: 'Controller',
      namespace: null,
      name: holder,
      state: leader.id === 'unknown' ? 'unknown' : holder === leader.id ? 'Leader' : 'FormerLeader',
      ...nothing,
    },
    {
      id: workload.key,
      parent: controller,
      kind: 'Workload',
      namespace: row?.namespace ?? null,
      name: row?.name ?? '',
      state: row?.reason ?? 'unknown',
      ...nothing,
      uid: workload.definition?.uid ?? null,
      createdAt: row?.createdAt ?? null,
    },
    ...facts.objects(workload.key).map((object): TreeNode => ({
      id: `${object.kind.toLowerCase()}/${object.namespace}/${object.name}`,
      parent: workload.key,
      kind: object.kind,
      namespace: object.namespace,
      name: object.name,
      uid: object.uid,
      state: state.clusterProblem === undefined ? object.state : 'unknown',
      node: object.node ?? null,
      createdAt: apiTime(object.createdAt),
    })),
  ];
}
