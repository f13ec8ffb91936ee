/** The restart budget of a process: how restarts are counted, forgiven and slowed down. */
import type { Pod } from '../manifests/pod.ts';
import { present } from '../present.ts';
import { MINUTE, SECOND, type Duration } from '../time.ts';
import { formatKey, type Workload } from '../workload/model.ts';
import type { WorkloadRecord } from './observed.ts';

/** Uninterrupted readiness after which earlier restarts are forgiven. */
export const FORGIVE_AFTER: Duration = 10 * MINUTE;

const FIRST_DELAY: Duration = SECOND;
const LONGEST_DELAY: Duration = 5 * MINUTE;

/** How long to wait before replacing a failed instance for the nth time (n from 1): 1 s, doubling, at most 5 min (the kubelet's cap). */
export function restartDelay(restarts: number): Duration {
  return Math.min(FIRST_DELAY * 2 ** Math.max(0, restarts - 1), LONGEST_DELAY);
}

/** The record as it applies to this spec and source: another template hash starts with a clean sheet. */
export function recordFor(workload: Workload, record: WorkloadRecord | undefined): WorkloadRecord {
  const managedFrom = workload.source.from;
  // What ran when is true whatever the template: a tick that was run is not run again after an edit.
  const ledger = present({ ticks: record?.ticks, givenUp: record?.givenUp });
  const wishes = wishesOf(workload);
  if (record?.hash !== workload.templateHash)
    return { managedFrom, hash: workload.templateHash, restarts: 0, ...ledger, ...wishes };
  if (record.managedFrom === managedFrom && remembersWishes(workload, record)) return record;
  const { dependsOn: _needs, deletionPolicy: _policy, ...rest } = record;
  return { ...rest, managedFrom, ...wishes };
}

type Wishes = Pick<WorkloadRecord, 'dependsOn' | 'deletionPolicy'>;

/** The record has what the spec says about the time after it left its source. */
export function remembersWishes(workload: Workload, record: WorkloadRecord): boolean {
  const { dependsOn = [], deletionPolicy } = wishesOf(workload);
  return (record.dependsOn ?? []).join() === dependsOn.join() && record.deletionPolicy === deletionPolicy;
}

/** As far as nothing else remembers it: the resource of a workload keeps its spec until the end. */
function wishesOf({ spec, source }: Workload): Wishes {
  if (source.from !== 'file') return {};
  const { dependsOn = [], deletionPolicy } = spec;
  return {
    ...(dependsOn.length === 0 ? {} : { dependsOn: dependsOn.map(formatKey) }),
    ...(deletionPolicy === 'Orphan' ? { deletionPolicy } : {}),
  };
}

/** Restarts in place by the kubelet, of the container that restarted most. */
export function containerRestarts(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount));
}

/** Restarts in place that are not forgiven yet. */
export function countContainerRestarts(pod: Pod, record: WorkloadRecord): number {
  const { forgiven: entry } = record;
  const forgiven = entry !== undefined && entry.uid === pod.metadata.uid ? entry.restarts : 0;
  return Math.max(0, containerRestarts(pod) - forgiven);
}

/** Restarts that count against `maxRestarts`: replaced instances plus restarts in place. */
export function countRestarts(pod: Pod | undefined, record: WorkloadRecord): number {
  return record.restarts + (pod === undefined ? 0 : countContainerRestarts(pod, record));
}
