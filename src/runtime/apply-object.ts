/** Carries out what the plan wants done with the objects around the pods: each action is one guarded write. */
import type { ManagedObject } from '../core/manifests/managed-object.ts';
import { isGoMadeFor } from '../core/reconcile/go-program.ts';
import { changePatch, claimPatch, markObject, type Operation } from '../core/reconcile/patches.ts';
import type { Action } from '../core/reconcile/verdict.ts';
import { SECOND } from '../core/time.ts';
import { ANNOTATION } from '../core/workload/names.ts';
import { parseKey } from '../core/workload/model.ts';
import type { ApplyContext } from './apply-context.ts';
import { readRemains } from './go-remains.ts';
import { refOfManaged, resourceOfManaged } from './managed-objects.ts';
import { FOREIGN_RECHECK, missingNamespace, refuse, settleFailure, type Outcome } from './outcome.ts';

export type ObjectAction = Extract<
  Action,
  { readonly kind: 'createObject' | 'claimObject' | 'changeObject' | 'deleteObject' }
>;

export async function applyObjectAction(
  context: ApplyContext,
  key: string,
  action: ObjectAction,
): Promise<Outcome> {
  switch (action.kind) {
    case 'createObject':
      return createObject(context, key, action.object);
    case 'claimObject':
      return patchObject(context, key, 'claim', action.object, claimPatch(action.object, context.leader));
    case 'changeObject': {
      const patch = changePatch(action.object, action.operations, context.leader);
      const outcome = await patchObject(context, key, 'change', action.object, patch);
      if (outcome.kind === 'applied')
        context.emit({ type: 'object-changed', key, ...named(action.object), cause: action.cause });
      return outcome;
    }
    case 'deleteObject':
      return deleteObject(context, key, action);
  }
}

async function createObject(context: ApplyContext, key: string, object: ManagedObject): Promise<Outcome> {
  const result = await context.writer.create(resourceOfManaged(object), markObject(object, context.leader));
  if (result.kind === 'done') {
    context.objects.put({ ...result.object, kind: object.kind });
    context.notes.clearRefusal(key);
    context.emit({ type: 'object-created', key, object: object.kind, name: object.metadata.name });
    return { kind: 'applied' };
  }
  if (result.kind === 'exists' || result.kind === 'unknown') return reread(context, key, object);
  if (result.kind === 'gone')
    return refuse(context, key, missingNamespace(context, object.kind, object.metadata.namespace ?? ''));
  return settleFailure(context, key, { action: 'create', object: object.kind }, result);
}

async function patchObject(
  context: ApplyContext,
  key: string,
  action: string,
  object: ManagedObject,
  operations: readonly Operation[],
): Promise<Outcome> {
  const result = await context.writer.patch<ManagedObject>(refOfManaged(object), operations);
  if (result.kind === 'done') {
    context.objects.put({ ...result.object, kind: object.kind });
    context.notes.clearRefusal(key);
    return { kind: 'applied' };
  }
  if (result.kind === 'conflict' || result.kind === 'unknown' || result.kind === 'exists')
    return reread(context, key, object);
  if (result.kind === 'gone') return { kind: 'wait', retryIn: SECOND };
  return settleFailure(context, key, { action, object: object.kind }, result);
}

async function deleteObject(
  context: ApplyContext,
  key: string,
  { object, orphan, cause }: Extract<ObjectAction, { readonly kind: 'deleteObject' }>,
): Promise<Outcome> {
  const { uid = '', resourceVersion = '' } = object.metadata;
  const propagation = orphan === true ? 'Orphan' : 'Background';
  const result = await context.writer.delete(refOfManaged(object), { uid, resourceVersion }, propagation);
  if (result.kind === 'done') {
    context.emit({ type: 'object-deleted', key, ...named(object), cause });
    return { kind: 'wait' };
  }
  if (result.kind === 'conflict' || result.kind === 'unknown' || result.kind === 'exists')
    return reread(context, key, object);
  if (result.kind === 'gone') return { kind: 'wait', retryIn: SECOND };
  return settleFailure(context, key, { action: 'delete', object: object.kind }, result);
}

/** One quorum read, put into the cache. Somebody else's object under our name is noted, and left alone. */
async function reread(context: ApplyContext, key: string, object: ManagedObject): Promise<Outcome> {
  const read = await context.reader.get<ManagedObject>(refOfManaged(object), context.term.signal);
  if (read.kind !== 'done') return { kind: 'wait', retryIn: SECOND };
  const found = { ...read.object, kind: object.kind };
  const parsed = parseKey(key);
  if (parsed !== undefined && isGoMadeFor(parsed.name, found.kind, found.metadata))
    return readRemains(context, key, found);
  const isOurs = context.notes.isOurs(found) && found.metadata.annotations?.[ANNOTATION.workload] === key;
  if (isOurs) {
    context.notes.clearForeign(key);
    context.objects.put(found);
  } else {
    const foreign = {
      kind: object.kind,
      name: object.metadata.name,
      recheckAt: context.clock.now() + FOREIGN_RECHECK,
    };
    if (object.kind === 'Service') context.notes.foreignService(key, foreign);
    else context.notes.foreign(key, foreign);
  }
  return { kind: 'reread' };
}

function named({ kind, metadata }: ManagedObject): {
  readonly object: string;
  readonly name: string;
  readonly uid: string;
} {
  return { object: kind, name: metadata.name, uid: metadata.uid ?? '' };
}
