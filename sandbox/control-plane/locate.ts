/**
 * Finds the folder with the four programs, in this order: a folder named by the environment, the user's cache, the
 * published binaries, a build. The last two fill the cache, one process at a time.
 */
import { access, constants, mkdtemp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { lockFile } from '../file-lock.ts';
import type { Progress } from '../progress.ts';
import { reasonOf } from '../reason.ts';
import { COMPONENTS } from './component.ts';
import { PUBLIC_BASES } from './download.ts';
import type { DownloadBases } from './download.ts';
import { keyOf } from './release.ts';
import type { Release } from './release.ts';

/** Fills an existing, empty folder with the four programs, or throws an Error that says why not in a few words. */
export type Source = (dir: string, progress: Progress, signal: AbortSignal) => Promise<void>;

/** What `locateControlPlane` needs to know. */
export interface LocateOptions {
  readonly env: Readonly<NodeJS.ProcessEnv>;
  readonly release: Release;
  /** Ways to fill the cache, in order, each with the words that name it in an error. */
  readonly sources: readonly { readonly name: string; readonly fill: Source }[];
  readonly progress: Progress;
}

/** Folders that are used if they are complete, in this order. */
const FOLDER_VARIABLES = ['HIGHLANDER_CONTROL_PLANE', 'KUBEBUILDER_ASSETS'] as const;

/** `$HIGHLANDER_CACHE`, else `$XDG_CACHE_HOME/k8-highlander`, else `~/.cache/k8-highlander`. Empty counts as unset. */
export function cacheFolder(env: Readonly<NodeJS.ProcessEnv>): string {
  const own = env['HIGHLANDER_CACHE'];
  if (own !== undefined && own !== '') return own;
  const xdg = env['XDG_CACHE_HOME'];
  return join(xdg === undefined || xdg === '' ? join(homedir(), '.cache') : xdg, 'k8-highlander');
}

/** `$HIGHLANDER_KUBERNETES_DOWNLOAD` and `$HIGHLANDER_ETCD_DOWNLOAD`, else the public addresses. */
export function downloadBases(env: Readonly<NodeJS.ProcessEnv>): DownloadBases {
  const base = (name: string, fallback: string): string => (env[name] ?? '').replace(/\/+$/, '') || fallback;
  return {
    kubernetes: base('HIGHLANDER_KUBERNETES_DOWNLOAD', PUBLIC_BASES.kubernetes),
    etcd: base('HIGHLANDER_ETCD_DOWNLOAD', PUBLIC_BASES.etcd),
  };
}

/**
 * Answers an absolute folder that holds all four programs, executable.
 *
 * @throws Error of one sentence that names each thing that was tried and why it did not do.
 */
export async function locateControlPlane(options: LocateOptions, signal: AbortSignal): Promise<string> {
  const { env, release, sources, progress } = options;
  const tried: string[] = [];
  for (const variable of FOLDER_VARIABLES) {
    const folder = env[variable];
    if (folder === undefined || folder === '') {
      tried.push(`${variable} is not set`);
      continue;
    }
    const missing = await firstMissing(folder);
    if (missing === undefined) return folder;
    const reason = `${variable}=${folder} has no executable ${missing}`;
    progress.line(`${reason}: looking elsewhere`);
    tried.push(reason);
  }
  const shelf = join(cacheFolder(env), 'control-plane');
  const cached = join(shelf, keyOf(release));
  if ((await firstMissing(cached)) === undefined) return cached;
  tried.push(`the cache ${cached} is empty`);
  const fill = async (): Promise<string> => {
    if ((await firstMissing(cached)) === undefined) return cached; // whoever held the lock before us
    for (const { name, fill: source } of sources) {
      const reason = await fillFrom(source, cached, progress, signal);
      if (reason === undefined) return cached;
      tried.push(`${name} failed (${reason})`);
    }
    throw new Error(`no control plane: ${tried.join('; ')}`);
  };
  const onWait = (): void => progress.line('another process is fetching the control plane: waiting for it');
  await mkdir(shelf, { recursive: true }).catch((error: unknown) => {
    throw new Error(
      `no control plane: ${tried.join('; ')}; the cache cannot be written (${reasonOf(error)})`,
      {
        cause: error,
      },
    );
  });
  const lock = await lockFile(`${cached}.lock`, onWait, signal);
  try {
    return await fill();
  } finally {
    await lock.release();
  }
}

/** Fills a folder beside the cached one and renames it when complete. Answers why it failed. */
async function fillFrom(
  source: Source,
  cached: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<string | undefined> {
  await removeLeftovers(cached);
  const beside = await mkdtemp(`${cached}.new-`);
  try {
    await source(beside, progress, signal);
    const missing = await firstMissing(beside);
    if (missing !== undefined) return `it brought no executable ${missing}`;
    await rm(cached, { recursive: true, force: true });
    await rename(beside, cached);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return reasonOf(error);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** Half-filled folders of processes that died. Under the lock nobody else has one. */
async function removeLeftovers(cached: string): Promise<void> {
  const shelf = join(cached, '..');
  const prefix = `${cached.slice(shelf.length + 1)}.new-`;
  const names = (await readdir(shelf)).filter((name) => name.startsWith(prefix));
  await Promise.all(names.map((name) => rm(join(shelf, name), { recursive: true, force: true })));
}

/** The first program that the folder lacks. */
async function firstMissing(folder: string): Promise<string | undefined> {
  for (const name of COMPONENTS) {
    const isThere = await access(join(folder, name), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!isThere) return name;
  }
  return undefined;
}
