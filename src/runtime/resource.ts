/** A workload's custom resource in the cache and as the target of a request. */
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import { WORKLOAD_PROCESSES, type ObjectRef } from '../ports/cluster.ts';

interface Served extends WorkloadResource {
  readonly metadata: WorkloadResource['metadata'] & {
    readonly annotations?: unknown;
    readonly managedFields?: unknown;
  };
}

/** Without what can be large and is never looked at. */
export function stripResource({ metadata, ...rest }: Served): WorkloadResource {
  const { annotations: _annotations, managedFields: _managedFields, ...kept } = metadata;
  return { ...rest, metadata: kept };
}

export function refOfResource({ metadata }: WorkloadResource): ObjectRef {
  return { resource: WORKLOAD_PROCESSES, namespace: metadata.namespace ?? '', name: metadata.name };
}
