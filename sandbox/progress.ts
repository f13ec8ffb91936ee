/**
 * Progress for people, on stderr. `line` is printed once and stays. `moving` replaces its predecessor on a terminal;
 * elsewhere (a log file, CI) it is printed at most every 15 seconds, so that a log neither floods nor falls silent.
 */
export interface Progress {
  line(text: string): void;
  moving(text: string): void;
}

const PLAIN_INTERVAL_MS = 15_000;

/** Where progress goes; a terminal has `columns`. */
export interface ProgressTarget {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Writes to `target`; `now` answers milliseconds that never go back. */
export function createProgress(
  target: ProgressTarget,
  now: () => number = () => performance.now(),
): Progress {
  let printedAt = now();
  let isMoving = false;
  return {
    line(text) {
      target.write(`${isMoving ? '\r\u001B[K' : ''}${text}\n`);
      isMoving = false;
      printedAt = now();
    },
    moving(text) {
      if (target.isTTY === true) {
        target.write(`\r\u001B[K${text.slice(0, (target.columns ?? 80) - 1)}`);
        isMoving = true;
      } else if (now() - printedAt >= PLAIN_INTERVAL_MS) {
        target.write(`${text}\n`);
        printedAt = now();
      }
    },
  };
}
