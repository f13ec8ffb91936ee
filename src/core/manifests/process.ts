/** A process workload is one bare Pod under a fixed name. */
import type { ProcessWorkload } from '../workload/model.ts';
import { processPodName } from '../workload/names.ts';
import { renderInstanceMeta, renderInstanceSpec, type RenderIdentity } from './pod-template.ts';
import type { Pod } from './pod.ts';

export type { RenderIdentity } from './pod-template.ts';

/** The pod to create: gated, with the finalizer, and without any trace of who leads or when. */
export function renderProcessPod(workload: ProcessWorkload, identity: RenderIdentity): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: processPodName(workload.key.name), ...renderInstanceMeta(workload, identity) },
    spec: { restartPolicy: workload.spec.restartPolicy, ...renderInstanceSpec(workload.spec) },
  };
}
