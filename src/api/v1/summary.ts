/** The overview in one call. */
import type { HistoryEntry } from '../../core/history.ts';
import type { Identity, State } from './facts.ts';
import { mapDisagreement } from './candidates.ts';
import { mapLeader, mapObserver, mapStore } from './leader.ts';
import { mapPartial, presencePartial } from './partial.ts';
import type { Summary, WorkloadRow } from './schema/state.ts';
import { mapEntry } from './story.ts';
import { urgency } from './workload-row.ts';

const MOST_PROBLEMS = 20;

/** `rows` in the order of their names. */
export function mapSummary(
  identity: Identity,
  state: State,
  rows: Iterable<WorkloadRow>,
  history: readonly HistoryEntry[],
): Summary {
  const counts = { total: 0, ready: 0, notReady: 0, unknown: 0 };
  const tones: Record<string, number> = { ok: 0, busy: 0, bad: 0, unknown: 0 };
  const kinds: Record<string, { total: number; ready: number }> = {};
  const worst: WorkloadRow[] = [];
  const next: WorkloadRow[] = [];
  for (const row of rows) {
    counts.total += 1;
    counts[row.ready === 'true' ? 'ready' : row.ready === 'false' ? 'notReady' : 'unknown'] += 1;
    tones[row.tone] = (tones[row.tone] ?? 0) + 1;
    const kind = (kinds[row.kind] ??= { total: 0, ready: 0 });
    kind.total += 1;
    if (row.ready === 'true') kind.ready += 1;
    if (urgency(row) === 0 && worst.length < MOST_PROBLEMS) worst.push(row);
    if (urgency(row) === 1 && next.length < MOST_PROBLEMS) next.push(row);
  }
  const disagreement = mapDisagreement(identity, state);
  const change = history.findLast(({ type }) => type === 'leader-changed');
  return {
    observedBy: mapObserver(identity, state),
    tenant: identity.tenant,
    cluster: identity.cluster,
    leader: mapLeader(identity, state),
    store: mapStore(identity, state),
    counts: counts.total === 0 && state.clusterProblem !== undefined ? null : { ...counts, tones, kinds },
    problems: [...worst, ...next].slice(0, MOST_PROBLEMS),
    lastChange: change === undefined ? null : mapEntry(change),
    disagreement: disagreement === undefined ? null : [...disagreement],
    partial: [...mapPartial(identity, state), ...presencePartial(state)],
  };
}
