/**
 * The JSON patches (RFC 6902) behind the plan's actions. Each begins by replacing the resourceVersion with the value
 * that was read: the API server answers 409 when the object has changed since (a failed `test` would answer 422, which
 * looks like a validation error).
 */
import type { Epoch } from '../election/record.ts';
import type { Pod, PodMeta } from '../manifests/pod.ts';
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
  /** See `ANNOTATION.fingerprint`: after a change of store what is claimed carries the new one. */
  readonly fingerprint: string;
}

/** Anything of the API that is patched. */
interface Patched {
  readonly metadata: PodMeta;
}

/** Raises the term on an object, and names the leader. */
export function claimPatch(object: Patched, leader: LeaderMark): readonly Operation[] {
  return [expectVersion(object), ...leaderMarks(object, leader)];
}

/** Changes an object that stands around pods, and names the leader. */
export function changePatch(
  object: Patched,
  operations: readonly Operation[],
  leader: LeaderMark,
): readonly Operation[] {
  return [...claimPatch(object, leader), ...operations];
}

/** What makes an object ours: marks beside those of the leader, and changes that belong to the same moment. */
export interface Adoption {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly operations: readonly Operation[];
}

/** Makes an object of the Go program ours, and claims it. */
export function adoptPatch(object: Patched, adoption: Adoption, leader: LeaderMark): readonly Operation[] {
  const marks = marksOf(leader);
  return [
    ...preparePatch(object, adoption.operations),
    ...setAll(object, 'annotations', { ...adoption.annotations, ...marks.annotations }),
    ...setAll(object, 'labels', { ...adoption.labels, ...marks.labels }),
  ];
}

/** Changes an object, and leaves no mark of ours. */
export function preparePatch(object: Patched, operations: readonly Operation[]): readonly Operation[] {
  return [expectVersion(object), ...operations];
}

/** Takes an entry away, if it is there. `within`: the path of what has the metadata, if it is not the object itself. */
export function removeEntry(
  { metadata }: { readonly metadata: Pick<PodMeta, 'labels' | 'annotations'> },
  map: 'labels' | 'annotations',
  key: string,
  within = '',
): readonly Operation[] {
  if (metadata[map]?.[key] === undefined) return [];
  return [{ op: 'remove', path: `${within}${pathIn(map, key)}` }];
}

/** The marks of `claimPatch` on an object that is about to be created. */
export function markObject<T extends Patched>(object: T, leader: LeaderMark): T {
  const { labels, annotations } = object.metadata;
  const marks = marksOf(leader);
  return {
    ...object,
    metadata: {
      ...object.metadata,
      labels: { ...labels, ...marks.labels },
      annotations: { ...annotations, ...marks.annotations },
    },
  };
}

/**
 * Lifts the gate and writes the fencing token: one request, so there is never a permitted pod without a token. It also
 * clears the managed fields (Kubernetes documentation, "Server-Side Apply: clearing managedFields"): nobody applies
 * instance pods, and without that record every later write of the kubelet, and every event of a watch, costs the API
 * server and all who watch a third less.
 */
export function permitPatch(pod: Pod, token: number, leader: LeaderMark): readonly Operation[] {
  const gates = pod.spec.schedulingGates ?? [];
  const index = gates.findIndex((gate) => gate.name === PERMIT_GATE);
  return [
    expectVersion(pod),
    { op: 'remove', path: `/spec/schedulingGates/${index}` },
    ...leaderMarks(pod, leader),
    setIn('annotations', ANNOTATION.token, String(token)),
    { op: 'add', path: '/metadata/managedFields', value: [{}] },
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

/** Refuses what follows in the same patch unless the object is as it was read. */
export function pinPatch(object: Pick<WorkloadResource, 'metadata'>): Operation {
  return expectVersion(object);
}

function expectVersion({ metadata }: Pick<WorkloadResource, 'metadata'>): Operation {
  return { op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion };
}

/** The term always, so that an audit log tells in which each write was made; of the other marks those that differ. */
function leaderMarks(object: Patched, leader: LeaderMark): readonly Operation[] {
  const { labels, annotations } = marksOf(leader);
  const { [ANNOTATION.term]: _term, ...others } = object.metadata.annotations ?? {};
  return [
    ...setAll(object, 'annotations', differing(annotations, others)),
    ...setAll(object, 'labels', differing(labels, object.metadata.labels)),
  ];
}

function differing(
  entries: Readonly<Record<string, string>>,
  present: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(entries).filter(([key, value]) => present[key] !== value));
}

function marksOf({ term, id, clusterName, fingerprint }: LeaderMark): {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
} {
  return {
    labels: { [LABEL.controllerId]: labelSafe(id), [LABEL.clusterName]: labelSafe(clusterName) },
    annotations: {
      [ANNOTATION.term]: String(term),
      [ANNOTATION.fingerprint]: fingerprint,
      [ANNOTATION.leaderId]: id,
      [ANNOTATION.clusterName]: clusterName,
    },
  };
}

/** Sets these entries and leaves the others. `add` needs its parent to exist. */
export function setAll(
  { metadata }: Patched,
  map: 'labels' | 'annotations',
  entries: Readonly<Record<string, string>>,
): readonly Operation[] {
  const parent: readonly Operation[] =
    metadata[map] === undefined ? [{ op: 'add', path: `/metadata/${map}`, value: {} }] : [];
  return [...parent, ...Object.entries(entries).map(([key, value]) => setIn(map, key, value))];
}

/** Takes away one that is there: the server refuses the patch if it is not. */
export function removeAnnotation(key: string): Operation {
  return { op: 'remove', path: pathIn('annotations', key) };
}

function setIn(map: 'labels' | 'annotations', key: string, value: string): Operation {
  return { op: 'add', path: pathIn(map, key), value };
}

/** JSON pointer, RFC 6901. */
function pathIn(map: 'labels' | 'annotations', key: string): string {
  return `/metadata/${map}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
