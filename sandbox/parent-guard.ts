/**
 * Notices that whoever started us is gone. A killed parent tells its children nothing; what changes is their parent,
 * so that is looked at once a second.
 *
 * `npm run` may put a shell between itself and us, which lives on when npm is killed and waits for us. So under npm the
 * parents of such shells are watched too.
 */
import { readFileSync } from 'node:fs';

const LOOK_EVERY_MS = 1_000;
const SHELLS = new Set(['sh', 'dash', 'bash', 'ash', 'busybox']);

/** A process as /proc/PID/stat tells it. */
export interface ProcessStat {
  readonly name: string;
  readonly parent: number;
}

/** Reads proc(5) stat; undefined when the process is gone. */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** `PID (NAME) STATE PPID …`; the name may hold anything, also parentheses. */
export function parseStat(text: string): ProcessStat {
  const end = text.lastIndexOf(')');
  return {
    name: text.slice(text.indexOf('(') + 1, end),
    parent: Number(text.slice(end + 2).split(' ')[1]),
  };
}

/** The processes from `pid`'s parent upwards whose end concerns us: the parent, and under npm what is above shells. */
export function watchedAncestors(
  pid: number,
  isUnderNpm: boolean,
  stat: (pid: number) => ProcessStat | undefined,
): readonly number[] {
  const watched: number[] = [];
  let next = stat(pid)?.parent ?? 0;
  while (next > 1) {
    watched.push(next);
    const process = stat(next);
    if (!isUnderNpm || process === undefined || !SHELLS.has(process.name)) break;
    next = process.parent;
  }
  return watched;
}

/** Calls `onGone` once when the process that started us has ended. Ends with the signal. */
export function guardParent(onGone: () => void, signal: AbortSignal): void {
  const isUnderNpm = process.env['npm_lifecycle_event'] !== undefined;
  const lineage = (): string => watchedAncestors(process.pid, isUnderNpm, readStat).join();
  const before = lineage();
  const timer = setInterval(() => {
    if (lineage() === before) return;
    clearInterval(timer);
    onGone();
  }, LOOK_EVERY_MS);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
