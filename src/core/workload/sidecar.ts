/** Reads the containers that run beside the main one. */
import type { Element, MapReader } from '../document/map-reader.ts';
import { readImage, readResources } from './container-fields.ts';
import { readEnv } from './metadata-fields.ts';
import type { Sidecar, VolumeMount } from './model.ts';
import { MAIN_CONTAINER } from './names.ts';
import { SECURITY_CONTEXT_FIELDS } from './spec-fields.ts';
import { isDnsLabel } from './syntax.ts';

/** `volumes` are the names that a sidecar may mount. */
export function readSidecars(parent: MapReader, volumes: readonly string[]): readonly Sidecar[] {
  const sidecars: Sidecar[] = [];
  const taken = new Set([MAIN_CONTAINER]);
  for (const element of parent.list('sidecars') ?? []) {
    const reader = parent.element(element);
    if (reader === undefined) continue;
    const name = readName(reader, taken);
    const sidecar = readContainer(reader, volumes);
    reader.finish();
    if (name !== undefined && sidecar !== undefined) sidecars.push({ name, ...sidecar });
  }
  return sidecars;
}

function readName(reader: MapReader, taken: Set<string>): string | undefined {
  const name = reader.requiredText('name', 'name the sidecar, for example log-shipper');
  if (name === undefined) return undefined;
  if (!isDnsLabel(name))
    reader.problem(
      'name',
      'InvalidValue',
      `${JSON.stringify(name)} is not a container name`,
      'use at most 63 lower-case letters, digits and -, beginning and ending alphanumeric',
    );
  else if (taken.has(name))
    reader.problem(
      'name',
      'DuplicateName',
      `another container is named ${name}`,
      'give each container its own name',
    );
  taken.add(name);
  return name;
}

function readContainer(reader: MapReader, volumes: readonly string[]): Omit<Sidecar, 'name'> | undefined {
  const image = readImage(reader);
  const command = reader.texts('command')?.map(({ text }) => text);
  const args = reader.texts('args')?.map(({ text }) => text);
  const securityContext = readSecurityContext(reader);
  const rest = {
    ...(command === undefined ? {} : { command }),
    ...(args === undefined ? {} : { args }),
    env: readEnv(reader),
    resources: readResources(reader),
    volumeMounts: readMounts(reader, volumes),
    ...(securityContext === undefined ? {} : { securityContext }),
  };
  return image === undefined ? undefined : { image, ...rest };
}

function readMounts(parent: MapReader, volumes: readonly string[]): readonly VolumeMount[] {
  const mounts: VolumeMount[] = [];
  for (const element of parent.list('volumeMounts') ?? []) {
    const mount = readMount(parent, element, volumes, mounts);
    if (mount !== undefined) mounts.push(mount);
  }
  return mounts;
}

function readMount(
  parent: MapReader,
  element: Element,
  volumes: readonly string[],
  before: readonly VolumeMount[],
): VolumeMount | undefined {
  const reader = parent.element(element);
  if (reader === undefined) return undefined;
  const known =
    volumes.length === 0 ? 'list configMaps or secrets first' : `use one of ${volumes.join(', ')}`;
  const name = reader.requiredText('name', known);
  const mountPath = reader.requiredText('mountPath', 'write an absolute path inside the container');
  const readOnly = reader.boolean('readOnly');
  reader.finish();
  if (name !== undefined && !volumes.includes(name))
    reader.problem('name', 'InvalidValue', `${JSON.stringify(name)} is not a volume of this workload`, known);
  if (mountPath !== undefined && !/^\/[^:]*$/.test(mountPath))
    reader.problem(
      'mountPath',
      'InvalidValue',
      'is not an absolute path without a colon',
      'write for example /etc/app',
    );
  if (before.some((mount) => mount.mountPath === mountPath))
    reader.problem(
      'mountPath',
      'DuplicateName',
      `two volumes are mounted at ${mountPath}`,
      'use another path',
    );
  if (name === undefined || mountPath === undefined) return undefined;
  return { name, mountPath, ...(readOnly === undefined ? {} : { readOnly }) };
}

function readSecurityContext(parent: MapReader): Sidecar['securityContext'] {
  const reader = parent.map('securityContext');
  if (reader === undefined) return undefined;
  const context = {
    privileged: reader.boolean('privileged'),
    runAsUser: readUserId(reader, 'runAsUser'),
    runAsGroup: readUserId(reader, 'runAsGroup'),
    runAsNonRoot: reader.boolean('runAsNonRoot'),
    readOnlyRootFilesystem: reader.boolean('readOnlyRootFilesystem'),
  };
  reader.finish();
  return Object.fromEntries(Object.entries(context).filter(([, value]) => value !== undefined));
}

function readUserId(reader: MapReader, key: 'runAsUser' | 'runAsGroup'): number | undefined {
  const id = reader.integer(key);
  const { minimum, maximum } = SECURITY_CONTEXT_FIELDS[key];
  if (id === undefined || (id >= minimum && id <= maximum)) return id;
  reader.problem(key, 'InvalidValue', `${id} is not a user or group id`, 'use a number from 0 to 2147483647');
  return undefined;
}
