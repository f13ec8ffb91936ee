/** Records that people may write by hand: a JSON object of texts. What is not exactly that has no effect and is reported. */
import type { WallTime } from '../time.ts';

/** What is wrong with a text, and what would be right. */
export interface Fault {
  readonly fault: string;
}

/** The fields of the object; `true` marks those that must be there. Unknown fields are passed over. */
export function readJsonObject<K extends string>(
  text: string,
  fields: Readonly<Record<K, boolean>>,
): Readonly<Partial<Record<K, string>>> | Fault {
  const value = parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { fault: 'not a JSON object' };
  const read: Partial<Record<K, string>> = {};
  for (const [name, field] of Object.entries(value)) {
    if (!isField(name, fields)) continue;
    if (typeof field !== 'string') return { fault: `${name} is not a text` };
    read[name] = field;
  }
  for (const name in fields)
    if (fields[name] && read[name] === undefined) return { fault: `${name} is missing` };
  return read;
}

function isField<K extends string>(name: string, fields: Readonly<Record<K, boolean>>): name is K {
  return Object.hasOwn(fields, name);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** RFC 3339 with a zone; undefined for anything else. */
export function readTime(text: string): WallTime | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
