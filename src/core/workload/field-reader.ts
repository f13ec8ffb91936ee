/** Reads single values by their descriptions: what is out of bounds or not one of the choices is reported and left out. */
import type { MapReader } from '../document/map-reader.ts';
import { formatDuration, type Duration } from '../time.ts';

interface Bounds {
  readonly minimum?: number;
  readonly maximum?: number;
}

/** One of a few words; `fallback` for an absent or a wrong one. */
export function readChoice<T extends string, F extends T | undefined>(
  reader: MapReader,
  key: string,
  choices: readonly T[],
  fallback: F,
): T | F {
  const text = reader.text(key);
  if (text === undefined) return fallback;
  const choice = choices.find((candidate) => candidate === text);
  if (choice !== undefined) return choice;
  const message = `${JSON.stringify(text)} is not a value of ${key}`;
  reader.problem(key, 'InvalidValue', message, `use one of ${choices.join(', ')}`);
  return fallback;
}

export function readInteger(
  reader: MapReader,
  key: string,
  { minimum, maximum }: Bounds,
): number | undefined {
  const value = reader.integer(key);
  if (value === undefined) return undefined;
  if (value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity)) return value;
  const hint =
    minimum === undefined
      ? `use a number of at most ${maximum ?? ''}`
      : `use a number from ${minimum} to ${maximum ?? 'above'}`;
  reader.problem(key, 'InvalidValue', `${value} is out of range`, hint);
  return undefined;
}

export function readDuration(
  reader: MapReader,
  key: string,
  { minimum = 0, maximum = Infinity }: Bounds,
): Duration | undefined {
  const value = reader.duration(key);
  if (value === undefined || (value >= minimum && value <= maximum)) return value;
  if (value < minimum)
    reader.problem(
      key,
      'InvalidValue',
      `${formatDuration(value)} is too short`,
      `use at least ${formatDuration(minimum)}`,
    );
  else
    reader.problem(
      key,
      'InvalidValue',
      'is longer than a year',
      'an integer means seconds; write for example 30s',
    );
  return undefined;
}
