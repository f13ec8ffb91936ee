/** The real clock, randomness and log. */
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { openLogStream, type LogStream } from './log-stream.ts';
import type { Clock, Log, LogFields, Random, System } from '../ports/system.ts';

/** How the log is written. `text` is for people, `json` is one object a line. */
export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly format: 'text' | 'json';
  /** Fields on every line. */
  readonly fields: LogFields;
}

/** The system of a real process. */
export function createSystem(options: LogOptions): System {
  return { clock: realClock, random: realRandom, log: createLog(options) };
}

/** Longest delay that setTimeout takes; a longer one would fire at once. */
const LONGEST_TIMEOUT = 2_147_483_647;

const realClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  timer(at, fire) {
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const delay = at - performance.now();
      // Timers may fire up to a millisecond early by this clock: the promise is "not before".
      handle = setTimeout(
        () => (performance.now() < at ? arm() : fire()),
        Math.min(Math.max(0, Math.ceil(delay)), LONGEST_TIMEOUT),
      );
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  },
};

const realRandom: Random = { uniform: () => Math.random(), uuid: () => randomUUID() };

function createLog({ level, format, fields }: LogOptions): Log {
  const stream = openLogStream((lines) =>
    log.warn('lines of the log were dropped: standard output is not read fast enough', { lines }),
  );
  const log = format === 'text' ? textLog(stream, level) : jsonLog(stream, level, fields);
  return log;
}

function jsonLog(stream: LogStream, level: LogOptions['level'], fields: LogFields): Log {
  const base = {
    level,
    base: fields,
    timestamp: isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pinoLog(pino(base, stream));
}

function isoTime(): string {
  return `,"time":"${new Date().toISOString()}"`;
}

type PinoLogger = ReturnType<typeof pino>;

function pinoLog(logger: PinoLogger): Log {
  return {
    error: (message, fields = {}) => logger.error(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    debug: (message, fields = {}) => logger.debug(fields, message),
    with: (fields) => pinoLog(logger.child(fields)),
  };
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** One line: time, level, message, then `key=value` pairs. The fields of every line are left out: they never change on a terminal. */
function textLog(stream: LogStream, threshold: LogOptions['level'], shown: LogFields = {}): Log {
  const write = (level: LogOptions['level'], message: string, fields: LogFields): void => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(threshold)) return;
    const pairs = Object.entries({ ...shown, ...fields }).map(
      ([key, value]) => ` ${key}=${formatValue(value)}`,
    );
    stream.write(
      `${new Date().toISOString()} ${level.toUpperCase().padEnd(5)} ${message}${pairs.join('')}\n`,
    );
  };
  return {
    error: (message, fields = {}) => write('error', message, fields),
    warn: (message, fields = {}) => write('warn', message, fields),
    info: (message, fields = {}) => write('info', message, fields),
    debug: (message, fields = {}) => write('debug', message, fields),
    with: (fields) => textLog(stream, threshold, { ...shown, ...fields }),
  };
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? 'undefined';
}
