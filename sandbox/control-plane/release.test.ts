import { expect, test } from 'vitest';
import { keyOf, parseRelease, readRelease } from './release.ts';

const GO_MOD = `module controlplane

require (
\tgo.etcd.io/etcd/server/v3 v3.6.8
\tk8s.io/kubernetes v1.36.3
)

replace k8s.io/api => k8s.io/api v0.36.3
`;

test('the versions are those that go.mod requires', () => {
  const release = parseRelease(GO_MOD, 'x64');
  expect(release).toEqual({ kubernetes: '1.36.3', etcd: '3.6.8', arch: 'amd64' });
  expect(keyOf(release)).toBe('kubernetes-1.36.3-etcd-3.6.8-linux-amd64');
});

test('a go.mod without one of them is an error', () => {
  expect(() => parseRelease('module x\n', 'x64')).toThrow('does not require k8s.io/kubernetes');
});

test('our own go.mod is readable', async () => {
  expect((await readRelease()).kubernetes).toMatch(/^\d+\.\d+\.\d+$/);
});
