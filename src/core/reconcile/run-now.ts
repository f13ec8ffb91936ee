/**
 * A run of a cron job out of turn, asked for by a request with an id. It is a Job as its controller would make it from the
 * CronJob's template: its pods are gated, and its permit comes from the rules of the cron job, after its own entry in the
 * ledger. Name and entry follow from the request id, so a request that is carried out twice makes one run.
 */
import { renderCronJob } from '../manifests/cron-job.ts';
import type { ManagedObject } from '../manifests/managed-object.ts';
import { renderMarks, type RenderIdentity } from '../manifests/pod-template.ts';
import type { CronJobWorkload } from '../workload/model.ts';
import { ANNOTATION } from '../workload/names.ts';
import { fnv1a64 } from '../workload/template-hash.ts';
import { isMadeBy, ledgerKey } from './ledger.ts';
import { endOf } from './liveness.ts';
import type { CronInput, Input } from './observed.ts';
import { isOwner } from './owner.ts';
import { isGated } from './proof.ts';
import { answer, refuseRequest } from './restart-request.ts';
import type { Verdict } from './verdict.ts';

/** Names of cron jobs end at 52 characters, those of Jobs at 63. */
export function runNowName(workload: string, request: string): string {
  return `${workload}-r${fnv1a64(request).slice(0, 9)}`;
}

/** The Job to create for a request; undefined until the CronJob, which is to own it, stands. */
export function renderRunNow(
  workload: CronJobWorkload,
  identity: RenderIdentity,
  objects: readonly ManagedObject[],
  request: string,
): ManagedObject | undefined {
  const owner = objects.find(isOwner);
  if (owner?.metadata.uid === undefined || owner.metadata.deletionTimestamp !== undefined) return undefined;
  const { name, namespace } = workload.key;
  const marks = renderMarks(workload, identity);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...marks,
      name: runNowName(name, request),
      namespace,
      annotations: {
        ...marks.annotations,
        [ANNOTATION.run]: request,
        // What `kubectl create job --from` writes: to other tools it is a run that somebody asked for.
        'cronjob.kubernetes.io/instantiate': 'manual',
      },
      ownerReferences: [
        { apiVersion: 'batch/v1', kind: 'CronJob', name, uid: owner.metadata.uid, controller: true },
      ],
    },
    spec: renderCronJob(workload, identity).spec.jobTemplate.spec,
  };
}

/** How far a request has come; `lost`: its job is gone before its end was seen, and it will not be run again. */
export type RunNowState = 'absent' | 'waiting' | 'running' | 'succeeded' | 'failed' | 'lost';

export function judgeRunNow(
  { objects = [], record }: Pick<Input, 'objects' | 'record'>,
  request: string,
): RunNowState {
  const key = `request/${request}`;
  const isEntered = record?.ticks?.some(({ at }) => at === key) ?? false;
  const job = objects.find((object) => ledgerKey(object) === key);
  if (job === undefined) return isEntered ? 'lost' : 'absent';
  const end = endOf(job);
  if (end !== undefined) return end === 'Failed' ? 'failed' : 'succeeded';
  return isEntered ? 'running' : 'waiting';
}

/**
 * A run that somebody asked for: accepted, then its Job is made, then the rules below enter and permit it. It is done once
 * a pod of it may run. Until it is entered nothing of it has run, so a Job that vanished before may be made again.
 */
export function checkRunNow(input: CronInput): Verdict | undefined {
  const { request, desired, instances, objects = [], identity } = input;
  if (request === undefined || desired === undefined) return undefined;
  const name = runNowName(desired.key.name, request.id);
  if (request.state === undefined)
    return refuseRequest(request, 'run-now', input) ?? answer('accepted', `job ${name} is made for it`);
  const state = judgeRunNow(input, request.id);
  switch (state) {
    case 'absent': {
      const object = renderRunNow(desired, identity, objects, request.id);
      if (object === undefined) return undefined;
      return {
        reason: 'Starting',
        message: `creating Job ${name}, as ${request.by || 'somebody'} asked`,
        actions: [{ kind: 'createObject', object }],
      };
    }
    case 'waiting':
      return undefined;
    case 'running': {
      const job = objects.find((object) => ledgerKey(object) === `request/${request.id}`);
      const isLet = instances.some(({ pod }) => job !== undefined && isMadeBy(pod, job) && !isGated(pod));
      return isLet ? answer('done', `job ${name} runs`) : undefined;
    }
    case 'succeeded':
    case 'failed':
      return answer('done', `job ${name} was run and has ${state}`);
    case 'lost':
      return answer('done', `job ${name} was let run and is gone; how it ended was not seen`);
  }
}
