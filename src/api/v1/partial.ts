/** What an answer could not take into account, and why. */
import { mapDisagreement } from './candidates.ts';
import type { Identity, State } from './facts.ts';
import { storeProblem } from './leader.ts';
import type { Partial } from './schema/state.ts';

/** Which sources could not be read, or do not agree. */
export function mapPartial(identity: Identity, state: State): Partial[] {
  const partial: Partial[] = [];
  if (state.clusterProblem !== undefined)
    partial.push({ source: 'kubernetes', code: 'unavailable', detail: state.clusterProblem });
  const because = storeProblem(state);
  if (because !== undefined) partial.push({ source: 'store', code: 'unavailable', detail: because });
  if (!state.isLeader)
    partial.push({
      source: 'leader',
      code: 'not-leading',
      detail: 'reasons, rule chains and events are known to the leader only',
    });
  const others = mapDisagreement(identity, state) ?? [];
  if (others.length > 0)
    partial.push({
      source: 'leader',
      code: 'disagreement',
      detail: others
        .map(({ id, leader, term }) => `${id} sees ${leader ?? 'no leader'} in term ${term}`)
        .join('; '),
    });
  return partial;
}

/** Where candidates are listed: why others may be missing, or not be as they are shown. */
export function presencePartial({ clusterProblem }: State): Partial[] {
  if (clusterProblem === undefined) return [];
  const detail = `what other candidates say comes through the API server: ${clusterProblem}`;
  return [{ source: 'presence', code: 'unavailable', detail }];
}
