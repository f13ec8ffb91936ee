import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ProcessSpec } from './model.ts';
import { canonicalJson, fnv1a64, hashTemplate } from './template-hash.ts';

const SPEC: ProcessSpec = {
  image: 'busybox:1.36',
  script: { commands: ['sleep 1'], shell: '/bin/sh' },
  env: { A: '1', B: '2' },
  resources: { cpuRequest: '100m' },
  configMaps: [],
  secrets: [],
  labels: { team: 'a' },
  annotations: {},
  nodeSelector: {},
  sidecars: [],
  ports: [],
  terminationGracePeriod: 30_000,
  restartPolicy: 'OnFailure',
  maxRestarts: 5,
};

test.each([
  ['', 'cbf29ce484222325'],
  ['a', 'af63dc4c8601ec8c'],
  ['foobar', '85944171f73967e8'],
])('fnv1a64(%j) is the published value', (text, hash) => {
  expect(fnv1a64(text)).toBe(hash);
});

test('fnv1a64 equals the definition in exact arithmetic', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      let exact = 0xcbf29ce484222325n;
      for (const byte of new TextEncoder().encode(text))
        exact = BigInt.asUintN(64, (exact ^ BigInt(byte)) * 0x100000001b3n);
      expect(fnv1a64(text)).toBe(exact.toString(16).padStart(16, '0'));
    }),
  );
});

describe('the template hash', () => {
  test('is pinned: if this changes, every running instance is replaced on upgrade', () => {
    expect(hashTemplate(SPEC)).toBe('bf3c74657d625b76');
  });

  test('does not depend on the order of keys', () => {
    const reversed = Object.fromEntries(Object.entries(SPEC).toReversed()) as unknown as ProcessSpec;
    expect(hashTemplate({ ...reversed, env: { B: '2', A: '1' } })).toBe(hashTemplate(SPEC));
  });

  test('does not depend on labels and annotations: such an edit restarts nothing', () => {
    expect(hashTemplate({ ...SPEC, labels: { team: 'b' }, annotations: { x: 'y' } })).toBe(
      hashTemplate(SPEC),
    );
  });

  test('does not depend on members that are empty, so a new optional field restarts nothing', () => {
    const grown = { ...SPEC, tolerations: [], affinity: {}, command: [] };
    expect(hashTemplate(grown)).toBe(hashTemplate(SPEC));
  });

  test.each<Partial<ProcessSpec>>([
    { image: 'busybox:1.37' },
    { env: { A: '1', B: '3' } },
    { env: { A: '1' } },
    { env: { A: '1', B: '2', C: '' } },
    { script: { commands: ['sleep 1', ''], shell: '/bin/sh' } },
    { script: { commands: ['sleep 1'], shell: '/bin/bash' } },
    { resources: { cpuLimit: '100m' } },
    { configMaps: ['a'] },
    { nodeSelector: { disk: 'ssd' } },
    { terminationGracePeriod: 31_000 },
    { restartPolicy: 'Always' },
  ])('depends on %o', (change) => {
    expect(hashTemplate({ ...SPEC, ...change })).not.toBe(hashTemplate(SPEC));
  });
});

test('canonical JSON keeps the order of lists and tells a text from a number', () => {
  expect(canonicalJson({ b: ['2', '1'], a: { d: 1, c: '1' } })).toBe('{"a":{"c":"1","d":1},"b":["2","1"]}');
});
