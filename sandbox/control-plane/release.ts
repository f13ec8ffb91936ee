/** Which control plane this is: the versions pinned in go.mod, the one place that names them. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** A control plane as it is looked for, downloaded or built. Versions without the leading `v`. */
export interface Release {
  readonly kubernetes: string;
  readonly etcd: string;
  /** As Go and the download sites write it: `amd64`, `arm64`. */
  readonly arch: string;
}

/** The folder of the Go module. */
export const MODULE_DIR = fileURLToPath(new URL('.', import.meta.url));

const GO_ARCH: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Reads the release of this checkout for this machine. */
export async function readRelease(): Promise<Release> {
  return parseRelease(await readFile(new URL('go.mod', import.meta.url), 'utf8'), process.arch);
}

/**
 * Reads the pinned versions from the text of go.mod; `arch` in Node's words.
 *
 * @throws Error when go.mod does not require both modules.
 */
export function parseRelease(goMod: string, arch: string): Release {
  const version = (module: string): string => {
    const found = new RegExp(String.raw`^\s*(?:require\s+)?${module} v(\S+)`, 'm').exec(goMod)?.[1];
    if (found === undefined) throw new Error(`go.mod of the control plane does not require ${module}`);
    return found;
  };
  return {
    kubernetes: version('k8s.io/kubernetes'),
    etcd: version('go.etcd.io/etcd/server/v3'),
    arch: GO_ARCH[arch] ?? arch,
  };
}

/** The name of a release in the cache. */
export function keyOf(release: Release): string {
  return `kubernetes-${release.kubernetes}-etcd-${release.etcd}-linux-${release.arch}`;
}
