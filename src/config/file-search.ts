/** Which configuration file is read. */
import type { Problem } from '../core/problem.ts';
import type { Surroundings } from './config.ts';
import { DEFAULT_CONFIG_PATH } from './schema.ts';

const FILE_NAMES = ['config.json', 'config.yaml', 'config.yml', 'config'];

export type FoundFile =
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  /** Nothing was named and nothing was found: flags, environment and defaults apply. */
  | { readonly kind: 'none' }
  | { readonly kind: 'problem'; readonly problem: Problem };

/**
 * `--config`, else HIGHLANDER_CONFIG_FILE, else CONFIG_PATH if that file exists, else the first of
 * `/etc/k8-highlander/`, `~/.k8-highlander/` and the working directory that holds config.json, .yaml, .yml or `config`.
 * A named file that is missing is a problem, unless it is the default path.
 */
export function findConfigFile(named: string | undefined, world: Surroundings): FoundFile {
  const { env } = world;
  const explicit = named ?? nonEmpty(env['HIGHLANDER_CONFIG_FILE']);
  if (explicit !== undefined) {
    const origin = named === undefined ? 'HIGHLANDER_CONFIG_FILE' : '--config';
    const path = expandHome(explicit, world.homedir);
    if (world.exists(path)) return read(path, world);
    if (path === DEFAULT_CONFIG_PATH) return { kind: 'none' };
    return unreadable(path, `there is no such file (named by ${origin})`, 'check the path, or leave it out');
  }
  const candidates = [nonEmpty(env['CONFIG_PATH']) ?? [], searchPaths(world)].flat();
  const path = candidates.find((candidate) => world.exists(candidate));
  return path === undefined ? { kind: 'none' } : read(path, world);
}

/** `~/` at the beginning of a path means the home directory. */
export function expandHome(path: string, homedir: string): string {
  return path === '~' || path.startsWith('~/') ? homedir + path.slice(1) : path;
}

function searchPaths({ homedir, cwd }: Surroundings): readonly string[] {
  return ['/etc/k8-highlander', `${homedir}/.k8-highlander`, cwd].flatMap((folder) =>
    FILE_NAMES.map((name) => `${folder}/${name}`),
  );
}

function read(path: string, world: Surroundings): FoundFile {
  try {
    return { kind: 'file', path, text: world.readFile(path) };
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? String(error.code) : 'unknown cause';
    return unreadable(path, `the file cannot be read (${cause})`, 'check its permissions');
  }
}

function unreadable(file: string, message: string, hint: string): FoundFile {
  return { kind: 'problem', problem: { code: 'ConfigUnreadable', message, hint, file } };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
