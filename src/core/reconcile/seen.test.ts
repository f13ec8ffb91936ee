import { expect, it } from 'vitest';
import { ended, makePod, READY_NODE, type PodOptions } from '../../../test/pod-fixture.ts';
import type { PodStatus } from '../manifests/pod.ts';
import { viewSeen, type SeenWorkload } from './seen.ts';

const see = (...pods: readonly PodOptions[]): SeenWorkload =>
  viewSeen(
    'process/default/report',
    pods.map((options) => ({ pod: makePod(options), node: READY_NODE })),
  );

const starting: PodStatus = {
  phase: 'Pending',
  conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: '2026-01-02T03:04:05Z' }],
  containerStatuses: [
    {
      name: 'main',
      ready: false,
      restartCount: 2,
      state: { waiting: { reason: 'ImagePullBackOff', message: 'no' } },
    },
  ],
};

it.each([
  ['nothing', [], false, false],
  ['a permitted and ready instance', [{}], true, true],
  ['an instance that is not ready', [{ status: starting }], true, false],
  ['an instance without its permit', [{ gated: true }], false, false],
  ['an instance that succeeded', [{ status: ended('Succeeded') }], false, true],
  ['an instance that failed', [{ status: ended('Failed') }], false, false],
] satisfies [string, PodOptions[], boolean, boolean][])('%s', (_what, pods, active, healthy) => {
  expect(see(...pods)).toMatchObject({ active, healthy });
});

it('shows the permitted instance before the one that waits', () => {
  const seen = see({ gated: true, name: 'next', uid: 'u2' }, { name: 'report-pod' });
  expect(seen).toMatchObject({ active: true, pod: { name: 'report-pod' } });
});

it('shows why an instance does not run, and nothing that was not reported', () => {
  expect(see({ status: starting })).toEqual({
    key: 'process/default/report',
    active: true,
    healthy: false,
    lastTransition: '2026-01-02T03:04:05Z',
    pod: {
      name: 'report-pod',
      uid: 'uid-1',
      image: 'busybox',
      term: 7,
      token: 7_000_001,
      phase: 'Pending',
      node: 'node-a',
      containerReady: false,
      containerRestarts: 2,
      pending: { reason: 'ImagePullBackOff', message: 'no' },
    },
  });
});
