import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readJsonText } from './json-text.ts';
import { readYamlStream } from './yaml.ts';

/** What the reader of YAML says, which knows nothing of the other. */
function readSlowly(text: string): unknown {
  const [reading] = readYamlStream(text);
  return reading?.problems.length === 0 ? reading.root : undefined;
}

const objects = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 4 }));
const indents = fc.constantFrom(undefined, 1, 2, '  ');

test('reads every JSON object as the reader of YAML does, positions included', () => {
  fc.assert(
    fc.property(objects, indents, (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      expect(readJsonText(text)).toEqual(readSlowly(text));
    }),
  );
});

test('escapes, numbers in every notation, and any white space', () => {
  const text =
    String.raw`
 { "a\u0041\ud83d\ude00\n\"" : [1, -0.5e+3,1E2 , true,false,null,{},[ ]],` + '\r\n"b":\n  "\\\\"}\n';
  const root = readJsonText(text);
  expect(root).toBeDefined();
  expect(root).toEqual(readSlowly(text));
});

test('tabs, at which a reader of YAML may stop, are white space', () => {
  expect(readJsonText('{\n\t"a":\t1\n}')).toMatchObject({ kind: 'map' });
});

test.each([
  ['a list', '[{}]'],
  ['a single value', '"{}"'],
  ['a trailing comma', '{"a": 1,}'],
  ['YAML in braces', '{a: 1}'],
  ['two documents', '{}\n{}'],
  ['a key written twice', '{"a": {"b": 1, "b": 2}}'],
  ['too much nesting', `${'{"a":'.repeat(101)}1${'}'.repeat(101)}`],
])('%s is left to the reader of YAML', (_name, text) => {
  expect(readJsonText(text)).toBeUndefined();
});
