import { describe, expect, test } from 'vitest';
import { asBoolean, asDuration, asInteger, asText } from './scalar.ts';

const plain = (text: string) => ({ kind: 'scalar', text, plain: true }) as const;
const quoted = (text: string) => ({ kind: 'scalar', text, plain: false }) as const;

describe('where a string is expected', () => {
  test.each(['1.50', '0777', '1e3', 'yes', '2024-01-02', 'true'])('%s keeps its source text', (text) => {
    expect(asText(plain(text))).toBe(text);
  });

  test.each(['', '~', 'null', 'Null', 'NULL'])('plain %j is the empty string', (text) => {
    expect(asText(plain(text))).toBe('');
  });

  test('a quoted null is the word', () => {
    expect(asText(quoted('null'))).toBe('null');
  });
});

describe('where a boolean is expected', () => {
  test.each(['yes', 'no', 'on', 'off', 'Y', 'NO'])('plain %s is refused rather than guessed', (text) => {
    expect(asBoolean(plain(text))).toMatchObject({ fault: { code: 'InvalidValue' } });
  });

  test('true and false are taken, in quotes they are strings', () => {
    expect(asBoolean(plain('true'))).toEqual({ value: true });
    expect(asBoolean(plain('False'))).toEqual({ value: false });
    expect(asBoolean(quoted('true'))).toMatchObject({ fault: { code: 'WrongType' } });
  });
});

describe('where an integer is expected', () => {
  test.each([
    ['0', 0],
    ['-3', -3],
    ['8080', 8080],
  ])('%s is a number', (text, value) => {
    expect(asInteger(plain(text))).toEqual({ value });
  });

  test('a leading zero is refused, because YAML versions disagree about it', () => {
    expect(asInteger(plain('0755'))).toMatchObject({ fault: { code: 'InvalidValue' } });
  });

  test.each(['1.5', '1e3', '0x10', 'abc', ''])('%j is not an integer', (text) => {
    expect(asInteger(plain(text))).toMatchObject({ fault: { code: 'WrongType' } });
  });

  test('a number beyond 2^53 is refused rather than rounded', () => {
    expect(asInteger(plain('9007199254740993'))).toMatchObject({ fault: { code: 'InvalidValue' } });
  });
});

describe('where a duration is expected', () => {
  test('an integer means seconds, quoted or not', () => {
    expect(asDuration(plain('30'))).toEqual({ value: 30_000 });
    expect(asDuration(quoted('30'))).toEqual({ value: 30_000 });
    expect(asDuration(plain('1m30s'))).toEqual({ value: 90_000 });
  });

  test.each(['030', '1.5', 'soon', '9'.repeat(400)])('%s is refused', (text) => {
    expect(asDuration(plain(text))).toMatchObject({ fault: { code: 'InvalidValue' } });
  });
});
