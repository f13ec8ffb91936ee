/**
 * One at a time across processes, by flock(2) on a file. The kernel gives the lock back when its holder dies, so a
 * dead process blocks nobody, and waiting costs nothing.
 *
 * Node cannot call flock, so a child holds the lock for us: flock(1) on a descriptor of a shell, which then becomes a
 * `cat` on a pipe from us. It ends with the pipe or with us, whichever is first.
 */
import { ended, spawnBound } from './bound-process.ts';

/** A lock that is held until released, or until this process ends. */
export interface FileLock {
  /** Resolves when somebody else can have it. Safe to call twice. */
  release(): Promise<void>;
}

const SCRIPT = 'exec 9>>"$0" || exit; flock -n 9 || { echo busy; flock 9 || exit; }; echo locked; exec cat';

/**
 * Takes the lock of `file`, which is made if absent (its folder must exist) and never removed. `onBusy` is called once
 * if somebody else holds it; then the lock is waited for, until the signal aborts.
 *
 * @throws Error when there can be no lock (no flock program, unwritable folder), or the signal's reason.
 */
export async function lockFile(file: string, onBusy: () => void, signal: AbortSignal): Promise<FileLock> {
  const holder = spawnBound('sh', ['-c', SCRIPT, file], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const release = async (): Promise<void> => {
    holder.kill('SIGKILL');
    await ended(holder);
  };
  const onAbort = (): void => void holder.kill('SIGKILL');
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      let complaint = '';
      holder.stderr?.on('data', (data: Buffer) => (complaint += data.toString()));
      holder.stdout?.on('data', (data: Buffer) => {
        const said = data.toString();
        if (said.includes('busy')) onBusy();
        if (said.includes('locked')) resolve();
      });
      holder.once('error', reject);
      holder.once('close', () => reject(new Error(`cannot lock ${file}: ${complaint.trim()}`)));
    });
    signal.throwIfAborted();
    return { release };
  } catch (error) {
    await release();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
