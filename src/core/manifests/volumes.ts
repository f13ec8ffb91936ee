/**
 * Volumes of ConfigMaps and Secrets: `config-X` at `/etc/config/X`, `secret-X` at `/etc/secrets/X`. Volumes of the pod
 * options stand after them; those of persistent sets come from the claims, and only their mounts are here.
 */
import type { CommonSpec, PersistentVolume, VolumeMount } from '../workload/model.ts';
import { fnv1a64 } from '../workload/template-hash.ts';
import type { PodSpec } from './pod.ts';
import { sortedDeep } from './sorted.ts';

/** Volume names are DNS labels (RFC 1123). */
const MAX_NAME = 63;
const DIGEST = 8;

type VolumeKind = 'config' | 'secret';

/**
 * The volume name for a ConfigMap or Secret: the plain `config-X` wherever that is valid; otherwise (dots, too long) a
 * shortened form with a digest of X, so that two of them never meet.
 */
export function volumeName(kind: VolumeKind, name: string): string {
  const plain = `${kind}-${name}`;
  if (plain.length <= MAX_NAME && !plain.includes('.')) return plain;
  const stem = plain.replaceAll('.', '-').slice(0, MAX_NAME - DIGEST - 1);
  return `${stem}-${fnv1a64(name).slice(0, DIGEST)}`;
}

/** The names under which a sidecar may mount the volumes of a spec, with the volume each stands for. */
export function mountableVolumes(
  spec: Pick<CommonSpec, 'configMaps' | 'secrets'>,
): ReadonlyMap<string, string> {
  return new Map([
    ...spec.configMaps.map((name) => [`config-${name}`, volumeName('config', name)] as const),
    ...spec.secrets.map((name) => [`secret-${name}`, volumeName('secret', name)] as const),
  ]);
}

export function renderVolumes({
  configMaps,
  secrets,
  pod,
}: Pick<CommonSpec, 'configMaps' | 'secrets' | 'pod'>): NonNullable<PodSpec['volumes']> {
  return [
    ...configMaps.map((name) => ({ name: volumeName('config', name), configMap: { name } })),
    ...secrets.map((name) => ({ name: volumeName('secret', name), secret: { secretName: name } })),
    // Handed through: the API server is the judge of them.
    ...(pod?.volumes ?? []).map(sortedDeep),
  ];
}

/** Where the main container finds them. */
export function renderMainMounts(
  { configMaps, secrets, pod }: Pick<CommonSpec, 'configMaps' | 'secrets' | 'pod'>,
  claims: readonly PersistentVolume[],
): readonly VolumeMount[] {
  return [
    ...configMaps.map((name) => ({ name: volumeName('config', name), mountPath: `/etc/config/${name}` })),
    ...secrets.map((name) => ({ name: volumeName('secret', name), mountPath: `/etc/secrets/${name}` })),
    ...claims.map(({ name, mountPath }) => ({ name, mountPath })),
    ...(pod?.volumeMounts ?? []).map(renderMount),
  ];
}

/** Written in one order of keys, whatever the order of the source. */
export function renderMount({ name, mountPath, readOnly }: VolumeMount): VolumeMount {
  return { name, mountPath, ...(readOnly === undefined ? {} : { readOnly }) };
}
