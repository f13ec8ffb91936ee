/**
 * The JSON patches (RFC 6902) behind the plan's actions. Each begins by replacing the resourceVersion with the value
 * that was read: the API server answers 409 when the object has changed since (a failed `test` would answer 422, which
 * looks like a validation error).
 */
import type { Epoch } from '../election/record.ts';
import type { Pod } from '../manifests/pod.ts';
import type { WorkloadResource } from '../workload/custom-resource.ts';
import {
  ANNOTATION,
  LABEL,
  labelSafe,
  PERMIT_GATE,
  SINGLETON_FINALIZER,
  WORKLOAD_FINALIZER,
} from '../workload/names.ts';

/** One RFC 6902 operation of the kinds used here. */
export type Operation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Who leads, as it is written on live objects (never into a template). */
export interface LeaderMark {
  readonly term: Epoch;
  /** The configured id of the controller, without its incarnation. */
  readonly id: string;
  readonly clusterName: string;
}

/** Raises the term on a pod, and names the leader. */
export function claimPatch(pod: Pod, leader: LeaderMark): readonly Operation[] {
  return [expectVersion(pod), ...leaderMarks(pod, leader)];
}

/** Lifts the gate and writes the fencing token: one request, so there is never a permitted pod without a token. */
export function permitPatch(pod: Pod, token: number, leader: LeaderMark): readonly Operation[] {
  const gates = pod.spec.schedulingGates ?? [];
  const index = gates.findIndex((gate) => gate.name === PERMIT_GATE);
  return [
    expectVersion(pod),
    { op: 'remove', path: `/spec/schedulingGates/${index}` },
    ...leaderMarks(pod, leader),
    setIn('annotations', ANNOTATION.token, String(token)),
  ];
}

/** Lets the object go. */
export function dropFinalizerPatch(pod: Pod): readonly Operation[] {
  const rest = (pod.metadata.finalizers ?? []).filter((name) => name !== SINGLETON_FINALIZER);
  return [expectVersion(pod), { op: 'replace', path: '/metadata/finalizers', value: rest }];
}

/** Lets the custom resource wait for us when it is deleted. */
export function protectPatch(resource: WorkloadResource): readonly Operation[] {
  const value = [...(resource.metadata.finalizers ?? []), WORKLOAD_FINALIZER];
  return [expectVersion(resource), { op: 'add', path: '/metadata/finalizers', value }];
}

/** The custom resource need not wait for us any more. */
export function unprotectPatch(resource: WorkloadResource): readonly Operation[] {
  const value = (resource.metadata.finalizers ?? []).filter((name) => name !== WORKLOAD_FINALIZER);
  return [expectVersion(resource), { op: 'replace', path: '/metadata/finalizers', value }];
}

/** Replaces the whole status. */
export function statusPatch(resource: WorkloadResource, status: unknown): readonly Operation[] {
  return [expectVersion(resource), { op: 'add', path: '/status', value: status }];
}

function expectVersion({ metadata }: Pick<WorkloadResource, 'metadata'>): Operation {
  return { op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion };
}

function leaderMarks(pod: Pod, { term, id, clusterName }: LeaderMark): readonly Operation[] {
  return [
    ...ensureMap(pod, 'annotations'),
    ...ensureMap(pod, 'labels'),
    setIn('annotations', ANNOTATION.term, String(term)),
    setIn('annotations', ANNOTATION.leaderId, id),
    setIn('annotations', ANNOTATION.clusterName, clusterName),
    setIn('labels', LABEL.controllerId, labelSafe(id)),
    setIn('labels', LABEL.clusterName, labelSafe(clusterName)),
  ];
}

/** `add` needs its parent to exist. */
function ensureMap(pod: Pod, map: 'labels' | 'annotations'): readonly Operation[] {
  return pod.metadata[map] === undefined ? [{ op: 'add', path: `/metadata/${map}`, value: {} }] : [];
}

function setIn(map: 'labels' | 'annotations', key: string, value: string): Operation {
  return { op: 'add', path: `/metadata/${map}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, value };
}
