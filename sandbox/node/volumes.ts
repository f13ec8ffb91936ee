/**
 * The volumes of a pod, as folders. There is no mount: a container finds the folder of volume `some-name` in its
 * environment as `HIGHLANDER_VOLUME_SOME_NAME`. A claim's folder outlives the pod; all others end with it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';

import { done, fieldValue, missing, notFound } from './environment.ts';
import type { PodPlace, Rendered, SourceLookup } from './environment.ts';
import type { ContainerSpec, KeyToPath, Pod, SourceData, Volume, VolumeSource } from './pod.ts';
import { volumeSources } from './sources.ts';

/** The environment variable that holds the folder of a volume. */
export function volumeVariable(name: string): string {
  return `HIGHLANDER_VOLUME_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** The volumes that a container mounts. */
export function mountedVolumes(pod: Pod, container: ContainerSpec): readonly Volume[] {
  const names = new Set((container.volumeMounts ?? []).map((mount) => mount.name));
  return (pod.spec.volumes ?? []).filter((volume) => names.has(volume.name));
}

/**
 * The files of a volume by relative path. Service account tokens are not issued here, so such a source adds nothing.
 */
export function filesOf(
  pod: Pod,
  place: PodPlace,
  volume: Volume,
  sources: SourceLookup,
): Rendered<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const source of volumeSources(volume)) {
    const problem = addFiles(files, pod, place, source, sources);
    if (problem !== undefined) return missing(problem);
  }
  return done(files);
}

function addFiles(
  files: Map<string, Buffer>,
  pod: Pod,
  place: PodPlace,
  source: VolumeSource,
  sources: SourceLookup,
): string | undefined {
  for (const item of source.downwardAPI?.items ?? [])
    files.set(item.path, Buffer.from(fieldValue(pod, place, item.fieldRef?.fieldPath ?? '') ?? ''));
  for (const kind of ['ConfigMap', 'Secret'] as const) {
    const ref = kind === 'ConfigMap' ? source.configMap : source.secret;
    if (ref === undefined) continue;
    const name = (kind === 'Secret' ? source.secret?.secretName : undefined) ?? ref.name ?? '';
    const data: SourceData | undefined = sources(kind, name);
    if (data === undefined && ref.optional !== true) return notFound(kind, name);
    const items: readonly KeyToPath[] =
      ref.items ?? Object.keys(data ?? {}).map((key) => ({ key, path: key }));
    for (const { key, path } of items) {
      const value = data?.[key];
      if (value !== undefined) files.set(path, value);
      else if (ref.optional !== true) return `references non-existent key ${key} in ${kind} "${name}"`;
    }
  }
  return undefined;
}

/** Writes one volume and answers its folder. `claims` is the folder of all claims, `dir` that of the pod's volumes. */
export async function writeVolume(
  pod: Pod,
  volume: Volume,
  files: ReadonlyMap<string, Buffer>,
  dir: string,
  claims: string,
): Promise<string> {
  if (volume.hostPath !== undefined) return volume.hostPath.path;
  const claim = volume.persistentVolumeClaim?.claimName;
  const folder = claim === undefined ? join(dir, volume.name) : join(claims, pod.metadata.namespace, claim);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [path, content] of files) {
    const file = resolve(folder, path);
    if (!file.startsWith(folder + sep)) throw new Error(`volume ${volume.name}: ${path} leads out of it`);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, content, { mode: 0o600 });
  }
  return folder;
}
