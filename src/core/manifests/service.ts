/** A service workload is a Deployment of one; clients of services and of persistent sets find them by Services. */
import { SECOND } from '../time.ts';
import type { PersistentWorkload, Port, ServiceWorkload } from '../workload/model.ts';
import { governingServiceName, LABEL } from '../workload/names.ts';
import { renderHealthProbes } from './health-probes.ts';
import type { Deployment, Service, ServicePort } from './owner.ts';
import { renderOwnerMeta, renderTemplate, type RenderIdentity } from './pod-template.ts';

/** Old ReplicaSets that are kept, so that `kubectl rollout undo` has something to go back to. */
const REVISIONS = 3;

const PROBE_TIMING = {
  readiness: { initialDelaySeconds: 10, periodSeconds: 10 },
  liveness: { initialDelaySeconds: 15, periodSeconds: 15 },
};

/** `Recreate` ends the old pod before it makes the new one, which then waits for its permit anyway. */
export function renderDeployment(workload: ServiceWorkload, identity: RenderIdentity): Deployment {
  const { key, spec } = workload;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: renderOwnerMeta(workload, identity, key.name),
    spec: {
      replicas: spec.replicas === 0 ? 0 : 1,
      strategy: { type: 'Recreate' },
      revisionHistoryLimit: REVISIONS,
      // The API server wants more than minReadySeconds, which is 0.
      progressDeadlineSeconds: Math.max(1, Math.ceil(spec.readinessTimeout / SECOND)),
      selector: { matchLabels: { [LABEL.app]: key.name } },
      template: renderTemplate(workload, identity, 'Always', {
        probes: renderHealthProbes(spec.healthCheck, PROBE_TIMING),
      }),
    },
  };
}

/**
 * The Services of a workload. A service workload with ports has one, under its name. A persistent set with ports has two:
 * the one of clients, under `serviceName`, and a headless one that governs the set (the name of its pod in the DNS).
 * Without ports nothing can be mapped: a service workload has none, a set only the headless one, under `serviceName`.
 */
export function renderServices(
  workload: ServiceWorkload | PersistentWorkload,
  identity: RenderIdentity,
): readonly Service[] {
  const { ports } = workload.spec;
  const service = (name: string, spec: Service['spec']): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: renderOwnerMeta(workload, identity, name),
    spec: { ...spec, selector: { [LABEL.app]: workload.key.name } },
  });
  const client = (name: string): readonly Service[] =>
    ports.length === 0 ? [] : [service(name, { type: 'ClusterIP', ports: ports.map(clientPort) })];
  if (!isPersistent(workload)) return client(workload.key.name);
  const headless = service(governingServiceName(workload.spec), {
    type: 'ClusterIP',
    clusterIP: 'None',
    ...(ports.length === 0 ? {} : { ports: ports.map(headlessPort) }),
  });
  return [...client(workload.spec.serviceName), headless];
}

function isPersistent(workload: ServiceWorkload | PersistentWorkload): workload is PersistentWorkload {
  return workload.key.kind === 'persistent';
}

function clientPort({ name, servicePort, containerPort }: Port): ServicePort {
  return { name, protocol: 'TCP', port: servicePort, targetPort: containerPort };
}

/** Nothing maps the ports of a headless Service: clients reach the pod itself. */
function headlessPort({ name, containerPort }: Port): ServicePort {
  return { name, protocol: 'TCP', port: containerPort, targetPort: containerPort };
}
