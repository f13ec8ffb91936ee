/** Reads, consistently, what belongs to an object of the Go program that stands under our name. */
import type { Pod } from '../core/manifests/pod.ts';
import type { ManagedObject } from '../core/manifests/managed-object.ts';
import type { ReplicaSet } from '../core/reconcile/observed.ts';
import { SECOND } from '../core/time.ts';
import { LABEL } from '../core/workload/names.ts';
import { JOBS, PODS, REPLICA_SETS, type KubeObject, type Resource } from '../ports/cluster.ts';
import type { ApplyContext } from './apply-context.ts';
import type { Outcome } from './outcome.ts';
import { GO_SELECTOR } from './world.ts';

/**
 * Notes the object for the next decision, with the pods that exist now: those that were made before its template got a
 * gate are then known before it is adopted. Nothing is noted when one of the reads fails.
 */
export async function readRemains(
  context: ApplyContext,
  key: string,
  object: ManagedObject,
): Promise<Outcome> {
  const { namespace = '', uid, labels } = object.metadata;
  const { signal } = context.term;
  const app = `${LABEL.app}=${labels?.[LABEL.app]}`;
  const owned = async <T extends KubeObject>(resource: Resource): Promise<readonly T[] | undefined> => {
    const list = await context.reader.list<T>(resource, { namespace, labelSelector: app }, signal);
    if (list.kind !== 'done') return undefined;
    return list.items.filter(({ metadata }) =>
      metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid),
    );
  };
  const [pods, replicaSets, jobs] = await Promise.all([
    context.reader.list<Pod>(PODS, { namespace, labelSelector: `${app},${GO_SELECTOR}` }, signal),
    object.kind === 'Deployment' ? owned<ReplicaSet & KubeObject>(REPLICA_SETS) : [],
    object.kind === 'CronJob' ? owned<ManagedObject>(JOBS) : [],
  ]);
  if (pods.kind !== 'done' || replicaSets === undefined || jobs === undefined)
    return { kind: 'wait', retryIn: SECOND };
  for (const pod of pods.items) context.goPods.put(pod);
  context.notes.clearForeign(key);
  const found = { object, replicaSets, jobs: jobs.map(toJob) };
  context.notes.remains(key, found, context.clock.now());
  return { kind: 'reread' };
}

/** Items of a list arrive without their kind. */
function toJob(job: ManagedObject): ManagedObject {
  return { ...job, kind: 'Job' };
}
