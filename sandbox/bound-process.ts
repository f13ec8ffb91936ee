/**
 * Child processes that never outlive us. The kernel sends SIGKILL to the child when the thread that started it ends
 * (prctl(2), PR_SET_PDEATHSIG, set by setpriv(1)), whatever killed us. Because that setting does nothing if we are dead
 * already, the child then checks that its parent is still the one it was meant for, and only then becomes the program.
 *
 * The bond is between child and *thread*: call from the main thread. A program that changes its user loses the bond.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { codeOf } from './reason.ts';

/** Where and how the program runs. `env` is complete: nothing is inherited unless named. */
export interface BoundOptions {
  readonly cwd: string;
  readonly env: Readonly<NodeJS.ProcessEnv>;
  readonly stdio: StdioOptions;
  /** The user (and group) to run as, for a program that refuses root; only root can ask for it. */
  readonly uid?: number;
}

const ONLY_UNDER_ITS_PARENT = '[ "$PPID" = "$1" ] || exit 75; shift; exec "$@"';

/**
 * Starts a program, in a session and process group of its own, that is killed when this thread ends. Failure to start
 * (no such program, no setpriv) arrives as the `error` event or as exit code 127.
 */
export function spawnBound(program: string, args: readonly string[], options: BoundOptions): ChildProcess {
  const { uid, ...rest } = options;
  const as = uid === undefined ? [] : ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  const command = ['--pdeathsig', 'KILL', 'sh', '-c', ONLY_UNDER_ITS_PARENT, 'sh', String(process.pid)];
  return spawn('setpriv', [...as, ...command, program, ...args], { ...rest, detached: true });
}

/** Resolves when the process has ended, also if it never started. Never rejects. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
    return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
  });
}

/** Signals the whole process group of a bound child; a group that is gone is no error. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}
