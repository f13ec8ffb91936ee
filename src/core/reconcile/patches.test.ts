import { expect, it } from 'vitest';
import { makePod } from '../../../test/pod-fixture.ts';
import type { Pod } from '../manifests/pod.ts';
import { ANNOTATION, LABEL, PERMIT_GATE } from '../workload/names.ts';
import { claimPatch, permitPatch } from './patches.ts';

const LEADER = { term: 7, id: 'highlander-1', clusterName: 'primary', fingerprint: 'lease/x' };

const MARKED: Pod = {
  ...makePod(),
  metadata: {
    name: 'report-pod',
    namespace: 'default',
    resourceVersion: '10',
    labels: { [LABEL.controllerId]: 'highlander-1', [LABEL.clusterName]: 'primary' },
    annotations: {
      [ANNOTATION.term]: '7',
      [ANNOTATION.fingerprint]: 'lease/x',
      [ANNOTATION.leaderId]: 'highlander-0',
      [ANNOTATION.clusterName]: 'primary',
    },
  },
  spec: { ...makePod().spec, schedulingGates: [{ name: 'example.com/other' }, { name: PERMIT_GATE }] },
};

const at = (key: string): string => `/metadata/annotations/${key.replaceAll('/', '~1')}`;

it('a permit lifts the gate with the token, and writes the term and the marks that differ', () => {
  expect(permitPatch(MARKED, 7_000_001, LEADER)).toEqual([
    { op: 'replace', path: '/metadata/resourceVersion', value: '10' },
    { op: 'remove', path: '/spec/schedulingGates/1' },
    { op: 'add', path: at(ANNOTATION.term), value: '7' },
    { op: 'add', path: at(ANNOTATION.leaderId), value: 'highlander-1' },
    { op: 'add', path: at(ANNOTATION.token), value: '7000001' },
    { op: 'add', path: '/metadata/managedFields', value: [{}] },
  ]);
});

it('a claim of an object without labels makes room for them', () => {
  const bare = { metadata: { name: 'report', resourceVersion: '1' } };
  const paths = claimPatch(bare, LEADER).map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining(['/metadata/annotations', at(ANNOTATION.term), '/metadata/labels']),
  );
  expect(paths.indexOf('/metadata/labels')).toBeLessThan(
    paths.indexOf(`/metadata/labels/${LABEL.controllerId.replaceAll('/', '~1')}`),
  );
});
