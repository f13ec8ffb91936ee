/**
 * How a field of a spec or a status is described: its type, default, bounds, and a line for people. One description
 * serves the readers (defaults, enums, bounds) and the schemas of the custom resources.
 */
import type { Duration } from '../time.ts';

export type Field =
  | {
      readonly type: 'text';
      readonly doc: string;
      readonly maxLength: number;
      /** RE2, as the API server checks it. */
      readonly pattern?: string;
      readonly oneOf?: readonly string[];
      readonly default?: string;
    }
  | {
      readonly type: 'integer';
      readonly doc: string;
      readonly minimum?: number;
      readonly maximum?: number;
      readonly default?: number;
    }
  | { readonly type: 'boolean'; readonly doc: string }
  /** RFC 3339. */
  | { readonly type: 'time'; readonly doc: string }
  /** A Go duration, or an integer: seconds. A schema carries no default: another field may stand in for this one. */
  | {
      readonly type: 'duration';
      readonly doc: string;
      readonly pattern?: string;
      readonly default?: Duration;
      readonly maximum?: Duration;
    }
  /** An amount of CPU or memory; the amount is checked by the reader, because stored objects may hold anything. */
  | { readonly type: 'quantity'; readonly doc: string }
  | {
      readonly type: 'list';
      readonly doc: string;
      readonly maxItems: number;
      readonly items: Field;
      /** Each item once: as a whole, or by one of its fields. */
      readonly unique?: 'item' | { readonly by: string };
    }
  /** Strings by name. */
  | {
      readonly type: 'map';
      readonly doc: string;
      readonly maxProperties: number;
      readonly maxLength: number;
    }
  | {
      readonly type: 'object';
      readonly doc: string;
      readonly fields: Fields;
      readonly required?: readonly string[];
      /** Rules between fields, in the Common Expression Language. */
      readonly rules?: readonly { readonly rule: string; readonly message: string }[];
    };

export type Fields = Readonly<Record<string, Field>>;
