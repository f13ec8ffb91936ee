/** Prepares what a container is started with: its environment, its volumes, its working folder, its command. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { Launch } from './container.ts';
import { done, missing, renderEnvironment } from './environment.ts';
import type { PodPlace, Rendered } from './environment.ts';
import { commandOf } from './images.ts';
import type { ImageMap } from './images.ts';
import type { ContainerSpec, Pod } from './pod.ts';
import { referencedSources } from './sources.ts';
import type { SourceReader } from './sources.ts';
import { filesOf, mountedVolumes, volumeVariable, writeVolume } from './volumes.ts';

/** Where a node keeps its files. */
export interface NodeFolders {
  /** One folder for each pod uid, removed with the pod. */
  readonly pods: string;
  /** `NAMESPACE_POD_UID/CONTAINER/ATTEMPT.log`, as under /var/log/pods of a real node. */
  readonly logs: string;
  readonly claims: string;
}

export interface LaunchRequest {
  readonly pod: Pod;
  readonly container: ContainerSpec;
  readonly place: PodPlace;
  readonly images: ImageMap;
  readonly folders: NodeFolders;
  readonly sources: SourceReader;
  /** Number of this start, from 0. */
  readonly attempt: number;
}

/** The file that a start's output goes to. */
export function logFile(folders: NodeFolders, pod: Pod, container: string, attempt: number): string {
  const { namespace, name, uid } = pod.metadata;
  return join(folders.logs, `${namespace}_${name}_${uid}`, container, `${attempt}.log`);
}

/** Answers `missing` when a ConfigMap, Secret or key is not there (yet). Rejects when the node's own disk fails. */
export async function prepareLaunch(request: LaunchRequest): Promise<Rendered<Launch>> {
  const { pod, container, place, folders } = request;
  const volumes = mountedVolumes(pod, container);
  const sources = await request.sources.read(pod, referencedSources(container, volumes));
  if (typeof sources === 'string') return missing(sources);
  const declared = renderEnvironment(pod, container, place, sources);
  if (declared.kind === 'missing') return declared;
  const home = join(folders.pods, pod.metadata.uid);
  const folderOf: Record<string, string> = {};
  for (const volume of volumes) {
    const files = filesOf(pod, place, volume, sources);
    if (files.kind === 'missing') return files;
    const folder = await writeVolume(pod, volume, files.value, join(home, 'volumes'), folders.claims);
    folderOf[volumeVariable(volume.name)] = folder;
  }
  const scratch = join(home, 'containers', container.name);
  const log = logFile(folders, pod, container.name, request.attempt);
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  await mkdir(join(log, '..'), { recursive: true, mode: 0o700 });
  const env = {
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: scratch,
    HOSTNAME: pod.spec.hostname ?? pod.metadata.name,
    ...folderOf,
    ...declared.value,
  };
  const asked = container.workingDir;
  return done({
    argv: commandOf(container, request.images, env),
    env,
    cwd: asked !== undefined && existsSync(asked) ? asked : scratch,
    log,
  });
}
