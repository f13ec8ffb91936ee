/**
 * The status of a pod as a kubelet writes it (pkg/kubelet/kubelet_pods.go: getPhase, generateAPIPodStatus, and
 * status_manager.go: TerminatePod). Pure.
 */
import { isDeepStrictEqual } from 'node:util';

import type { WallTime } from '../../src/core/time.ts';
import type { ContainerRecord } from './container-record.ts';
import type { PodPlace } from './environment.ts';
import { isInitDone, recordOf } from './pod-plan.ts';
import type { PodPlan, Records } from './pod-plan.ts';
import { apiTime, isSidecar } from './pod.ts';
import type {
  ContainerSpec,
  ContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
  PodPhase,
  PodStatus,
} from './pod.ts';

export interface StatusInput {
  /** The pod as last read: its conditions and phase are continued. */
  readonly pod: Pod;
  readonly place: PodPlace;
  readonly records: Records;
  readonly plan: PodPlan;
  /** No process of the pod is alive and none will be started. */
  readonly final: boolean;
  readonly startTime: string;
  readonly now: WallTime;
}

/** The status to be written. A phase that is terminal stays. */
export function buildStatus(input: StatusInput): PodStatus {
  const { pod, place } = input;
  const inits = pod.spec.initContainers ?? [];
  const initStatuses = inits.map((container) => statusOf(input, container, true));
  const mainStatuses = pod.spec.containers.map((container) => statusOf(input, container, false));
  const phase = phaseOf(input, mainStatuses);
  return {
    phase,
    startTime: input.startTime,
    hostIP: place.hostIP,
    hostIPs: [{ ip: place.hostIP }],
    ...(hasNetwork(input) ? { podIP: place.podIP, podIPs: [{ ip: place.podIP }] } : {}),
    conditions: conditionsOf(input, phase, [
      ...inits.filter(isSidecar).map((container) => statusOf(input, container, true)),
      ...mainStatuses,
    ]),
    ...(inits.length > 0 ? { initContainerStatuses: initStatuses } : {}),
    containerStatuses: mainStatuses,
  };
}

/** A pod has an address from when its first container is started. */
function hasNetwork({ pod, records }: StatusInput): boolean {
  return pod.status?.podIP !== undefined || [...records.values()].some(({ starts }) => starts > 0);
}

