/** Where this process runs, as far as its lock is concerned. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Place } from '../core/election/holder-name.ts';

/** Asks the kernel; no variable of the environment can make a process the first one of a container. */
export async function findPlace(env: NodeJS.ProcessEnv): Promise<Place> {
  if (process.pid === 1) {
    const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
    const place = readContainerPlace(mounts);
    if (place !== undefined) return place;
  }
  return { kind: 'named', name: env['POD_UID'] ?? hostname() };
}

/**
 * The container of the process with these mounts (proc_pid_mountinfo(5)). The kubelet mounts a file of its own for the
 * termination message, kept under the uid of the pod and the name of the container; undefined where there is none.
 */
export function readContainerPlace(mountInfo: string): Place | undefined {
  for (const line of mountInfo.split('\n')) {
    const [, , , root = '', mountPoint] = line.split(' ');
    if (mountPoint !== '/dev/termination-log') continue;
    const [, podUid, container] = /\/pods\/([^/]+)\/containers\/([^/]+)\/[^/]+$/.exec(root) ?? [];
    if (podUid !== undefined && container !== undefined) return { kind: 'container', podUid, container };
  }
  return undefined;
}
