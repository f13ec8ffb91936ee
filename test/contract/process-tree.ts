/** What a process started, at any depth, and whether any of it is still there. Reads proc(5). */
import { readFileSync, readdirSync } from 'node:fs';

/** One process: its id may be given away again, its start time tells. */
export interface ProcessKey {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startedAt: string;
  /** For messages. */
  readonly name: string;
}

interface Row extends ProcessKey {
  readonly parent: number;
  readonly state: string;
}

function read(pid: number): Row | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = text.lastIndexOf(')');
    const fields = text.slice(end + 2).split(' ');
    const name = text.slice(text.indexOf('(') + 1, end);
    return { pid, name, state: fields[0] ?? '', parent: Number(fields[1]), startedAt: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** The process and everything below it, now. */
export function processTree(root: number): readonly ProcessKey[] {
  const rows = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => read(Number(name)))
    .filter((row) => row !== undefined);
  const tree = rows.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...rows.filter(({ parent }) => parent === pid));
  return tree;
}

/** Those that still run. A zombie is dead: it only waits for somebody to ask how it died. */
export function alive(processes: readonly ProcessKey[]): readonly ProcessKey[] {
  return processes.filter(({ pid, startedAt }) => {
    const now = read(pid);
    return now !== undefined && now.startedAt === startedAt && now.state !== 'Z';
  });
}
