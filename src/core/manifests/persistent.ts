/** A persistent workload is a StatefulSet of one, with a claim per volume. */
import type { PersistentVolume, PersistentWorkload } from '../workload/model.ts';
import { governingServiceName, LABEL } from '../workload/names.ts';
import { renderHealthProbes } from './health-probes.ts';
import type { StatefulSet, VolumeClaimTemplate } from './owner.ts';
import { renderOwnerMeta, renderTemplate, type RenderIdentity } from './pod-template.ts';

const PROBE_TIMING = {
  readiness: { initialDelaySeconds: 10, periodSeconds: 10 },
  liveness: { initialDelaySeconds: 12, periodSeconds: 30 },
};

/**
 * `OnDelete`: the set replaces a pod only after we deleted it. `Parallel`: it does not wait for a pod that is not ready,
 * such as one that still has its gate. Claims outlive the set and a scale to zero.
 */
export function renderStatefulSet(workload: PersistentWorkload, identity: RenderIdentity): StatefulSet {
  const { key, spec } = workload;
  const claims = spec.persistentVolumes;
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: renderOwnerMeta(workload, identity, key.name),
    spec: {
      replicas: spec.replicas === 0 ? 0 : 1,
      serviceName: governingServiceName(spec),
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'OnDelete' },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      selector: { matchLabels: { [LABEL.app]: key.name } },
      template: renderTemplate(workload, identity, 'Always', {
        probes: renderHealthProbes(spec.healthCheck, PROBE_TIMING),
        claims,
      }),
      ...(claims.length === 0 ? {} : { volumeClaimTemplates: claims.map(renderClaim) }),
    },
  };
}

function renderClaim({ name, size, storageClassName }: PersistentVolume): VolumeClaimTemplate {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: size } },
      ...(storageClassName === '' ? {} : { storageClassName }),
    },
  };
}
