/**
 * Carries out the plan's actions, one switch, no decisions: each action is one guarded write, and what the server
 * answered is put where the next decision will see it.
 */
import type { Pod } from '../core/manifests/pod.ts';
import { renderProcessPod } from '../core/manifests/process.ts';
import { goWorkloadOf } from '../core/reconcile/go-program.ts';
import type { Tick } from '../core/reconcile/observed.ts';
import { isOwner } from '../core/reconcile/owner.ts';
import { adoptPatch, claimPatch, dropFinalizerPatch, permitPatch } from '../core/reconcile/patches.ts';
import { fencingToken } from '../core/reconcile/permit.ts';
import type { Proof } from '../core/reconcile/proof.ts';
import type { Action } from '../core/reconcile/verdict.ts';
import { SECOND } from '../core/time.ts';
import { formatKey, parseKey } from '../core/workload/model.ts';
import { processPodName } from '../core/workload/names.ts';
import { PODS, type ObjectRef } from '../ports/cluster.ts';
import type { ApplyContext } from './apply-context.ts';
import { answerRequest } from './answer.ts';
import { applyAdoption } from './apply-adoption.ts';
import { letGo } from './apply-letting-go.ts';
import { applyObjectAction } from './apply-object.ts';
import type { GuardedResult } from './guarded-writer.ts';
import {
  FOREIGN_RECHECK,
  missingNamespace,
  REFUSED_RETRY,
  refuse,
  settleFailure,
  type Outcome,
} from './outcome.ts';
import type { ResourceWrite } from './resource-write.ts';

/** Carries out one action of the workload `key`. */
export async function applyAction(context: ApplyContext, key: string, action: Action): Promise<Outcome> {
  switch (action.kind) {
    case 'claim':
      return applyPatch(context, key, action.kind, action.pod, claimPatch(action.pod, context.leader));
    case 'create':
      return createPod(context, key, renderProcessPod(action.workload, context.render));
    case 'permit':
      return permitPod(context, key, action.pod);
    case 'delete':
      return deletePod(context, key, action.pod, action.cause);
    case 'remove':
      return removePod(context, key, action.pod, action.proof);
    case 'answer':
      return answerRequest(context, key, action.change);
    case 'dropFinalizer': {
      context.proven(action.pod.metadata.uid ?? '');
      const outcome = await applyPatch(context, key, action.kind, action.pod, dropFinalizerPatch(action.pod));
      if (outcome.kind === 'applied')
        context.emit({ type: 'instance-ended', key, ...named(action.pod), proof: action.proof });
      return outcome;
    }
    case 'createObject':
    case 'claimObject':
    case 'changeObject':
    case 'deleteObject':
      return applyObjectAction(context, key, action);
    case 'adoptPod': {
      const patch = adoptPatch(action.pod, action.adoption, context.leader);
      const outcome = await applyPatch(context, key, action.kind, action.pod, patch);
      if (outcome.kind === 'applied')
        context.emit({
          type: 'object-changed',
          key,
          object: 'Pod',
          name: action.pod.metadata.name,
          uid: action.pod.metadata.uid ?? '',
          cause: 'Adopted',
        });
      return outcome;
    }
    case 'letGo':
      return letGo(context, key, action);
    case 'prepare':
    case 'adoptObject':
      return applyAdoption(context, key, action);
    case 'remember': {
      const outcome = settleRecord(
        context,
        key,
        'remember',
        await context.records.remember(key, action.record),
      );
      if (outcome.kind === 'applied') tellEntered(context, key, action.entered ?? []);
      return outcome;
    }
    case 'forget': {
      const outcome = settleRecord(context, key, 'forget', await context.records.forget(key));
      if (outcome.kind !== 'applied') return outcome;
      context.notes.forget(key);
      return { kind: 'wait' };
    }
  }
}

function tellEntered(context: ApplyContext, key: string, entered: readonly Tick[]): void {
  const uid = context.objects.of(key).find(isOwner)?.metadata.uid ?? '';
  const missed = entered.filter(({ jobUid }) => jobUid === undefined);
  const run = entered.filter(({ jobUid }) => jobUid !== undefined);
  for (const [type, ticks] of [['tick-missed', missed] as const, ['tick-run', run] as const]) {
    const last = ticks.at(-1);
    if (last !== undefined) context.emit({ type, key, uid, tick: last.at, count: ticks.length });
  }
}

function settleRecord(
  context: ApplyContext,
  key: string,
  action: 'remember' | 'forget',
  result: ResourceWrite,
): Outcome {
  switch (result.kind) {
    case 'written':
      return { kind: 'applied' };
    case 'later':
      return { kind: 'wait', ...(result.retryIn === undefined ? {} : { retryIn: result.retryIn }) };
    case 'refused': {
      const retryAt = context.clock.now() + REFUSED_RETRY;
      return refuse(context, key, { ...result, action, object: 'workload', retryAt });
    }
  }
}

