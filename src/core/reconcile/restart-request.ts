/**
 * A restart that somebody asked for: the instance that was there when it was accepted is stopped, with proof, and the rules
 * below start another one. What stood on record against a start is cleared first. Each step shows in the records, so a
 * repetition by another leader goes on where the first one ended.
 */
import type { Input, OpenRequest } from './observed.ts';
import { isGated } from './proof.ts';
import { recordFor } from './restarts.ts';
import type { Verdict } from './verdict.ts';

export function checkRestart(input: Input): Verdict | undefined {
  const { request, desired, instances, record: stored } = input;
  if (request === undefined || desired === undefined) return undefined;
  if (request.state === undefined) {
    const refused = refuseRequest(request, 'restart', input);
    if (refused !== undefined) return refused;
    const record = recordFor(desired, stored);
    if (record.outcome !== undefined || record.restarts > 0) {
      const { outcome: _outcome, ...rest } = record;
      return verdict('clearing what stands against a start', {
        kind: 'remember',
        record: { ...rest, restarts: 0 },
      });
    }
    const running = instances.find(({ pod }) => !isGated(pod));
    return answer('accepted', 'stopping the instance', running?.pod.metadata.uid ?? '');
  }
  const bound = instances.find(({ pod }) => pod.metadata.uid === request.podUid)?.pod;
  if (bound?.metadata.deletionTimestamp !== undefined) return undefined;
  if (bound !== undefined)
    return verdict(`stopping pod ${bound.metadata.name}, as ${request.by || 'somebody'} asked`, {
      kind: 'delete',
      pod: bound,
      cause: 'RestartRequested',
    });
  const next = instances.find(({ pod }) => !isGated(pod));
  return next === undefined ? undefined : answer('done', `pod uid ${next.pod.metadata.uid} was started`);
}

/** What is asked too late, or cannot be done for that kind. `possible`: the one action that can. */
export function refuseRequest(
  { action, expiresAt }: OpenRequest,
  possible: string,
  { key, now }: Input,
): Verdict | undefined {
  if (now >= expiresAt) return answer('refused', 'it had expired before anybody took it up');
  if (action === possible) return undefined;
  return answer('refused', `${action} is not possible for a ${key.kind}; ${possible} is`);
}

export function answer(state: 'accepted' | 'done' | 'refused', result: string, podUid?: string): Verdict {
  const change = { state, result, ...(podUid === undefined ? {} : { podUid }) };
  return verdict(`the request: ${state}, ${result}`, { kind: 'answer', change });
}

function verdict(message: string, action: Verdict['actions'][number]): Verdict {
  return { reason: 'Starting', message, actions: [action] };
}
