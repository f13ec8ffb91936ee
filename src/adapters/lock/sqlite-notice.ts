/**
 * How followers on the same host learn of a release without asking: beside the lock file lies one of a single byte whose only use
 * is to be written at each change of holder, and the kernel tells who watches it (fs.watch). Renewals do not touch it.
 * It is a hint: what happened is read from the lock.
 */
import { once } from 'node:events';
import { closeSync, constants, openSync, watch, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { SECOND } from '../../core/time.ts';
import type { Duration } from '../../core/time.ts';
import type { Clock } from '../../ports/system.ts';
import { wait } from './deadline.ts';

/** A watch that failed or whose file was deleted is set up again after this. */
const AGAIN: Duration = 0.5 * SECOND;

/** The file that is watched. */
function noticePath(path: string): string {
  return `${path}-notice`;
}

/**
 * Tells who watches. A notice that cannot be written is none: the lock itself was written already. It goes to the page
 * cache and to nothing slower, so the calls are synchronous, as those of the database are; others would take fifty times
 * as long.
 */
export function giveNotice(path: string): void {
  try {
    const file = openSync(noticePath(path), constants.O_RDWR | constants.O_CREAT, 0o666);
    try {
      writeSync(file, '.', 0);
    } finally {
      closeSync(file);
    }
  } catch {
    // Followers then find out by asking, as they do in any case.
  }
}

/** Calls `onNotice` at each notice, until the signal aborts; then resolves. */
export async function awaitNotice(
  path: string,
  clock: Clock,
  onNotice: () => void,
  onState: (up: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const wasUp = await watchOnce(path, onNotice, () => onState(true), signal);
    if (signal.aborted) return;
    if (wasUp) onState(false);
    await wait(clock, AGAIN, signal);
  }
}

/** One watch, until it fails or its file goes away. Answers whether it was ever up. */
async function watchOnce(
  path: string,
  onNotice: () => void,
  onUp: () => void,
  signal: AbortSignal,
): Promise<boolean> {
  const gone = new AbortController();
  const over = AbortSignal.any([signal, gone.signal]);
  try {
    const file = await open(noticePath(path), 'a', 0o666);
    await file.close();
    const watcher = watch(noticePath(path), { signal: over }, (event) => {
      if (event === 'rename') gone.abort();
      else if (!signal.aborted) onNotice();
    });
    const closed = once(watcher, 'close');
    onUp();
    await closed;
    return true;
  } catch {
    return false;
  } finally {
    gone.abort();
  }
}
