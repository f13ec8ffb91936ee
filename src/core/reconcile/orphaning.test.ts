import { describe, expect, it } from 'vitest';
import { cronInput, hourly } from '../../../test/cron-fixture.ts';
import { ownedInput, podOf, SERVICE, SET } from '../../../test/owned-fixture.ts';
import { makeInput, makeInstance } from '../../../test/pod-fixture.ts';
import { makeService } from '../../../test/workload-fixture.ts';
import { ANNOTATION, LABEL, SINGLETON_FINALIZER } from '../workload/names.ts';
import type { Input } from './observed.ts';
import { planWorkload } from './plan.ts';
import { recordFor, remembersWishes } from './restarts.ts';
import type { Action } from './verdict.ts';

const record = { managedFrom: 'file', restarts: 0, deletionPolicy: 'Orphan' } as const;

/** The workload has left its source. */
function left(input: Input, change: Partial<Input> = {}): Input {
  const { desired: _, ...rest } = input;
  return { ...rest, record, deletionPolicy: 'Orphan', ...change };
}

const plan = (input: Input) => planWorkload(input).actions;

function pathsOf(action: Action | undefined): readonly string[] {
  return action?.kind === 'letGo' ? action.operations.map(({ path }) => path) : [];
}

const pointer = (key: string): string => key.replaceAll('/', '~1');

describe('a process with deletionPolicy Orphan', () => {
  it('runs on, without our finalizer and the marks by which our watches find it', () => {
    const instance = makeInstance();
    const { metadata } = instance.pod;
    const labels = { ...metadata.labels, [LABEL.managedBy]: 'k8-highlander', [LABEL.tenant]: 'default' };
    const annotations = { ...metadata.annotations, [ANNOTATION.workload]: 'process/default/report' };
    const finalizers = ['other/one', SINGLETON_FINALIZER];
    const pod = { ...instance.pod, metadata: { ...metadata, labels, annotations, finalizers } };
    const actions = plan(left(makeInput({ instances: [{ ...instance, pod }] })));
    expect(actions).toMatchObject([{ kind: 'letGo', target: { kind: 'Pod' }, cause: 'Orphaned' }]);
    expect(pathsOf(actions[0])).toEqual([
      `/metadata/labels/${LABEL.managedBy}`,
      `/metadata/labels/${pointer(LABEL.tenant)}`,
      `/metadata/annotations/${pointer(ANNOTATION.workload)}`,
      '/metadata/finalizers',
    ]);
    expect(actions).toMatchObject([{ operations: [{}, {}, {}, { value: ['other/one'] }] }]);
  });

  it('whose pod has no permit keeps the gate, and the message names it', () => {
    const input = left(makeInput({ instances: [makeInstance({ gated: true })] }));
    const { actions, message } = planWorkload(input);
    expect(actions).toMatchObject([{ kind: 'letGo', cause: 'OrphanedAtGate' }]);
    expect(pathsOf(actions[0]).filter((path) => path.includes('schedulingGates'))).toEqual([]);
    expect(message).toContain('report-pod had no permit');
  });

  it('of which a pod is being deleted waits for the proof first', () => {
    expect(plan(left(makeInput({ instances: [makeInstance({ terminating: true })] })))).toEqual([]);
  });

  it('is forgotten once nothing is in sight', () => {
    expect(plan(left(makeInput({ instances: [] })))).toEqual([{ kind: 'forget' }]);
  });

  it('is stopped when the policy is another one, and not on record left alone', () => {
    const input = makeInput({ instances: [makeInstance()] });
    expect(plan(left(input, { deletionPolicy: 'Delete' }))).toMatchObject([{ kind: 'delete' }]);
    expect(plan(left(input, { record: { managedFrom: 'none', restarts: 0 } }))).toEqual([]);
  });

  it('is kept while its resource cannot be read, and while it is paused', () => {
    const input = makeInput({ instances: [makeInstance()] });
    expect(plan(left(input, { invalid: 'no image' }))).toEqual([]);
    expect(plan(left(input, { pause: { reason: 'x', by: '', endsAt: Infinity } }))).toEqual([]);
  });
});

describe('what makes pods', () => {
  it('as a Deployment keeps its template, which would replace the pod', () => {
    const actions = plan(left(ownedInput(SERVICE)));
    expect(actions.map((action) => action.kind === 'letGo' && action.target.kind)).toEqual([
      'Deployment',
      'Service',
      'Pod',
    ]);
    expect(pathsOf(actions[0]).filter((path) => path.startsWith('/spec'))).toEqual([]);
    expect(pathsOf(actions[0])).toContain(`/metadata/labels/${LABEL.managedBy}`);
  });

  it.each([
    ['StatefulSet', left(ownedInput(SET, { instances: [podOf(SET)] })), '/spec/template'],
    ['CronJob', left(cronInput({ workload: hourly() })), '/spec/jobTemplate/spec/template'],
  ] as const)('as a %s makes its next pods without gate, finalizer and marks', (_kind, input, path) => {
    const [action] = plan(input);
    expect(pathsOf(action).filter((each) => each.startsWith('/spec'))).toEqual([
      `${path}/metadata/labels/${LABEL.managedBy}`,
      `${path}/metadata/labels/${pointer(LABEL.tenant)}`,
      `${path}/metadata/annotations/${pointer(ANNOTATION.workload)}`,
      `${path}/metadata/finalizers`,
      `${path}/spec/schedulingGates/0`,
    ]);
  });
});

describe('the record of a workload of the file', () => {
  it('keeps the policy, for the time when the file does not have it any more', () => {
    const desired = makeService('small', { deletionPolicy: 'Orphan' });
    const kept = recordFor(desired, { managedFrom: 'file', hash: desired.templateHash, restarts: 3 });
    expect(kept).toMatchObject({ restarts: 3, deletionPolicy: 'Orphan' });
    expect(remembersWishes(desired, kept)).toBe(true);
    expect(
      recordFor(makeService('small'), { ...kept, hash: makeService('small').templateHash }),
    ).not.toHaveProperty('deletionPolicy');
  });
});
