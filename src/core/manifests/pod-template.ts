/**
 * What the pods of every kind share: containers, volumes, the gate, the finalizer, labels and annotations. A template
 * depends on the workload and the installation alone. Leader, term, token and time never enter it: they would make
 * every change of leader look like a change of spec. All maps are written in sorted order.
 */
import { SECOND } from '../time.ts';
import {
  formatKey,
  type CommonSpec,
  type Resources,
  type Script,
  type Sidecar,
  type StringMap,
  type VolumeMount,
  type Workload,
} from '../workload/model.ts';
import {
  ANNOTATION,
  LABEL,
  MAIN_CONTAINER,
  PERMIT_GATE,
  SINGLETON_FINALIZER,
  TOKEN_ENV,
} from '../workload/names.ts';
import type { Container, EnvVar, PodMeta, PodSpec } from './pod.ts';
import { mountableVolumes, renderMainMounts, renderVolumes } from './volumes.ts';

/** The installation an object belongs to. Not the instance of the controller that happens to lead. */
export interface RenderIdentity {
  readonly tenant: string;
  /** See `ANNOTATION.fingerprint`. */
  readonly fingerprint: string;
}

/** Labels, annotations and finalizer of an instance pod; the caller adds the name, where the kind fixes one. */
export function renderInstanceMeta(
  workload: Workload,
  { tenant, fingerprint }: RenderIdentity,
): Omit<PodMeta, 'name'> {
  const { key, spec, source, templateHash } = workload;
  return {
    namespace: key.namespace,
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
    finalizers: [SINGLETON_FINALIZER],
  };
}

/** Everything of the pod spec but what a kind decides itself (restartPolicy). Gated: it cannot start by itself. */
export function renderInstanceSpec(spec: CommonSpec): PodSpec {
  const volumes = renderVolumes(spec);
  const mountable = mountableVolumes(spec);
  return {
    schedulingGates: [{ name: PERMIT_GATE }],
    terminationGracePeriodSeconds: Math.ceil(spec.terminationGracePeriod / SECOND),
    ...(isEmpty(spec.nodeSelector) ? {} : { nodeSelector: sorted(spec.nodeSelector) }),
    containers: [renderMain(spec), ...spec.sidecars.map((sidecar) => renderSidecar(sidecar, mountable))],
    ...(volumes.length === 0 ? {} : { volumes }),
  };
}

function renderMain(spec: CommonSpec): Container {
  const mounts = renderMainMounts(spec);
  return {
    name: MAIN_CONTAINER,
    image: spec.image,
    imagePullPolicy: 'IfNotPresent',
    ...renderProgram(spec),
    env: renderMainEnv(spec.env),
    ...(spec.ports.length === 0
      ? {}
      : {
          ports: spec.ports.map(({ name, containerPort }) => ({
            name,
            containerPort,
            protocol: 'TCP' as const,
          })),
        }),
    ...renderResources(spec.resources),
    ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
  };
}

function renderSidecar(sidecar: Sidecar, mountable: ReadonlyMap<string, string>): Container {
  const { name, image, command, args, env, resources, volumeMounts, securityContext } = sidecar;
  return {
    name,
    image,
    imagePullPolicy: 'IfNotPresent',
    ...renderProgram({ command, args }),
    ...(isEmpty(env) ? {} : { env: renderEnv(env) }),
    ...renderResources(resources),
    ...(volumeMounts.length === 0 ? {} : { volumeMounts: renderMounts(volumeMounts, mountable) }),
    ...(securityContext === undefined ? {} : { securityContext }),
  };
}

function renderMounts(
  mounts: readonly VolumeMount[],
  mountable: ReadonlyMap<string, string>,
): NonNullable<Container['volumeMounts']> {
  return mounts.map(({ name, mountPath, readOnly }) => ({
    name: mountable.get(name) ?? name,
    mountPath,
    ...(readOnly === undefined ? {} : { readOnly }),
  }));
}

function renderProgram({
  script,
  command,
  args,
}: {
  readonly script?: Script | undefined;
  readonly command?: readonly string[] | undefined;
  readonly args?: readonly string[] | undefined;
}): Pick<Container, 'command' | 'args'> {
  if (script !== undefined) return { command: [script.shell], args: ['-c', wrapScript(script.commands)] };
  return { ...(command === undefined ? {} : { command }), ...(args === undefined ? {} : { args }) };
}

/**
 * One script that stops at the first command that fails. Kept to the byte: pods made by earlier releases carry the same
 * text, and another one would make them look changed.
 */
function wrapScript(commands: readonly string[]): string {
  return `#!/bin/sh\nset -e\n\n${commands.map((command) => `${command}\n`).join('')}`;
}

/** The program learns its fencing token from the annotation that is written in the request that lifts the gate. */
function renderMainEnv(env: StringMap): readonly EnvVar[] {
  const fieldPath = `metadata.annotations['${ANNOTATION.token}']`;
  const token: EnvVar = { name: TOKEN_ENV, valueFrom: { fieldRef: { fieldPath } } };
  return [...renderEnv(env).filter(({ name }) => name !== TOKEN_ENV), token].toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  );
}

function renderEnv(env: StringMap): readonly EnvVar[] {
  return Object.entries(sorted(env)).map(([name, value]) => ({ name, value }));
}

function renderResources(resources: Resources): Pick<Container, 'resources'> {
  const requests = quantities(resources.cpuRequest, resources.memoryRequest);
  const limits = quantities(resources.cpuLimit, resources.memoryLimit);
  if (isEmpty(requests) && isEmpty(limits)) return {};
  return {
    resources: { ...(isEmpty(requests) ? {} : { requests }), ...(isEmpty(limits) ? {} : { limits }) },
  };
}

function quantities(cpu: string | undefined, memory: string | undefined): StringMap {
  return { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
}

function isEmpty(map: StringMap): boolean {
  return Object.keys(map).length === 0;
}

function sorted(map: StringMap): StringMap {
  return Object.fromEntries(Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