async function createPod(context: ApplyContext, key: string, pod: Pod): Promise<Outcome> {
  const result = await context.writer.create(PODS, pod);
  if (result.kind === 'done') {
    context.pods.put(result.object);
    context.notes.clearRefusal(key);
    context.emit({ type: 'instance-created', key, ...named(result.object) });
    return { kind: 'applied' };
  }
  // It exists, or it may: read it, adopt it if it is ours, report it if it is not.
  if (result.kind === 'exists' || result.kind === 'unknown') return reread(context, key, refOf(pod));
  if (result.kind === 'gone')
    return refuse(context, key, missingNamespace(context, 'pod', pod.metadata.namespace ?? ''));
  return settleFailure(context, key, { action: 'create', object: 'pod' }, result);
}

async function permitPod(context: ApplyContext, key: string, pod: Pod): Promise<Outcome> {
  const token = fencingToken(context.term.epoch, context.nextToken());
  const result = await context.writer.patch<Pod>(refOf(pod), permitPatch(pod, token, context.leader));
  if (result.kind === 'done') {
    context.pods.put(result.object);
    context.notes.clearRefusal(key);
    context.emit({ type: 'instance-permitted', key, ...named(result.object), token });
    return { kind: 'applied' };
  }
  if (result.kind === 'unknown') context.notes.permitUnanswered(key, pod.metadata.uid ?? '');
  return settleWrite(context, key, 'permit', pod, result);
}

async function deletePod(
  context: ApplyContext,
  key: string,
  pod: Pod,
  cause: string,
  grace?: 'none',
): Promise<Outcome> {
  const { uid = '', resourceVersion = '' } = pod.metadata;
  const result = await context.writer.delete(refOf(pod), { uid, resourceVersion }, 'Background', grace);
  if (result.kind !== 'done') return settleWrite(context, key, 'delete', pod, result);
  context.emit({ type: 'instance-stopping', key, ...named(pod), cause });
  const answer = result.object;
  // While something holds the object back, the server answers with it; otherwise it is gone and the watch will say so.
  if (answer.metadata.uid !== uid || answer.metadata.deletionTimestamp === undefined) return { kind: 'wait' };
  if ((answer.metadata.finalizers ?? []).length > 0) context.pods.put({ ...pod, metadata: answer.metadata });
  return { kind: 'applied' };
}

/** Then the finalizer alone holds it. */
async function removePod(context: ApplyContext, key: string, pod: Pod, proof: Proof): Promise<Outcome> {
  context.proven(pod.metadata.uid ?? '');
  const outcome = await deletePod(context, key, pod, proof, 'none');
  if (outcome.kind === 'applied') context.emit({ type: 'instance-ended', key, ...named(pod), proof });
  return outcome;
}

async function applyPatch(
  context: ApplyContext,
  key: string,
  action: 'claim' | 'dropFinalizer' | 'adoptPod',
  pod: Pod,
  operations: ReturnType<typeof claimPatch>,
): Promise<Outcome> {
  const result = await context.writer.patch<Pod>(refOf(pod), operations);
  if (result.kind !== 'done') return settleWrite(context, key, action, pod, result);
  const { metadata } = result.object;
  context.notes.clearRefusal(key);
  context.notes.permitSettled(key, pod.metadata.uid ?? '');
  const removed = metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0;
  if (removed) return { kind: 'wait' };
  context.pods.put(result.object);
  return { kind: 'applied' };
}

/** What follows a write on an existing pod that was not done. */
async function settleWrite(
  context: ApplyContext,
  key: string,
  action: Action['kind'],
  pod: Pod,
  result: Exclude<GuardedResult<Pod>, { kind: 'done' }>,
): Promise<Outcome> {
  if (result.kind === 'conflict' || result.kind === 'unknown' || result.kind === 'exists')
    return reread(context, key, refOf(pod));
  if (result.kind === 'gone') return { kind: 'wait', retryIn: SECOND };
  return settleFailure(context, key, { action, object: 'pod' }, result);
}

/** One quorum read of the pod, put into the cache. A late write of ours shows here, or fails on the newer version. */
async function reread(context: ApplyContext, key: string, ref: ObjectRef): Promise<Outcome> {
  const read = await context.reader.get<Pod>(ref, context.term.signal);
  if (read.kind !== 'done') return { kind: 'wait', retryIn: SECOND };
  const { namespace = '', name } = read.object.metadata;
  if (context.notes.isOurs(read.object)) {
    context.notes.clearForeign(key);
    context.pods.put(read.object);
    return { kind: 'reread' };
  }
  const made = goWorkloadOf(read.object);
  if (made !== undefined && formatKey(made) === key) {
    context.notes.clearForeign(key);
    context.goPods.put(read.object);
    return { kind: 'reread' };
  }
  const parsed = parseKey(key);
  if (parsed?.namespace === namespace && processPodName(parsed.name) === name)
    context.notes.foreign(key, { kind: 'pod', name, recheckAt: context.clock.now() + FOREIGN_RECHECK });
  return { kind: 'reread' };
}

function refOf(pod: Pod): ObjectRef {
  return { resource: PODS, namespace: pod.metadata.namespace ?? '', name: pod.metadata.name };
}

function named(pod: Pod): { readonly pod: string; readonly uid: string } {
  return { pod: pod.metadata.name, uid: pod.metadata.uid ?? '' };
}
