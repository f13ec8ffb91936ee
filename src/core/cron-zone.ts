/** Time zones, by the data that the language brings along (`Intl`). */
import { SECOND, type Duration, type WallTime } from './time.ts';

/** A time zone by its IANA name. Opening one is slow (about 0.1 ms), asking it is fast. */
export interface Zone {
  readonly name: string;
  /** Local clock minus UTC at a time. */
  offsetAt(time: WallTime): Duration;
}

/** Those that were opened before: there are no more than the database has names. */
const opened = new Map<string, Zone>();

/** Undefined for a name that is not one in the spelling of the IANA database. */
export function openZone(name: string): Zone | undefined {
  const known = opened.get(name) ?? findZone(name);
  if (known !== undefined) opened.set(name, known);
  return known;
}

function findZone(name: string): Zone | undefined {
  // Offsets such as +01:00, which Intl knows as well, are no names to Kubernetes.
  if (!/^[A-Za-z]/.test(name)) return undefined;
  const format = openFormat(name);
  if (format === undefined || isMisspelt(name, format.resolvedOptions().timeZone)) return undefined;
  return { name, offsetAt: (time) => readClock(format, time) - Math.floor(time / SECOND) * SECOND };
}

function openFormat(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return undefined;
  }
}

/** Intl takes any case; the database of Kubernetes is a tree of files. */
function isMisspelt(name: string, known: string): boolean {
  return name !== known && name.toLowerCase() === known.toLowerCase();
}

/** What the clocks of the zone show, as if they showed UTC. */
function readClock(format: Intl.DateTimeFormat, time: WallTime): WallTime {
  const parts = { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
  for (const { type, value } of format.formatToParts(time))
    if (Object.hasOwn(parts, type)) Object.assign(parts, { [type]: Number(value) });
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
}
