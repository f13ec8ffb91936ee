/**
 * Carries out the plan's actions, one switch, no decisions: each action is one guarded write, and what the server
 * answered is put where the next decision will see it.
 */
import type { Pod } from '../core/manifests/pod.ts';
import { renderProcessPod, type RenderIdentity } from '../core/manifests/process.ts';
import type { Refusal } from '../core/reconcile/observed.ts';
import { claimPatch, dropFinalizerPatch, permitPatch, type LeaderMark } from '../core/reconcile/patches.ts';
import { fencingToken } from '../core/reconcile/permit.ts';
import type { Action } from '../core/reconcile/verdict.ts';
import type { DomainEvent } from '../core/projection.ts';
import { SECOND, type Duration } from '../core/time.ts';
import { parseKey } from '../core/workload/model.ts';
import { processPodName } from '../core/workload/names.ts';
import { PODS, type Cache, type ClusterReader, type ObjectRef } from '../ports/cluster.ts';
import type { Clock } from '../ports/system.ts';
import type { GuardedResult, GuardedWriter } from './guarded-writer.ts';
import type { Records } from './records.ts';
import type { ResourceWrite } from './resource-write.ts';
import type { Term } from './term.ts';
import type { WorkloadNotes } from './workload-notes.ts';

/** `applied`: go on. `reread`: the object was different; decide again. `wait`: an event or the time will bring the key back. */
export type Outcome =
  | { readonly kind: 'applied' | 'reread' }
  | { readonly kind: 'wait'; readonly retryIn?: Duration };

export interface ApplyContext {
  readonly term: Term;
  readonly leader: LeaderMark;
  readonly render: RenderIdentity;
  readonly clock: Clock;
  readonly reader: ClusterReader;
  readonly writer: GuardedWriter;
  readonly pods: Cache<Pod>;
  readonly records: Records;
  readonly notes: WorkloadNotes;
  readonly nextToken: () => number;
  readonly emit: (event: DomainEvent) => void;
}

/** How long a refused write is left alone before it is tried again. */
const REFUSED_RETRY: Duration = 15 * SECOND;
/** How often a pod of somebody else's under our name is looked for again. */
const FOREIGN_RECHECK: Duration = 60 * SECOND;
const FENCED: Outcome = { kind: 'wait' };

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
    case 'dropFinalizer': {
      const outcome = await applyPatch(context, key, action.kind, action.pod, dropFinalizerPatch(action.pod));
      if (outcome.kind === 'applied')
        context.emit({ type: 'instance-ended', key, ...named(action.pod), proof: action.proof });
      return outcome;
    }
    case 'remember':
      return settleRecord(context, key, 'remember', await context.records.remember(key, action.record));
    case 'forget': {
      const outcome = settleRecord(context, key, 'forget', await context.records.forget(key));
      if (outcome.kind !== 'applied') return outcome;
      context.notes.forget(key);
      return { kind: 'wait' };
    }
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
      return refuse(context, key, { ...result, action, retryAt });
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
  if (result.kind === 'gone') return refuse(context, key, missingNamespace(context, pod));
  return settleFailure(context, key, 'create', result);
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

async function deletePod(context: ApplyContext, key: string, pod: Pod, cause: string): Promise<Outcome> {
  const { uid = '', resourceVersion = '' } = pod.metadata;
  const result = await context.writer.delete(refOf(pod), { uid, resourceVersion });
  if (result.kind !== 'done') return settleWrite(context, key, 'delete', pod, result);
  context.emit({ type: 'instance-stopping', key, ...named(pod), cause });
  const answer = result.object;
  // While something holds the object back, the server answers with it; otherwise it is gone and the watch will say so.
  if (answer.metadata.uid !== uid || answer.metadata.deletionTimestamp === undefined) return { kind: 'wait' };
  if ((answer.metadata.finalizers ?? []).length > 0) context.pods.put({ ...pod, metadata: answer.metadata });
  return { kind: 'applied' };
}

async function applyPatch(
  context: ApplyContext,
  key: string,
  action: 'claim' | 'dropFinalizer',
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
  return settleFailure(context, key, action, result);
}

function settleFailure(
  context: ApplyContext,
  key: string,
  action: Action['kind'],
  result: Extract<GuardedResult, { kind: 'refused' | 'throttled' | 'fenced' | 'conflict' }>,
): Outcome {
  if (result.kind === 'fenced') return FENCED;
  if (result.kind === 'throttled') return { kind: 'wait', retryIn: result.retryAfter };
  if (result.kind === 'conflict') return { kind: 'wait', retryIn: SECOND };
  const { status, reason, message } = result;
  return refuse(context, key, {
    action,
    status,
    reason,
    message,
    retryAt: context.clock.now() + REFUSED_RETRY,
  });
}

function refuse(context: ApplyContext, key: string, refusal: Refusal): Outcome {
  context.notes.refused(key, refusal);
  context.emit({
    type: 'write-failed',
    key,
    action: refusal.action,
    result: refusal.reason,
    detail: refusal.message,
  });
  return { kind: 'reread' };
}

function missingNamespace({ clock }: ApplyContext, pod: Pod): Refusal {
  const message = `namespace ${pod.metadata.namespace} does not exist: create it, or change the workload's namespace`;
  return { action: 'create', status: 404, reason: 'NotFound', message, retryAt: clock.now() + REFUSED_RETRY };
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
  const parsed = parseKey(key);
  if (parsed?.namespace === namespace && processPodName(parsed.name) === name)
    context.notes.foreign(key, read.object, context.clock.now() + FOREIGN_RECHECK);
  return { kind: 'reread' };
}

function refOf(pod: Pod): ObjectRef {
  return { resource: PODS, namespace: pod.metadata.namespace ?? '', name: pod.metadata.name };
}

function named(pod: Pod): { readonly pod: string; readonly uid: string } {
  return { pod: pod.metadata.name, uid: pod.metadata.uid ?? '' };
}
