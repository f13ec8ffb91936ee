/**
 * The overlap referee. Each instance takes an exclusive lock (flock(2)) on a file of its workload, in its shell and
 * inherited by all that it starts, and writes a line when it has it. The kernel releases the lock only when the last
 * process of the instance is gone, however it ended. So two instances at once cannot go unseen: the second one is
 * refused its lock and says so.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { statSync } from 'node:fs';

/** A workload entry of the configuration file whose instances report to the referee. */
export function refereedProcess(
  name: string,
  dir: string,
  extra: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    name,
    image: 'busybox:latest',
    restartPolicy: 'Always',
    terminationGracePeriod: '5s',
    env: { REFEREE_DIR: dir, REFEREE_NAME: name },
    script: { shell: '/bin/sh', commands: INSTANCE_SCRIPT },
    ...extra,
  };
}

/**
 * What an instance does. File descriptor 9 holds the lock and is inherited by `sleep`. Lines are written by one
 * `echo >>` each, which is atomic for short lines (POSIX, O_APPEND).
 */
const INSTANCE_SCRIPT = [
  'J="$REFEREE_DIR/$REFEREE_NAME.journal"',
  'exec 9>>"$REFEREE_DIR/$REFEREE_NAME.lock"',
  'if ! flock -n 9; then echo "refused $HIGHLANDER_FENCING_TOKEN $(date +%s%N)" >> "$J"; exit 99; fi',
  'echo "start $HIGHLANDER_FENCING_TOKEN $(date +%s%N)" >> "$J"',
  'trap \'echo "stop $HIGHLANDER_FENCING_TOKEN $(date +%s%N)" >> "$J"; exit 0\' TERM',
  'while :; do sleep 60 & wait $!; done',
];

/** One line of a journal. `at` is nanoseconds of the machine's clock, the same for all instances. */
export interface JournalEntry {
  readonly kind: 'start' | 'stop' | 'refused';
  readonly token: number;
  readonly at: bigint;
}

export class Referee {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o777 });
  }

  /** What the instances of a workload wrote, in order. */
  journal(name: string): readonly JournalEntry[] {
    let text: string;
    try {
      text = readFileSync(join(this.dir, `${name}.journal`), 'utf8');
    } catch {
      return [];
    }
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [kind, token, at] = line.split(' ');
        return { kind: kind as JournalEntry['kind'], token: Number(token), at: BigInt(at ?? 0) };
      });
  }

  /** Whether an instance of the workload holds its lock now, by the kernel's own table (/proc/locks). */
  isHeld(name: string): boolean {
    let inode: number;
    try {
      inode = statSync(join(this.dir, `${name}.lock`)).ino;
    } catch {
      return false;
    }
    return readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .some((line) => line.includes('FLOCK') && line.includes('WRITE') && line.includes(`:${inode} `));
  }

  /** Starts counted so far. */
  starts(name: string): number {
    return this.journal(name).filter((entry) => entry.kind === 'start').length;
  }

  /**
   * Every breach of "never two": a refused lock, or a token that does not rise between two instances. A container
   * restarted in place keeps its token, so an equal token is no breach.
   */
  violations(): readonly string[] {
    const names = readdirSync(this.dir)
      .filter((file) => file.endsWith('.journal'))
      .map((file) => file.slice(0, -'.journal'.length));
    return names.flatMap((name) => judge(name, this.journal(name)));
  }
}

function judge(name: string, journal: readonly JournalEntry[]): readonly string[] {
  const breaches: string[] = [];
  let highest = 0;
  for (const { kind, token, at } of journal) {
    if (kind === 'refused')
      breaches.push(`${name}: token ${token} was refused the lock at ${at}: two instances at once`);
    if (kind !== 'start') continue;
    if (!Number.isInteger(token) || token <= 0)
      breaches.push(`${name}: started at ${at} without a fencing token`);
    if (token < highest) breaches.push(`${name}: token ${token} started at ${at} after token ${highest}`);
    highest = Math.max(highest, token);
  }
  return breaches;
}
