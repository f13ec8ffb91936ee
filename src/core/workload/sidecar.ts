/** Reads the containers that run beside the main one. */
import type { MapReader } from '../document/map-reader.ts';
import { readImage, readResources } from './container-fields.ts';
import { readEnv } from './metadata-fields.ts';
import type { Sidecar } from './model.ts';
import { readMounts } from './mounts.ts';
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
