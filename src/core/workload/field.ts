/**
 * How a field of a spec or a status is described: its type, default, bounds, and a line for people. One description
 * serves the readers (defaults, enums, bounds), the schemas of the custom resources and the reference page.
 */
import type { Duration } from '../time.ts';

/** A rule of a schema, in the Common Expression Language, with what people read when it is broken. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  /** `oldSelf` is then an optional, and the rule is asked of new objects too (KEP-4008). */
  readonly optionalOldSelf?: true;
}

/** RE2, as the API server checks it, and what people read when it does not match. */
export interface Pattern {
  readonly regex: string;
  readonly message: string;
}

type FieldType =
  | {
      readonly type: 'text';
      readonly maxLength: number;
      readonly pattern?: Pattern;
      readonly oneOf?: readonly string[];
      readonly default?: string;
    }
  | {
      readonly type: 'integer';
      readonly minimum?: number;
      readonly maximum?: number;
      readonly default?: number;
    }
  | { readonly type: 'boolean'; readonly default?: boolean }
  /** RFC 3339. */
  | { readonly type: 'time' }
  /** A Go duration, or an integer: seconds. */
  | {
      readonly type: 'duration';
      readonly default?: Duration;
      /** Another field may stand in for this one, so a schema carries no default. */
      readonly hasAlias?: true;
      /** With both bounds the API server checks them too; without, only the reader does: stored objects may hold anything. */
      readonly minimum?: Duration;
      readonly maximum?: Duration;
    }
  /** An amount of CPU, memory or storage; checked by the reader, because stored objects may hold anything. */
  | { readonly type: 'quantity' }
  /** An object of the Kubernetes API, handed through as it is written. */
  | { readonly type: 'json' }
  | {
      readonly type: 'list';
      readonly maxItems: number;
      readonly items: Field;
      /** Each item once: as a whole, or by one of its fields. */
      readonly unique?: 'item' | { readonly by: string };
    }
  /** Strings by name. */
  | {
      readonly type: 'map';
      readonly maxProperties: number;
      readonly maxLength: number;
    }
  | {
      readonly type: 'object';
      readonly fields: Fields;
      readonly required?: readonly string[];
    };

export type Field = FieldType & { readonly doc: string; readonly rules?: readonly Rule[] };

export type Fields = Readonly<Record<string, Field>>;
