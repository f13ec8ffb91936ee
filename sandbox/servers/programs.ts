/**
 * Where server programs come from: the PATH, else Debian packages unpacked into the user's cache. Unpacking installs
 * nothing and needs no rights, only package lists (`apt-get update`).
 */
import { execFile } from 'node:child_process';
import { access, chmod, chown, constants, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../control-plane/locate.ts';
import { lockFile } from '../file-lock.ts';
import type { Progress } from '../progress.ts';
import { reasonOf } from '../reason.ts';

const run = promisify(execFile);

/** A program and the environment it needs. */
export interface Program {
  readonly path: string;
  readonly env: Readonly<NodeJS.ProcessEnv>;
}

/** How to get a program. */
export interface Wanted {
  /** Any of these will do; `packages` must bring the first. */
  readonly names: readonly [string, ...string[]];
  /** Debian packages that hold the first program and the libraries it needs beyond libc. */
  readonly packages: readonly string[];
  /** Where the packages put the program, from the root: `usr/bin`. */
  readonly folder: string;
}

/** What finding a program needs. */
export interface Surroundings {
  readonly env: Readonly<NodeJS.ProcessEnv>;
  readonly progress: Progress;
}

/** The user of servers that refuse root: `nobody` for root, else nobody else. */
export function serverUser(): number | undefined {
  return process.getuid?.() === 0 ? 65_534 : undefined;
}

/** Where unpacked servers are kept. Root's home is closed to the user that some of them run as. */
export function serverShelf(env: Readonly<NodeJS.ProcessEnv>): string {
  const isOwn = (env['HIGHLANDER_CACHE'] ?? '') !== '';
  if (isOwn || serverUser() === undefined) return join(cacheFolder(env), 'servers');
  return join(tmpdir(), 'k8-highlander-servers');
}

/** An empty folder for a server's data, which belongs to the user that it runs as. */
export async function dataFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `k8-highlander-${name}-`));
  const uid = serverUser();
  if (uid !== undefined) await chown(folder, uid, uid);
  return folder;
}

/**
 * Finds the program, fetching it once if it is not installed.
 *
 * @throws Error of one sentence that says what to install.
 */
export async function locateProgram(
  wanted: Wanted,
  { env, progress }: Surroundings,
  signal: AbortSignal,
): Promise<Program> {
  const inherited = { PATH: env['PATH'] ?? '/usr/bin:/bin' };
  const installed = await onPath(wanted.names, inherited.PATH);
  if (installed !== undefined) return { path: installed, env: inherited };
  const [name] = wanted.names;
  const unpacked = join(serverShelf(env), name);
  const path = join(unpacked, wanted.folder, name);
  const libraries = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const program = { path, env: { ...inherited, LD_LIBRARY_PATH: join(unpacked, 'usr/lib', libraries) } };
  const progressing = {
    isComplete: () => isExecutable(path),
    onWait: () => progress.line(`another process is fetching ${name}: waiting for it`),
  };
  const fill = (beside: string): Promise<void> => {
    progress.line(`fetching ${name} as Debian packages`);
    return unpack(wanted.packages, beside, signal);
  };
  try {
    await fillOnce(unpacked, progressing, fill, signal);
    return program;
  } catch (error) {
    signal.throwIfAborted();
    const command = `apt-get download ${wanted.packages.join(' ')}`;
    throw new Error(`${name} is not on PATH and '${command}' failed: install ${name} (${reasonOf(error)})`, {
      cause: error,
    });
  }
}

async function unpack(packages: readonly string[], beside: string, signal: AbortSignal): Promise<void> {
  await run('apt-get', ['download', '-q', ...packages], { cwd: beside, signal });
  for (const file of await readdir(beside))
    if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', file, '.'], { cwd: beside, signal });
}

/**
 * Fills `target` once, one process at a time: `fill` gets an empty folder beside it, which is renamed when complete.
 * `isComplete` says that somebody else was faster.
 */
export async function fillOnce(
  target: string,
  { isComplete, onWait }: { readonly isComplete: () => Promise<boolean>; readonly onWait: () => void },
  fill: (beside: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  if (await isComplete()) return;
  await mkdir(dirname(target), { recursive: true });
  const lock = await lockFile(`${target}.lock`, onWait, signal);
  try {
    if (await isComplete()) return;
    const beside = await mkdtemp(`${target}.new-`);
    try {
      await fill(beside);
      await chmod(beside, 0o755); // also for the user that a server runs as
      await rm(target, { recursive: true, force: true });
      await rename(beside, target);
    } finally {
      await rm(beside, { recursive: true, force: true });
    }
  } finally {
    await lock.release();
  }
}

/** The first of these programs that is there: by name, then by folder. */
export async function onPath(names: readonly string[], path: string): Promise<string | undefined> {
  const folders = [...path.split(delimiter), '/usr/sbin', '/usr/local/bin'];
  for (const name of names)
    for (const folder of folders) {
      const candidate = join(folder, name);
      if (await isExecutable(candidate)) return candidate;
    }
  return undefined;
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
