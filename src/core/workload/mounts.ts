/** Reads where a container sees its volumes. */
import type { Element, MapReader } from '../document/map-reader.ts';
import type { VolumeMount } from './model.ts';

/** `volumes` are the names that may be mounted, `taken` the paths at which something is mounted already. */
export function readMounts(
  parent: MapReader,
  volumes: readonly string[],
  taken: readonly string[] = [],
): readonly VolumeMount[] {
  const mounts: VolumeMount[] = [];
  const paths = new Set(taken);
  for (const element of parent.list('volumeMounts') ?? []) {
    const mount = readMount(parent, element, volumes, paths);
    if (mount !== undefined) mounts.push(mount);
  }
  return mounts;
}

function readMount(
  parent: MapReader,
  element: Element,
  volumes: readonly string[],
  paths: Set<string>,
): VolumeMount | undefined {
  const reader = parent.element(element);
  if (reader === undefined) return undefined;
  const known =
    volumes.length === 0 ? 'list configMaps, secrets or volumes first' : `use one of ${volumes.join(', ')}`;
  const name = reader.requiredText('name', known);
  const mountPath = readMountPath(reader, paths);
  const readOnly = reader.boolean('readOnly');
  reader.finish();
  if (name !== undefined && !volumes.includes(name))
    reader.problem('name', 'InvalidValue', `${JSON.stringify(name)} is not a volume of this workload`, known);
  if (name === undefined || mountPath === undefined) return undefined;
  return { name, mountPath, ...(readOnly === undefined ? {} : { readOnly }) };
}

/** An absolute path that is not in `paths`, where it is then entered. */
export function readMountPath(reader: MapReader, paths: Set<string>): string | undefined {
  const mountPath = reader.requiredText('mountPath', 'write an absolute path inside the container');
  if (mountPath === undefined) return undefined;
  if (!/^\/[^:]*$/.test(mountPath))
    reader.problem(
      'mountPath',
      'InvalidValue',
      'is not an absolute path without a colon',
      'write for example /etc/app',
    );
  if (paths.has(mountPath))
    reader.problem(
      'mountPath',
      'DuplicateName',
      `two volumes are mounted at ${mountPath}`,
      'use another path',
    );
  paths.add(mountPath);
  return mountPath;
}
