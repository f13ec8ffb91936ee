/**
 * One at a time across processes, by flock(2) on a file. The kernel gives the lock back when its holder dies, so a
 * dead process blocks nobody, and waiting costs nothing.
 *
 * Node cannot call flock, so a child holds the lock for us: a `cat` on a pipe from us, to which flock(1) hands the lock
 * and its own process, so that one process is there to end, and has ended when the lock is released.
 */
import type { ChildProcess } from 'node:child_process';
import { ended, signalGroup, spawnBound } from './bound-process.ts';

/** A lock that is held until released, or until this process ends. */
export interface FileLock {
  /** Resolves when somebody else can have it. Safe to call twice. */
  release(): Promise<void>;
}

const BUSY = 75;

/**
 * Takes the lock of `file`, which is made if absent (its folder must exist) and never removed. `onBusy` is called once
 * if somebody else holds it; then the lock is waited for, until the signal aborts.
 *
 * @throws Error when there can be no lock (no flock program, unwritable folder), or the signal's reason.
 */
export async function lockFile(file: string, onBusy: () => void, signal: AbortSignal): Promise<FileLock> {
  const lock = await holdLock(file, ['--nonblock', '--conflict-exit-code', String(BUSY)], signal);
  if (lock !== 'busy') return lock;
  onBusy();
  const late = await holdLock(file, [], signal);
  if (late === 'busy') throw new Error(`cannot lock ${file}`);
  return late;
}

async function holdLock(
  file: string,
  flags: readonly string[],
  signal: AbortSignal,
): Promise<FileLock | 'busy'> {
  signal.throwIfAborted();
  const holder = spawnBound('flock', ['--no-fork', ...flags, file, 'sh', '-c', 'echo locked; exec cat'], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const release = async (): Promise<void> => {
    signalGroup(holder, 'SIGKILL');
    await ended(holder);
  };
  const onAbort = (): void => signalGroup(holder, 'SIGKILL');
  signal.addEventListener('abort', onAbort, { once: true });
  const complaint = await firstWord(holder);
  signal.removeEventListener('abort', onAbort);
  if (complaint === undefined && !signal.aborted) return { release };
  await release();
  signal.throwIfAborted();
  if (holder.exitCode === BUSY) return 'busy';
  throw new Error(`cannot lock ${file}: ${complaint}`);
}

/** Resolves when the holder says that it has the lock, or with its complaint when it ends without. */
function firstWord(holder: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    let complaint = '';
    holder.stderr?.on('data', (data: Buffer) => (complaint += data.toString()));
    holder.stdout?.once('data', () => resolve(undefined));
    holder.once('error', (error) => resolve(error.message));
    holder.once('close', () => resolve(complaint.trim()));
  });
}
