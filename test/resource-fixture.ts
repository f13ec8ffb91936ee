/** A WorkloadProcess as the API server would serve it. */
import type { WorkloadResource } from '../src/core/workload/custom-resource.ts';

type Parts = Omit<Partial<WorkloadResource>, 'metadata'> & {
  readonly metadata?: Partial<WorkloadResource['metadata']>;
};

export function makeResource({ metadata, ...rest }: Parts = {}): WorkloadResource {
  return {
    apiVersion: 'highlander.plexobject.io/v1',
    kind: 'WorkloadProcess',
    metadata: {
      name: 'report',
      namespace: 'default',
      uid: 'resource-1',
      resourceVersion: '10',
      generation: 1,
      ...metadata,
    },
    spec: { image: 'busybox' },
    ...rest,
  };
}