function phaseOf(input: StatusInput, mains: readonly ContainerStatus[]): PodPhase {
  const before = input.pod.status?.phase;
  if (before === 'Succeeded' || before === 'Failed') return before;
  if (input.final)
    return mains.every((status) => status.state.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed';
  const begun = input.pod.spec.containers.every((container) => recordOf(input.records, container).starts > 0);
  return input.plan.initialized && begun ? 'Running' : 'Pending';
}

function statusOf(input: StatusInput, container: ContainerSpec, init: boolean): ContainerStatus {
  const record = recordOf(input.records, container);
  const running = record.state.running !== undefined;
  const completed = init && !isSidecar(container) && isInitDone(container, record);
  return {
    name: container.name,
    image: container.image ?? '',
    imageID: record.starts > 0 ? `sandbox://${container.image ?? ''}` : '',
    ...(record.containerID === undefined ? {} : { containerID: record.containerID }),
    ...shownStates(input, container, record),
    restartCount: Math.max(record.starts - 1, 0),
    started: running && record.started,
    ready: completed || (running && record.started && record.ready),
  };
}

/** `state` and `lastState` as users see them: a container in back-off is waiting, and its end is its last state. */
function shownStates(
  input: StatusInput,
  container: ContainerSpec,
  record: ContainerRecord,
): { readonly state: ContainerState; readonly lastState: ContainerState } {
  const { state, lastState } = record;
  if (input.final) return { state: finalState(input, container, record), lastState };
  if (state.terminated !== undefined && input.plan.later.includes(container)) {
    const message = `back-off restarting failed container=${container.name} pod=${input.pod.metadata.name}`;
    return { state: { waiting: { reason: 'CrashLoopBackOff', message } }, lastState: state };
  }
  const isFresh = state.waiting?.reason === 'PodInitializing';
  if (isFresh && (input.plan.initialized || (input.pod.spec.initContainers ?? []).length === 0))
    return { state: { waiting: { reason: 'ContainerCreating' } }, lastState };
  return { state, lastState };
}

/** TerminatePod: once a pod has been initialized, a container without an end gets one. */
function finalState(input: StatusInput, container: ContainerSpec, record: ContainerRecord): ContainerState {
  if (record.state.terminated !== undefined) return record.state;
  const begun = record.starts > 0 || record.state.running !== undefined;
  if (!begun && !(input.plan.initialized && input.pod.spec.containers.includes(container)))
    return record.state;
  return {
    terminated: {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was terminated',
    },
  };
}

function conditionsOf(
  input: StatusInput,
  phase: PodPhase,
  serving: readonly ContainerStatus[],
): readonly PodCondition[] {
  const { pod, plan, now } = input;
  const unready = serving.filter((status) => !status.ready).map((status) => status.name);
  const notReady =
    phase === 'Succeeded'
      ? { reason: 'PodCompleted' }
      : phase === 'Failed'
        ? { reason: 'PodFailed' }
        : unready.length > 0
          ? {
              reason: 'ContainersNotReady',
              message: `containers with unready status: [${unready.join(' ')}]`,
            }
          : undefined;
  const gate = (pod.spec.readinessGates ?? []).find(
    ({ conditionType }) =>
      !pod.status?.conditions?.some((one) => one.type === conditionType && one.status === 'True'),
  );
  const gateClosed =
    gate === undefined
      ? undefined
      : { reason: 'ReadinessGatesNotReady', message: `condition "${gate.conditionType}" is not True` };
  const uninitialized =
    plan.initialized || phase === 'Succeeded' ? undefined : { reason: 'ContainersNotInitialized' };
  const condition = (
    type: string,
    because: { reason: string; message?: string } | undefined,
  ): PodCondition => {
    const status = because === undefined ? 'True' : 'False';
    const old = pod.status?.conditions?.find((one) => one.type === type);
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : apiTime(now);
    return { type, status, lastTransitionTime, ...because };
  };
  return [
    condition('PodScheduled', undefined),
    condition('Initialized', uninitialized),
    condition('ContainersReady', notReady),
    condition('Ready', notReady ?? gateClosed),
  ];
}

/**
 * The body of a strategic merge patch. The uid makes the server refuse (409) when a pod of the same name took the
 * place; conditions of others are kept, because they are merged by type, and so ours must clear what they no longer say.
 */
export function statusPatch(pod: Pod, status: PodStatus): unknown {
  const conditions = (status.conditions ?? []).map((one) =>
    Object.assign({ reason: null, message: null }, one),
  );
  return { metadata: { uid: pod.metadata.uid }, status: { ...status, conditions } };
}

/** True when writing `next` over `before` would change nothing that this node owns. */
export function isSameStatus(before: PodStatus | undefined, next: PodStatus): boolean {
  if (before === undefined) return false;
  const owned = (next.conditions ?? []).map(({ type }) => type);
  const pick = (status: PodStatus): unknown => [
    status.phase,
    status.podIP,
    status.startTime,
    owned.map((type) => {
      const one = status.conditions?.find((condition) => condition.type === type);
      return [one?.status, one?.reason, one?.message];
    }),
    (status.initContainerStatuses ?? []).map(essence),
    (status.containerStatuses ?? []).map(essence),
  ];
  return isDeepStrictEqual(pick(before), pick(next));
}

function essence(status: ContainerStatus): unknown {
  return [
    status.name,
    status.containerID,
    status.state,
    status.lastState,
    status.restartCount,
    status.ready,
    status.started,
  ];
}
