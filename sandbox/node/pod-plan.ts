/**
 * What a pod needs next. Pure: container records in, decision out.
 *
 * Init containers run one after the other, each to exit code 0; a sidecar (an init container with restartPolicy Always)
 * only has to have started. Then the main containers run together. A terminated container is started again as the
 * restart policy says, after its back-off; when every main container has ended for good the pod is finished, and its
 * sidecars are to be stopped.
 */
import type { WallTime } from '../../src/core/time.ts';
import { NEVER_STARTED } from './container-record.ts';
import type { ContainerRecord } from './container-record.ts';
import { isSidecar } from './pod.ts';
import type { ContainerSpec, PodSpec } from './pod.ts';

export type Records = ReadonlyMap<string, ContainerRecord>;

export interface PodPlan {
  /** Containers to start now. */
  readonly start: readonly ContainerSpec[];
  /** Containers whose next start is later; shown as CrashLoopBackOff when they have run before. */
  readonly later: readonly ContainerSpec[];
  /** When the earliest of those is due. */
  readonly wakeAt?: WallTime;
  /** Every init container has done its part. */
  readonly initialized: boolean;
  /** The pod has ended by itself. Nothing is to be started any more. */
  readonly outcome?: 'Succeeded' | 'Failed';
}

type Need = 'start' | 'running' | 'over';

export function recordOf(records: Records, container: ContainerSpec): ContainerRecord {
  return records.get(container.name) ?? NEVER_STARTED;
}

/** What a container needs, apart from its back-off. `always` = a clean exit restarts it too. */
function needOf(record: ContainerRecord, restart: 'Always' | 'OnFailure' | 'Never'): Need {
  if (record.state.running !== undefined) return 'running';
  const terminated = record.state.terminated;
  if (terminated === undefined) return 'start';
  if (restart === 'Always' || (restart === 'OnFailure' && terminated.exitCode !== 0)) return 'start';
  return 'over';
}

/** True once the init sequence may go on past this container. */
export function isInitDone(container: ContainerSpec, record: ContainerRecord): boolean {
  if (isSidecar(container)) return record.state.running !== undefined && record.started;
  return record.state.terminated?.exitCode === 0;
}

export function planPod(spec: PodSpec, records: Records, now: WallTime): PodPlan {
  const policy = spec.restartPolicy ?? 'Always';
  const mainNeeds = spec.containers.map((container) => needOf(recordOf(records, container), policy));
  const wanted: ContainerSpec[] = [];
  let initialized = true;
  if (mainNeeds.every((need) => need === 'over')) {
    const clean = spec.containers.every((one) => recordOf(records, one).state.terminated?.exitCode === 0);
    return { start: [], later: [], initialized, outcome: clean ? 'Succeeded' : 'Failed' };
  }
  for (const container of spec.initContainers ?? []) {
    const record = recordOf(records, container);
    const sidecar = isSidecar(container);
    const need = sidecar
      ? needOf(record, 'Always')
      : needOf(record, policy === 'Never' ? 'Never' : 'OnFailure');
    if (need === 'start') wanted.push(container);
    if (isInitDone(container, record)) continue;
    if (need === 'over') return { start: [], later: [], initialized: false, outcome: 'Failed' };
    // A sidecar that fails after the main containers started does not take them back to initialization.
    if (sidecar && spec.containers.some((main) => recordOf(records, main).starts > 0)) continue;
    initialized = false;
    break;
  }
  if (initialized)
    for (const [index, container] of spec.containers.entries())
      if (mainNeeds[index] === 'start') wanted.push(container);
  const later = wanted.filter((container) => recordOf(records, container).startAfter > now);
  return {
    start: wanted.filter((container) => !later.includes(container)),
    later,
    ...(later.length === 0
      ? {}
      : { wakeAt: Math.min(...later.map((one) => recordOf(records, one).startAfter)) }),
    initialized,
  };
}
