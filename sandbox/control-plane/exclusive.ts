/**
 * One at a time across processes, by flock(2) on a file. The kernel gives the lock back when its holder dies, so a
 * dead builder blocks nobody, and waiting costs nothing.
 *
 * Node cannot call flock, so a child holds the lock for us: flock(1) around a shell that lives as long as the pipe to
 * its stdin, that is at most as long as we do.
 */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ended, spawnBound } from '../bound-process.ts';

/**
 * Runs `work` while holding the lock of `file` (made if absent, never removed). `onWait` is called once when somebody
 * else has it.
 *
 * @throws Error when the lock cannot be taken at all (no flock program, unwritable folder), or what `work` throws.
 */
export async function exclusive<T>(
  file: string,
  onWait: () => void,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  const script =
    'exec 9>>"$0" || exit; flock -n 9 || { echo waiting; flock 9 || exit; }; echo locked; exec cat';
  const holder = spawnBound('sh', ['-c', script, file], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const release = (): void => void holder.kill('SIGKILL');
  signal.addEventListener('abort', release, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      let complaint = '';
      holder.stderr?.on('data', (data: Buffer) => (complaint += data.toString()));
      holder.stdout?.on('data', (data: Buffer) => {
        const said = data.toString();
        if (said.includes('waiting')) onWait();
        if (said.includes('locked')) resolve();
      });
      holder.once('error', reject);
      holder.once('exit', () => reject(new Error(`cannot lock ${file}: ${complaint.trim()}`)));
    });
    signal.throwIfAborted();
    return await work();
  } finally {
    signal.removeEventListener('abort', release);
    release();
    await ended(holder);
  }
}
