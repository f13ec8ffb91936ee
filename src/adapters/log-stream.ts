/**
 * Standard output as a log needs it: a reader that is slow, or has stopped reading, never holds up this process. A write
 * to a full pipe would, and a leader that is held up cannot renew its lock. What was logged before an exit is written, as
 * far as somebody reads it; a process that is killed may take the lines of its last moment along.
 */
import { pino } from 'pino';
import type { Duration } from '../core/time.ts';

/** Bytes that may wait for the reader. What comes beyond is dropped. */
const LONGEST_QUEUE = 4 * 1024 * 1024;

/** How long lines wait for each other, and how many characters at most: in a start of a thousand workloads, a write for each would be most of the log's cost. */
const GATHER: Duration = 10;
const GATHERED = 16_384;

/** How often an exiting process offers its last lines to a reader that takes none, 100 ms apart. */
const LAST_OFFERS = 5;

/** What each stream does first when the process exits: one listener serves them all. */
const endings = new Set<() => void>();

export interface LogStream {
  /** One line, its end included. */
  write(line: string): void;
}

/** `onDropped` is told how many lines were lost, once the reader has caught up. */
export function openLogStream(onDropped: (lines: number) => void): LogStream {
  let offers = Infinity;
  let gathered = '';
  let timer: NodeJS.Timeout | undefined;
  let dropped = 0;
  const send = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const lines = gathered;
    gathered = '';
    stream.write(lines);
  };
  // Before the stream registers its own: what it writes at the end is this, and bounded.
  if (endings.size === 0)
    process.once('exit', () => {
      for (const end of endings) end();
    });
  endings.add(() => {
    offers = LAST_OFFERS;
    // Only kept by the stream, so that its own listener writes it, and waits until it is written.
    Object.assign(stream, { minLength: LONGEST_QUEUE });
    if (timer !== undefined) send();
  });
  const retryEAGAIN = (): boolean => (offers -= 1) > 0;
  const stream = pino.destination({ fd: 1, sync: false, maxLength: LONGEST_QUEUE, retryEAGAIN });
  stream.on('drop', (lines: string) => (dropped += lines.split('\n').length - 1));
  stream.on('drain', () => {
    if (dropped === 0) return;
    const lines = dropped;
    dropped = 0;
    onDropped(lines);
  });
  return {
    write(line) {
      gathered += line;
      if (gathered.length >= GATHERED) send();
      else timer ??= setTimeout(send, GATHER);
    },
  };
}
