/**
 * What a scalar means where a string, boolean, integer or duration is expected. YAML 1.1 and 1.2 disagree about plain
 * `yes`, `no`, `on`, `off` and about `0755`: where a boolean or a number is expected these are refused, never guessed.
 */
import type { Problem } from '../problem.ts';
import { parseDuration, type Duration } from '../time.ts';
import { isNull, type ScalarNode } from './node.ts';

/** A value, or what is wrong with it. */
export type Reading<T> =
  | { readonly value: T }
  | {
      readonly fault: Pick<Problem, 'code' | 'message' | 'hint'>;
    };

/** The text as written; null is the empty string. */
export function asText(node: ScalarNode): string {
  return isNull(node) ? '' : node.text;
}

export function asBoolean({ text, plain }: ScalarNode): Reading<boolean> {
  if (plain && /^(?:true|True|TRUE)$/.test(text)) return { value: true };
  if (plain && /^(?:false|False|FALSE)$/.test(text)) return { value: false };
  const ambiguous = plain && /^(?:y|yes|n|no|on|off)$/i.test(text);
  return fault(
    ambiguous ? 'InvalidValue' : 'WrongType',
    `${quote(text)} is not a boolean`,
    'write true or false, without quotes',
  );
}

export function asInteger({ text, plain }: ScalarNode): Reading<number> {
  if (plain && isDecimal(text)) {
    const value = Number(text);
    if (Number.isSafeInteger(value)) return { value };
    return fault('InvalidValue', `${text} is too large`, 'use a smaller number');
  }
  if (plain && isOctalLooking(text)) return octalFault(text);
  return fault('WrongType', `${quote(text)} is not an integer`, 'write a decimal integer, without quotes');
}

/** A Go duration (`30s`, `1m30s`), or an integer: seconds. */
export function asDuration({ text, plain }: ScalarNode): Reading<Duration> {
  if (plain && isOctalLooking(text)) return octalFault(text);
  const value = parseDuration(text);
  if (value !== undefined && Number.isFinite(value)) return { value };
  return fault(
    'InvalidValue',
    `${quote(text)} is not a duration`,
    'write for example 30s, 1m30s or 500ms; an integer means seconds',
  );
}

function isDecimal(text: string): boolean {
  return /^[+-]?(?:0|[1-9]\d*)$/.test(text);
}

function isOctalLooking(text: string): boolean {
  return /^[+-]?0\d+$/.test(text);
}

function octalFault(text: string): { readonly fault: Pick<Problem, 'code' | 'message' | 'hint'> } {
  return fault(
    'InvalidValue',
    `${text} has a leading zero: YAML 1.1 reads it as octal, YAML 1.2 as decimal`,
    'write the decimal number without leading zeros',
  );
}

function fault(
  code: 'WrongType' | 'InvalidValue',
  message: string,
  hint: string,
): { readonly fault: Pick<Problem, 'code' | 'message' | 'hint'> } {
  return { fault: { code, message, hint } };
}

/** Found values are shown short: a message is one line. */
export function quote(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return JSON.stringify(short);
}
