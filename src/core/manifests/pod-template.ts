/**
 * What the pods of every kind share: containers, volumes, the gate, the finalizer, labels and annotations. A template
 * depends on the workload and the installation alone. Leader, term, token and time never enter it: they would make
 * every change of leader look like a change of spec. All maps are written in sorted order.
 */
import { SECOND } from '../time.ts';
import { formatKey, type CommonSpec, type PodOptions, type Workload } from '../workload/model.ts';
import { ANNOTATION, LABEL, PERMIT_GATE, SINGLETON_FINALIZER } from '../workload/names.ts';
import { renderMain, renderSidecar, type MainExtras } from './container.ts';
import type { PodMeta, PodSpec } from './pod.ts';
import { isEmpty, sorted, sortedDeep } from './sorted.ts';
import { mountableVolumes, renderVolumes } from './volumes.ts';

/** What a Deployment, a StatefulSet or a Job makes its pods from. */
export interface PodTemplate {
  readonly metadata: Pick<PodMeta, 'labels' | 'annotations' | 'finalizers'>;
  readonly spec: PodSpec;
}

/** The installation an object belongs to. Not the instance of the controller that happens to lead. */
export interface RenderIdentity {
  readonly tenant: string;
  /** See `ANNOTATION.fingerprint`. */
  readonly fingerprint: string;
}

/** Labels, annotations and finalizer of an instance pod; the caller adds the name, where the kind fixes one. */
export function renderInstanceMeta(
  workload: Workload,
  identity: RenderIdentity,
): Omit<PodMeta, 'name'> & { readonly namespace: string } {
  return {
    namespace: workload.key.namespace,
    ...renderMarks(workload, identity),
    finalizers: [SINGLETON_FINALIZER],
  };
}

/** Name, labels and annotations of an object that stands for a workload and is not an instance of it. */
export function renderOwnerMeta(workload: Workload, identity: RenderIdentity, name: string): PodMeta {
  return { name, namespace: workload.key.namespace, ...renderMarks(workload, identity) };
}

/** The labels and annotations that every object of a workload carries, templates included. */
export function renderMarks(
  { key, spec, source, templateHash }: Workload,
  { tenant, fingerprint }: RenderIdentity,
): Pick<PodMeta, 'labels' | 'annotations'> {
  return {
    labels: sorted({
      // These two are for people and tools; a workload may have had its own before it came to us.
      [LABEL.appName]: key.name,
      [LABEL.appManagedBy]: LABEL.managedByValue,
      ...spec.labels,
      [LABEL.app]: key.name,
      [LABEL.managedBy]: LABEL.managedByValue,
      [LABEL.tenant]: tenant,
      [LABEL.kind]: key.kind,
    }),
    annotations: sorted({
      ...spec.annotations,
      [ANNOTATION.templateHash]: templateHash,
      [ANNOTATION.workload]: formatKey(key),
      [ANNOTATION.fingerprint]: fingerprint,
      [ANNOTATION.source]: source.from,
    }),
  };
}

/** The pod template of an owner: gated and with the finalizer, so that whatever the owner creates waits for a permit. */
export function renderTemplate(
  workload: Workload,
  identity: RenderIdentity,
  restartPolicy: NonNullable<PodSpec['restartPolicy']>,
  extras?: MainExtras,
): PodTemplate {
  return {
    metadata: { ...renderMarks(workload, identity), finalizers: [SINGLETON_FINALIZER] },
    spec: { restartPolicy, ...renderInstanceSpec(workload.spec, extras) },
  };
}

/** Everything of the pod spec but what a kind decides itself (restartPolicy). Gated: it cannot start by itself. */
export function renderInstanceSpec(spec: CommonSpec, extras: MainExtras = {}): PodSpec {
  const volumes = renderVolumes(spec);
  const mountable = mountableVolumes(spec);
  const pullPolicy = spec.pod?.imagePullPolicy ?? 'IfNotPresent';
  return {
    schedulingGates: [{ name: PERMIT_GATE }],
    terminationGracePeriodSeconds: Math.ceil(spec.terminationGracePeriod / SECOND),
    ...(isEmpty(spec.nodeSelector) ? {} : { nodeSelector: sorted(spec.nodeSelector) }),
    ...renderPlacement(spec.pod ?? {}),
    containers: [
      renderMain(spec, pullPolicy, extras),
      ...spec.sidecars.map((sidecar) => renderSidecar(sidecar, pullPolicy, mountable)),
    ],
    ...(volumes.length === 0 ? {} : { volumes }),
  };
}

/** The options that belong to the pod and not to a container of it. Objects are handed through as they were written. */
function renderPlacement(options: PodOptions): Omit<PodSpec, 'containers'> {
  const { serviceAccountName, imagePullSecrets = [], priorityClassName, tolerations = [] } = options;
  const { podSecurityContext, affinity } = options;
  return {
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    ...(imagePullSecrets.length === 0
      ? {}
      : { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) }),
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    ...(podSecurityContext === undefined ? {} : { securityContext: sortedDeep(podSecurityContext) }),
    ...(affinity === undefined ? {} : { affinity: sortedDeep(affinity) }),
    ...(tolerations.length === 0 ? {} : { tolerations: tolerations.map(sortedDeep) }),
  };
}
