/** Carries out the adoption of what stands around the pods: each action is one guarded write. */
import { adoptPatch, preparePatch } from '../core/reconcile/patches.ts';
import type { ManagedObject } from '../core/manifests/managed-object.ts';
import type { Action } from '../core/reconcile/verdict.ts';
import { REPLICA_SETS, type ObjectRef } from '../ports/cluster.ts';
import { SECOND } from '../core/time.ts';
import type { ApplyContext } from './apply-context.ts';
import type { GuardedResult } from './guarded-writer.ts';
import { refOfManaged, resourceOfManaged } from './managed-objects.ts';
import { settleFailure, type Outcome } from './outcome.ts';

export type AdoptionAction = Extract<Action, { readonly kind: 'prepare' | 'adoptObject' }>;

/** What is prepared is read again before anything else is done about it. */
export async function applyAdoption(
  context: ApplyContext,
  key: string,
  action: AdoptionAction,
): Promise<Outcome> {
  if (action.kind === 'prepare') {
    const { target, operations } = action;
    const ref = refOfTarget(target);
    const result = await context.writer.patch<ManagedObject>(ref, preparePatch(target, operations));
    return settle(context, key, target, result);
  }
  const { object, adoption } = action;
  const ref = refOfManaged(object);
  const patch = adoptPatch(object, adoption, context.leader);
  const result = await context.writer.patch<ManagedObject>(ref, patch);
  if (result.kind === 'done') context.objects.put({ ...result.object, kind: object.kind });
  return settle(context, key, object, result);
}

type Target = Extract<Action, { readonly kind: 'prepare' }>['target'];

function refOfTarget({ kind, metadata }: Target): ObjectRef {
  const resource = kind === 'ReplicaSet' ? REPLICA_SETS : resourceOfManaged({ kind });
  return { resource, namespace: metadata.namespace ?? '', name: metadata.name };
}

function settle(
  context: ApplyContext,
  key: string,
  { kind, metadata }: Target,
  result: GuardedResult<ManagedObject>,
): Outcome {
  switch (result.kind) {
    case 'done':
      context.notes.clearRefusal(key);
      context.emit({
        type: 'object-changed',
        key,
        object: kind,
        name: metadata.name,
        uid: metadata.uid ?? '',
        cause: 'Adopted',
      });
      return { kind: 'applied' };
    case 'conflict':
    case 'exists':
    case 'unknown':
      return { kind: 'reread' };
    case 'gone':
      return { kind: 'wait', retryIn: SECOND };
    default:
      return settleFailure(context, key, { action: 'adopt', object: kind }, result);
  }
}
