/** Reads the volumes that outlive the instance of a persistent set. */
import type { Element, MapReader } from '../document/map-reader.ts';
import type { PersistentVolume } from './model.ts';
import { readMountPath } from './mounts.ts';
import { parseQuantity } from './quantity.ts';
import { isDnsLabel, isDnsSubdomain, NAME_HINT } from './syntax.ts';

export function readPersistentVolumes(reader: MapReader): readonly PersistentVolume[] {
  const names = new Set<string>();
  const paths = new Set<string>();
  return (reader.list('persistentVolumes') ?? []).flatMap((element) => {
    const volume = readVolume(reader, element, names, paths);
    return volume === undefined ? [] : [volume];
  });
}

function readVolume(
  list: MapReader,
  element: Element,
  names: Set<string>,
  paths: Set<string>,
): PersistentVolume | undefined {
  const reader = list.element(element);
  if (reader === undefined) return undefined;
  const name = readName(reader, names);
  const mountPath = readMountPath(reader, paths);
  const size = readSize(reader);
  const storageClassName = reader.text('storageClassName') ?? '';
  if (storageClassName !== '' && !isDnsSubdomain(storageClassName))
    reader.problem(
      'storageClassName',
      'InvalidValue',
      `${JSON.stringify(storageClassName)} is not an object name`,
      NAME_HINT,
    );
  reader.finish();
  if (name === undefined || mountPath === undefined || size === undefined) return undefined;
  return { name, mountPath, size, storageClassName };
}

function readName(reader: MapReader, names: Set<string>): string | undefined {
  const name = reader.requiredText('name', 'name the volume, for example data');
  if (name === undefined) return undefined;
  if (!isDnsLabel(name))
    reader.problem(
      'name',
      'InvalidValue',
      `${JSON.stringify(name)} is not a volume name`,
      'use at most 63 lower-case letters, digits and -, beginning and ending alphanumeric',
    );
  else if (names.has(name))
    reader.problem('name', 'DuplicateName', `two volumes are named ${name}`, 'give each volume its own name');
  names.add(name);
  return name;
}

function readSize(reader: MapReader): string | undefined {
  const size = reader.requiredText('size', 'write for example 10Gi');
  if (size === undefined || (parseQuantity(size) ?? 0) > 0) return size;
  reader.problem('size', 'InvalidValue', `${JSON.stringify(size)} is not a size`, 'write for example 10Gi');
  return undefined;
}
