import { describe, expect, test } from 'vitest';
import type { DocumentNode } from '../core/document/node.ts';
import { readYaml } from './yaml.ts';

function plainData(node: DocumentNode | undefined): unknown {
  if (node === undefined) return undefined;
  if (node.kind === 'scalar') return node.text;
  if (node.kind === 'list') return node.items.map(plainData);
  return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, plainData(value)]));
}

describe('a document', () => {
  test('keeps the source text of plain scalars and the content of others', () => {
    const { root } = readYaml(
      [
        'a: 1.50',
        'b: "x\\ty"',
        "c: 'it''s'",
        'd: |',
        '  two',
        '  lines',
        'e: 0777',
        'f:',
        'g: [yes, ~]',
      ].join('\n'),
    );
    expect(plainData(root)).toEqual({
      a: '1.50',
      b: 'x\ty',
      c: "it's",
      d: 'two\nlines\n',
      e: '0777',
      f: '',
      g: ['yes', '~'],
    });
  });

  test('knows line and column of keys and values', () => {
    const { root } = readYaml('a: 1\nlist:\n  - b: xyz\n');
    if (root?.kind !== 'map') throw new Error('not a map');
    const list = root.entries.get('list');
    expect(list?.at).toEqual({ line: 2, column: 1 });
    const item = list?.value.kind === 'list' ? list.value.items[0] : undefined;
    expect(item?.at).toEqual({ line: 3, column: 5 });
    const value = item?.kind === 'map' ? item.entries.get('b')?.value : undefined;
    expect(value?.at).toEqual({ line: 3, column: 8 });
  });

  test('may be JSON', () => {
    expect(plainData(readYaml('{\n\t"port": 8080, "redis": {"addr": "r:1"}}').root)).toEqual({
      port: '8080',
      redis: { addr: 'r:1' },
    });
  });

  test('resolves aliases and merges, where a key written out wins', () => {
    const { root, problems } = readYaml('base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nsame: *b\n');
    expect(problems).toEqual([]);
    expect(plainData(root)).toMatchObject({ use: { x: '1', y: '3' }, same: { x: '1', y: '2' } });
  });

  test('may be empty', () => {
    expect(readYaml('# nothing\n')).toEqual({ root: undefined, problems: [] });
  });
});

describe('a text that is not YAML is one problem with its line', () => {
  test.each([
    ['a quote that is never closed, at the end', 'a: 1\nb: "open\n', 3],
    ['a key below a value', 'a: 1\n  b: 2\n', 1],
    ['a bracket that is never closed', 'a: [1, 2\nb: 3\n', 2],
    ['a second document', 'a: 1\n---\nb: 2\n', 2],
    ['a tab as indentation', 'a:\n\t- b\n', 2],
    ['a reserved character', 'a: 1\nb: @c\n', 2],
    ['two colons', 'a: b: c\n', 1],
  ])('%s', (_what, text, line) => {
    const { root, problems } = readYaml(text);
    expect(root).toBeUndefined();
    expect(problems).toMatchObject([{ code: 'MalformedYaml', line }]);
    expect(problems[0]?.message).not.toContain('not valid YAML (');
  });

  test('which does not repeat the text, because it may hold a secret', () => {
    const { problems } = readYaml('redis:\n  password: "hunter2" hunter3\n');
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems)).not.toContain('hunter');
  });
});

test('a key written twice is reported where it stands the second time, and the rest is read', () => {
  const { root, problems } = readYaml('a: 1\nb: 2\na: 3\n');
  expect(problems).toMatchObject([{ code: 'MalformedYaml', line: 3 }]);
  expect(plainData(root)).toEqual({ a: '1', b: '2' });
});

test('an alias without anchor is reported where it stands, and reads as nothing', () => {
  const { root, problems } = readYaml('a: *nowhere\nb: 2\n');
  expect(problems).toMatchObject([{ code: 'MalformedYaml', line: 1, column: 4 }]);
  expect(plainData(root)).toEqual({ a: '', b: '2' });
});

test('an alias means the last anchor of its name before it', () => {
  const { root } = readYaml('a: &x 1\nb: *x\nc: &y {d: &x 2}\ne: *x\nf: &x 3\ng: *y\nh: *x\n');
  expect(plainData(root)).toMatchObject({ b: '1', e: '2', g: { d: '2' }, h: '3' });
});

test('a list as key is reported', () => {
  expect(readYaml('? [a]\n: 1\n').problems).toMatchObject([{ code: 'MalformedYaml', line: 1 }]);
});

describe('hostile documents end in a problem, not in memory or stack', () => {
  test('aliases that multiply', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 9; level++)
      lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`);
    expect(readYaml(lines.join('\n')).problems).toMatchObject([{ code: 'MalformedYaml' }]);
  });

  test('an alias that contains itself', () => {
    expect(readYaml('a: &a\n  b: *a\n').problems).toMatchObject([{ code: 'MalformedYaml' }]);
  });

  test('brackets without end', () => {
    expect(readYaml('['.repeat(20_000)).problems).toMatchObject([{ code: 'MalformedYaml' }]);
  });
});
