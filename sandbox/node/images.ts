/**
 * What a container runs. There are no images here: an image is a name that maps to the entrypoint and command it would
 * have had. Shell images run the host's shell; an image nobody described becomes a process that idles until SIGTERM.
 */
import { expand } from './environment.ts';
import type { ContainerSpec } from './pod.ts';

/** The defaults of an image, as in its OCI config. */
export interface ImageCommand {
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
}

/** Keyed by repository without registry, tag and digest (`nginx`), or by the whole reference, which wins. */
export type ImageMap = Readonly<Record<string, ImageCommand>>;

const SHELL: ImageCommand = { cmd: ['sh'] };

const SHELL_IMAGES: ImageMap = { busybox: SHELL, alpine: SHELL, bash: SHELL, debian: SHELL, ubuntu: SHELL };

const IDLE: readonly string[] = ['sleep', 'infinity'];

/** `registry:5000/library/nginx:1.27@sha256:…` → `nginx` and `library/nginx`. */
function repositories(image: string): readonly string[] {
  const path = image.replace(/@.*$/, '').replace(/:[^/]*$/, '');
  return [path, path.slice(path.indexOf('/') + 1), path.slice(path.lastIndexOf('/') + 1)];
}

/**
 * The words to execute: `command` replaces the entrypoint and drops the image's cmd, `args` replaces cmd. Arguments
 * without a command for an image nobody described have nothing to be given to, so that container idles too.
 */
export function commandOf(
  container: ContainerSpec,
  images: ImageMap,
  env: Readonly<Record<string, string>>,
): readonly string[] {
  const all = { ...SHELL_IMAGES, ...images };
  const image = container.image ?? '';
  const known = [image, ...repositories(image)].map((name) => all[name]).find((entry) => entry !== undefined);
  const resolve = (words: readonly string[]): readonly string[] =>
    words.map((word) => expand(word, (name) => env[name]));
  const command = container.command ?? [];
  const args = container.args ?? [];
  if (command.length > 0) return resolve([...command, ...args]);
  if (known === undefined) return IDLE;
  const words = [...(known.entrypoint ?? []), ...(args.length > 0 ? args : (known.cmd ?? []))];
  return words.length > 0 ? resolve(words) : IDLE;
}
