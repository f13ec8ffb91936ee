/**
 * Clocks, timers, randomness and the log, as the imperative shell sees them. The simulator supplies its own, so nothing
 * in `runtime` may use `Date.now`, `setTimeout`, `Math.random` or `console` directly.
 */
import type { Instant, WallTime } from '../core/time.ts';

/** A pending wake-up. Cancelling one that has fired, or twice, does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic. Does not advance while the machine is suspended on some systems, hence `wall` for pause detection. */
  now(): Instant;
  /** May jump either way. Only for display and for pause detection. */
  wall(): WallTime;
  /** Calls `fire` once, not before `at`; possibly much later (blocked loop, paused process). Never calls it synchronously. */
  timer(at: Instant, fire: () => void): Timer;
}

export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** A random UUID (RFC 9562, version 4). */
  uuid(): string;
}

/** Structured fields of a log line. Values must be free of secrets. */
export type LogFields = Readonly<Record<string, unknown>>;

/** error = a person must look; warn = degraded but handled; info = a state changed; debug = a decision with its inputs. `message` is constant text, facts go into fields. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A log that adds these fields to every line. */
  with(fields: LogFields): Log;
}

export interface System {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}
