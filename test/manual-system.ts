/** A system whose time moves only when a test says so, and whose log can be read. */
import type { Instant } from '../src/core/time.ts';
import type { Log, LogFields, System } from '../src/ports/system.ts';

export interface ManualSystem extends System {
  /** Moves time and fires what is due, in order. */
  advance(duration: number): void;
  /** Level and message of every line. */
  readonly lines: string[];
}

export function createManualSystem(): ManualSystem {
  let now: Instant = 0;
  let next = 0;
  const timers = new Map<number, { readonly at: Instant; readonly fire: () => void }>();
  const lines: string[] = [];
  const write =
    (level: string) =>
    (message: string, _fields?: LogFields): void =>
      void lines.push(`${level} ${message}`);
  const log: Log = {
    error: write('error'),
    warn: write('warn'),
    info: write('info'),
    debug: write('debug'),
    with: () => log,
  };
  return {
    lines,
    log,
    random: {
      uniform: () => 0.5,
      uuid: () => `00000000-0000-4000-8000-${String((next += 1)).padStart(12, '0')}`,
    },
    clock: {
      now: () => now,
      wall: () => now,
      timer(at, fire) {
        const id = (next += 1);
        timers.set(id, { at, fire });
        return { cancel: () => void timers.delete(id) };
      },
    },
    advance(duration) {
      const end = now + duration;
      for (;;) {
        const due = [...timers]
          .filter(([, timer]) => timer.at <= end)
          .toSorted(([, a], [, b]) => a.at - b.at)[0];
        if (due === undefined) break;
        const [id, { at, fire }] = due;
        timers.delete(id);
        now = Math.max(now, at);
        fire();
      }
      now = end;
    },
  };
}

/** Lets everything that is ready to run, run: promises, and what they start. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
