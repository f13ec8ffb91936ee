import { describe, expect, test } from 'vitest';
import { expand, renderEnvironment } from './environment.ts';
import { commandOf } from './images.ts';
import type { ContainerSpec, Pod, SourceData } from './pod.ts';

const pod: Pod = {
  metadata: {
    name: 'p',
    namespace: 'n',
    uid: 'u',
    labels: { 'a/b': 'label' },
    annotations: { 'x/token': '7', plain: 'two\nlines' },
  },
  spec: { nodeName: 'node-1', containers: [] },
};
const place = { nodeName: 'node-1', hostIP: '127.0.0.1', podIP: '127.9.0.1' };
const sources: Readonly<Record<string, SourceData>> = {
  'ConfigMap/c': { one: Buffer.from('1'), two: Buffer.from('2') },
  'Secret/s': { key: Buffer.from('hidden') },
};

const render = (container: Partial<ContainerSpec>): unknown =>
  renderEnvironment(pod, { name: 'main', ...container }, place, (kind, name) => sources[`${kind}/${name}`]);

const fieldOf = (fieldPath: string): unknown =>
  render({ env: [{ name: 'V', valueFrom: { fieldRef: { fieldPath } } }] });

describe('expansion of $(NAME), by the table of third_party/forked/golang/expansion', () => {
  test.each([
    ['$(A)', 'a'],
    ['x-$(A)-$(B)', 'x-a-b'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$a'],
    ['$$$$(A)', '$$(A)'],
    ['$(NONE)', '$(NONE)'],
    ['$(A', '$(A'],
    ['$A', '$A'],
    ['$', '$'],
    ['$$', '$'],
    ['$(EMPTY)|', '|'],
    ['$()', '$()'],
    ['$(A)$(A)', 'aa'],
    ['$($(A))', '$($(A))'],
  ])('%s becomes %s', (text, expected) => {
    const known: Readonly<Record<string, string>> = { A: 'a', B: 'b', EMPTY: '' };
    expect(expand(text, (name) => known[name])).toBe(expected);
  });
});

describe('environment', () => {
  test('a value sees what was defined before it, and not what comes after', () => {
    const env = [
      { name: 'A', value: 'a$(B)' },
      { name: 'B', value: 'b$(A)' },
    ];
    expect(render({ env })).toEqual({ kind: 'done', value: { A: 'a$(B)', B: 'ba$(B)' } });
  });

  test('env wins over envFrom, and a later entry over an earlier one', () => {
    const container = {
      envFrom: [{ configMapRef: { name: 'c' } }, { prefix: 'S_', secretRef: { name: 's' } }],
      env: [
        { name: 'one', value: 'first' },
        { name: 'one', value: 'last' },
      ],
    };
    expect(render(container)).toEqual({ kind: 'done', value: { one: 'last', two: '2', S_key: 'hidden' } });
  });

  test.each([
    ['metadata.name', 'p'],
    ['metadata.namespace', 'n'],
    ['metadata.uid', 'u'],
    ["metadata.labels['a/b']", 'label'],
    ["metadata.annotations['x/token']", '7'],
    ["metadata.annotations['absent']", ''],
    ['metadata.annotations', 'plain="two\\nlines"\nx/token="7"'],
    ['spec.nodeName', 'node-1'],
    ['spec.serviceAccountName', 'default'],
    ['status.podIP', '127.9.0.1'],
    ['status.hostIP', '127.0.0.1'],
  ])('fieldRef %s', (path, value) => {
    expect(fieldOf(path)).toEqual({ kind: 'done', value: { V: value } });
  });

  test('an unknown field path is an error of the container', () => {
    expect(fieldOf('spec.secret')).toMatchObject({ kind: 'missing' });
  });

  test.each([
    [{ configMapKeyRef: { name: 'none', key: 'k' } }, 'configmap "none" not found'],
    [{ secretKeyRef: { name: 'none', key: 'k' } }, 'secret "none" not found'],
    [{ configMapKeyRef: { name: 'c', key: 'k' } }, "couldn't find key k in ConfigMap n/c"],
  ])('%j is missing', (valueFrom, message) => {
    expect(render({ env: [{ name: 'V', valueFrom }] })).toEqual({ kind: 'missing', message });
  });

  test('an optional key that is missing leaves the variable out', () => {
    const valueFrom = { configMapKeyRef: { name: 'none', key: 'k', optional: true } };
    expect(render({ env: [{ name: 'V', valueFrom }] })).toEqual({ kind: 'done', value: {} });
  });

  test('a missing envFrom source is an error unless it is optional', () => {
    const configMapRef = { name: 'none' };
    expect(render({ envFrom: [{ configMapRef }] })).toMatchObject({ kind: 'missing' });
    expect(render({ envFrom: [{ configMapRef: { ...configMapRef, optional: true } }] })).toEqual({
      kind: 'done',
      value: {},
    });
  });
});

describe('commands', () => {
  const images = {
    nginx: { entrypoint: ['/start'], cmd: ['serve'] },
    'registry:5000/team/nginx:2': { cmd: ['special'] },
  };
  test.each<[string, Partial<ContainerSpec>, readonly string[]]>([
    [
      'command and args replace what the image has',
      { image: 'nginx', command: ['a'], args: ['b'] },
      ['a', 'b'],
    ],
    ['command drops the cmd of the image', { image: 'nginx', command: ['a'] }, ['a']],
    ['args replace the cmd and keep the entrypoint', { image: 'nginx', args: ['b'] }, ['/start', 'b']],
    ['an image without either runs its own', { image: 'docker.io/library/nginx:1.27' }, ['/start', 'serve']],
    ['the whole reference wins over the repository', { image: 'registry:5000/team/nginx:2' }, ['special']],
    ['a shell image runs its args', { image: 'busybox:1', args: ['echo', 'x'] }, ['echo', 'x']],
    ['an unknown image idles', { image: 'example.com/app@sha256:00' }, ['sleep', 'infinity']],
    ['an unknown image idles whatever its args', { image: 'app', args: ['--x'] }, ['sleep', 'infinity']],
    ['variables are expanded', { image: 'app', command: ['$(A)', '$$(A)', '$(B)'] }, ['1', '$(A)', '$(B)']],
  ])('%s', (_, container, expected) => {
    expect(commandOf({ name: 'main', ...container }, images, { A: '1' })).toEqual(expected);
  });
});
