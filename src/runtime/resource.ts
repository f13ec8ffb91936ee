/** A workload's custom resource in the cache and as the target of a request. */
import { keyOfResource, type WorkloadResource } from '../core/workload/custom-resource.ts';
import type { WorkloadKey, WorkloadKind } from '../core/workload/model.ts';
import { ANNOTATION } from '../core/workload/names.ts';
import {
  WORKLOAD_CRON_JOBS,
  WORKLOAD_PERSISTENTS,
  WORKLOAD_PROCESSES,
  WORKLOAD_SERVICES,
  type ObjectRef,
  type Resource,
} from '../ports/cluster.ts';

/** The types of custom resources, by the kind of workload that each defines. */
export const WORKLOAD_TYPES: ReadonlyMap<WorkloadKind, Resource> = new Map([
  ['process', WORKLOAD_PROCESSES],
  ['cronjob', WORKLOAD_CRON_JOBS],
  ['service', WORKLOAD_SERVICES],
  ['persistent', WORKLOAD_PERSISTENTS],
]);

export function workloadType(kind: WorkloadKind): Resource {
  const type = WORKLOAD_TYPES.get(kind);
  if (type === undefined) throw new Error(`no custom resource defines a ${kind}`);
  return type;
}

interface Served extends WorkloadResource {
  readonly metadata: WorkloadResource['metadata'] & { readonly managedFields?: unknown };
}

/** The annotations by which people ask for something. */
const ASKED: ReadonlySet<string> = new Set([ANNOTATION.paused, ANNOTATION.request]);

/** Without what can be large and is never looked at. Items of a list arrive without their kind. */
export function stripResource({ kind }: Resource, { metadata, ...rest }: Served): WorkloadResource {
  const { annotations = {}, managedFields: _managedFields, ...kept } = metadata;
  const asked = Object.entries(annotations).filter(([name]) => ASKED.has(name));
  const marks = asked.length === 0 ? {} : { annotations: Object.fromEntries(asked) };
  return { ...rest, kind, metadata: { ...kept, ...marks } };
}

/** The key of the workload that the resource defines. It must have been stripped, or read by name: then it has its kind. */
export function keyOf(resource: WorkloadResource): WorkloadKey {
  return keyOfResource(resource, typeOf(resource)[0]);
}

export function refOfResource(resource: WorkloadResource): ObjectRef {
  const { namespace = '', name } = resource.metadata;
  return { resource: typeOf(resource)[1], namespace, name };
}

function typeOf({ kind, metadata }: WorkloadResource): readonly [WorkloadKind, Resource] {
  for (const entry of WORKLOAD_TYPES) if (entry[1].kind === kind) return entry;
  throw new Error(`${metadata.namespace}/${metadata.name} is of an unknown kind: ${kind}`);
}
