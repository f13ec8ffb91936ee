/**
 * Where server programs come from: the PATH, else Debian packages unpacked into the user's cache. Unpacking installs
 * nothing and needs no rights, only package lists (`apt-get update`).
 */
import { execFile } from 'node:child_process';
import { access, constants, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
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
  const shelf = join(cacheFolder(env), 'servers');
  const unpacked = join(shelf, name);
  const path = join(unpacked, wanted.folder, name);
  const libraries = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const program = { path, env: { ...inherited, LD_LIBRARY_PATH: join(unpacked, 'usr/lib', libraries) } };
  if (await isExecutable(path)) return program;
  await mkdir(shelf, { recursive: true });
  const onWait = (): void => progress.line(`another process is fetching ${name}: waiting for it`);
  const lock = await lockFile(`${unpacked}.lock`, onWait, signal);
  try {
    if (!(await isExecutable(path))) {
      progress.line(`fetching ${name} as Debian packages`);
      await unpack(wanted.packages, unpacked, signal);
    }
    return program;
  } catch (error) {
    signal.throwIfAborted();
    const command = `apt-get download ${wanted.packages.join(' ')}`;
    throw new Error(`${name} is not on PATH and '${command}' failed: install ${name} (${reasonOf(error)})`, {
      cause: error,
    });
  } finally {
    await lock.release();
  }
}

/** Fills a folder beside and renames it when complete. */
async function unpack(packages: readonly string[], target: string, signal: AbortSignal): Promise<void> {
  const beside = await mkdtemp(`${target}.new-`);
  try {
    await run('apt-get', ['download', '-q', ...packages], { cwd: beside, signal });
    for (const file of await readdir(beside))
      if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', file, '.'], { cwd: beside, signal });
    await rm(target, { recursive: true, force: true });
    await rename(beside, target);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

async function onPath(names: readonly string[], path: string): Promise<string | undefined> {
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
