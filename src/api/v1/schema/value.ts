/** What the fields of the API are made of. */
import { Type, type TObject, type TProperties, type TSchema } from 'typebox';

/** An object with exactly these fields. */
export function exact<P extends TProperties>(title: string, description: string, properties: P): TObject<P> {
  return Type.Object(properties, { additionalProperties: false, title, description });
}

export const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const words = <const W extends readonly string[]>(...all: W) =>
  Type.Unsafe<W[number]>({ type: 'string', enum: [...all] });

export const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC, milliseconds' });
export const Text = Type.String();
export const Count = Type.Integer({ minimum: 0 });
export const Milliseconds = Type.Number({ minimum: 0, description: 'milliseconds' });
export const Truth = words('true', 'false', 'unknown');
export const Because = orNull(
  Type.String({ description: 'why something here is unknown; null when nothing is' }),
);
export const Kind = words('process', 'cronjob', 'service', 'persistent');
export const Tone = words('ok', 'held', 'busy', 'bad', 'unknown');
export const Role = words('starting', 'follower', 'acquiring', 'claiming', 'leading', 'draining', 'stopped');
