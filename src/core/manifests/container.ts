/** The containers of an instance pod: the main one and its sidecars. */
import type {
  CommonSpec,
  PersistentVolume,
  PodOptions,
  Resources,
  Script,
  Sidecar,
  StringMap,
} from '../workload/model.ts';
import { ANNOTATION, MAIN_CONTAINER, TOKEN_ENV } from '../workload/names.ts';
import type { Container, EnvVar } from './pod.ts';
import { isEmpty, sorted, sortedDeep } from './sorted.ts';
import { renderMainMounts, renderMount } from './volumes.ts';

type PullPolicy = NonNullable<Container['imagePullPolicy']>;
type Probes = Pick<Container, 'readinessProbe' | 'livenessProbe' | 'startupProbe'>;

/** What a kind adds to the main container. */
export interface MainExtras {
  /** Used where the options of the pod give none. */
  readonly probes?: Probes;
  /** Mounted under their names. */
  readonly claims?: readonly PersistentVolume[];
}

export function renderMain(
  spec: CommonSpec,
  imagePullPolicy: PullPolicy,
  { probes = {}, claims = [] }: MainExtras,
): Container {
  const options = spec.pod ?? {};
  const mounts = renderMainMounts(spec, claims);
  const { envFrom = [] } = options;
  return {
    name: MAIN_CONTAINER,
    image: spec.image,
    imagePullPolicy,
    ...renderProgram(spec),
    ...(envFrom.length === 0 ? {} : { envFrom: envFrom.map(sortedDeep) }),
    env: renderMainEnv(spec.env, options.envValueFrom ?? {}),
    ...renderPorts(spec.ports),
    ...renderResources(spec.resources),
    ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
    ...renderBehaviour(options, probes),
  };
}

/** Probes, hooks and security context. Handed through as they were written. */
function renderBehaviour(options: PodOptions, probes: Probes): Partial<Container> {
  const { securityContext, lifecycle } = options;
  const {
    readinessProbe = probes.readinessProbe,
    livenessProbe = probes.livenessProbe,
    startupProbe,
  } = options;
  return {
    ...(readinessProbe === undefined ? {} : { readinessProbe: sortedDeep(readinessProbe) }),
    ...(livenessProbe === undefined ? {} : { livenessProbe: sortedDeep(livenessProbe) }),
    ...(startupProbe === undefined ? {} : { startupProbe: sortedDeep(startupProbe) }),
    ...(lifecycle === undefined ? {} : { lifecycle: sortedDeep(lifecycle) }),
    ...(securityContext === undefined ? {} : { securityContext: sortedDeep(securityContext) }),
  };
}

export function renderSidecar(
  sidecar: Sidecar,
  imagePullPolicy: PullPolicy,
  mountable: ReadonlyMap<string, string>,
): Container {
  const { name, image, command, args, env, resources, volumeMounts, securityContext } = sidecar;
  const mounts = volumeMounts.map((mount) =>
    renderMount({ ...mount, name: mountable.get(mount.name) ?? mount.name }),
  );
  return {
    name,
    image,
    imagePullPolicy,
    ...renderProgram({ command, args }),
    ...(isEmpty(env) ? {} : { env: renderEnv(env) }),
    ...renderResources(resources),
    ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
    ...(securityContext === undefined ? {} : { securityContext: sortedDeep(securityContext) }),
  };
}

function renderPorts(ports: CommonSpec['ports']): Pick<Container, 'ports'> {
  if (ports.length === 0) return {};
  return {
    ports: ports.map(({ name, containerPort }) => ({ name, containerPort, protocol: 'TCP' as const })),
  };
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

/**
 * The program learns its fencing token from the annotation that is written in the request that lifts the gate; nothing
 * of a user may stand in its place. A reference to a value wins over a value of the same name.
 */
function renderMainEnv(env: StringMap, references: PodOptions['envValueFrom'] & {}): readonly EnvVar[] {
  const token = { fieldRef: { fieldPath: `metadata.annotations['${ANNOTATION.token}']` } };
  const variables = new Map<string, EnvVar>([
    ...renderEnv(env).map((variable) => [variable.name, variable] as const),
    ...Object.entries(references).map(
      ([name, from]) => [name, { name, valueFrom: sortedDeep(from) }] as const,
    ),
    [TOKEN_ENV, { name: TOKEN_ENV, valueFrom: token }],
  ]);
  return [...variables.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
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
