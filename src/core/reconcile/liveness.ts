/**
 * Whether a workload is active and healthy, from what is observed alone. What that means differs by kind: a process, a
 * service and a persistent set have an instance that runs; a cron job is there to run at its times.
 */
import type { ManagedObject } from '../manifests/managed-object.ts';
import type { WorkloadKind } from '../workload/model.ts';
import type { Instance } from './observed.ts';
import { isGated, isTerminal } from './proof.ts';

export interface Liveness {
  readonly active: boolean;
  readonly healthy: boolean;
}

/** A permitted instance that has not ended, as far as anybody reported. */
export function isRunning({ pod }: Instance): boolean {
  return !isGated(pod) && !isTerminal(pod);
}

/** The instance that people are shown: the one that runs, else one that waits for its permit, else one that has ended. */
export function chooseShown(instances: readonly Instance[]): Instance | undefined {
  return instances.find(isRunning) ?? instances.find(({ pod }) => isGated(pod)) ?? instances.at(-1);
}

/** `completed`: a process whose work is done for good. */
export function judgeLiveness(
  kind: WorkloadKind,
  instances: readonly Instance[],
  objects: readonly ManagedObject[] = [],
  completed = false,
): Liveness {
  const running = instances.find(isRunning);
  const active = running !== undefined;
  const ready = running !== undefined && isReady(running);
  switch (kind) {
    case 'process':
      return { active, healthy: completed || ready };
    case 'service':
    case 'persistent':
      return { active, healthy: ready && objects.some(isAvailable) };
    case 'cronjob': {
      const isScheduled = objects.some(
        (object) => object.kind === 'CronJob' && object.spec?.suspend !== true,
      );
      return { active: isScheduled, healthy: isScheduled && !hasFailedLast(objects) };
    }
  }
}

function isReady({ pod }: Instance): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** The controller of a Deployment or StatefulSet has seen the instance ready. */
function isAvailable({ kind, status }: ManagedObject): boolean {
  if (kind === 'Deployment') return (status?.availableReplicas ?? 0) > 0;
  return kind === 'StatefulSet' && (status?.readyReplicas ?? 0) > 0;
}

/** Of the jobs that are finished, the last one to be started failed. One that runs, or waits, says nothing yet. */
function hasFailedLast(objects: readonly ManagedObject[]): boolean {
  const finished = objects.filter((object) => object.kind === 'Job' && endOf(object) !== undefined);
  const last = finished.toSorted((a, b) => startOf(b) - startOf(a))[0];
  return last !== undefined && endOf(last) === 'Failed';
}

function startOf({ status, metadata }: ManagedObject): number {
  return Date.parse(status?.startTime ?? metadata.creationTimestamp ?? '');
}

/** How a job ended; undefined while it has not. */
export function endOf({ status }: ManagedObject): 'Complete' | 'Failed' | undefined {
  const end = status?.conditions?.find(
    (condition) =>
      (condition.type === 'Complete' || condition.type === 'Failed') && condition.status === 'True',
  );
  if (end === undefined) return undefined;
  return end.type === 'Failed' ? 'Failed' : 'Complete';
}
