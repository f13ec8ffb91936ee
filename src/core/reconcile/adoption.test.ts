import { describe, expect, it } from 'vitest';
import { ownedInput, podOf, RENDER, SERVICE, SET } from '../../../test/owned-fixture.ts';
import { FINGERPRINT, HASH, makeInput, makeInstance, makeWorkload, TERM } from '../../../test/pod-fixture.ts';
import { makeCronJob } from '../../../test/workload-fixture.ts';
import type { ManagedObject } from '../manifests/managed-object.ts';
import type { WorkloadKey } from '../workload/model.ts';
import { ANNOTATION, LABEL, PERMIT_GATE, SINGLETON_FINALIZER } from '../workload/names.ts';
import type { GoRemains, Input, Instance, ReplicaSet } from './observed.ts';
import { renderOwner } from './owner.ts';
import { adoptPatch, type Operation } from './patches.ts';
import { planWorkload } from './plan.ts';
import type { Action } from './verdict.ts';

const LABELS = {
  'managed-by': 'k8-highlander',
  'controller-id': 'go-1',
  'cluster-name': 'default',
  'is-leader': 'true',
};
const CRON = makeCronJob('small');

/** Of the workload that has objects of this kind. */
function keyOf(kind: ManagedObject['kind']): WorkloadKey {
  if (kind === 'CronJob' || kind === 'Job') return CRON.key;
  return kind === 'StatefulSet' ? SET.key : SERVICE.key;
}

/** The instance as the Go program made it: its labels, no annotation, no finalizer. */
function goInstance(instance: Instance, app: string): Instance {
  const { annotations: _annotations, finalizers: _finalizers, ...metadata } = instance.pod.metadata;
  return { ...instance, pod: { ...instance.pod, metadata: { ...metadata, labels: { app, ...LABELS } } } };
}

const template = { metadata: { labels: { app: 'small', ...LABELS } }, spec: {} };
const gatedTemplate = {
  metadata: { ...template.metadata, finalizers: [SINGLETON_FINALIZER] },
  spec: { schedulingGates: [{ name: PERMIT_GATE }] },
};

function goObject(
  kind: ManagedObject['kind'],
  spec: NonNullable<ManagedObject['spec']>,
  change: Partial<ManagedObject> = {},
): ManagedObject {
  const { name, namespace } = keyOf(kind);
  return {
    kind,
    metadata: {
      name,
      namespace,
      uid: 'go',
      resourceVersion: '9',
      generation: 4,
      labels: { app: name, ...LABELS },
    },
    spec,
    status: { observedGeneration: 4 },
    ...change,
  };
}

function replicaSet(change: Partial<ReplicaSet> = {}): ReplicaSet {
  const metadata = { name: 'small-1', namespace: 'default', uid: 'rs', resourceVersion: '8', generation: 1 };
  return {
    metadata,
    spec: { replicas: 1, template },
    status: { observedGeneration: 1, replicas: 1 },
    ...change,
  };
}

function remainsOf(object: ManagedObject, more: Partial<GoRemains> = {}): GoRemains {
  return { object, replicaSets: [], jobs: [], since: 0, ...more };
}

function decide(input: Input) {
  const { reason, message, actions, wakeAt } = planWorkload(input);
  return { reason, message, actions, kinds: actions.map(({ kind }) => kind), wakeAt };
}

/** Values by path. */
function written(operations: readonly Operation[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    operations.map((each) => [each.path, each.op === 'remove' ? 'removed' : each.value]),
  );
}

function operationsOf(action: Action | undefined): Readonly<Record<string, unknown>> {
  if (action?.kind === 'prepare') return written(action.operations);
  if (action?.kind === 'adoptObject' || action?.kind === 'adoptPod')
    return written(action.adoption.operations);
  throw new Error(`no adoption: ${action?.kind}`);
}

describe('a pod of the Go program', () => {
  const instance = goInstance(makeInstance(), 'report');

  it('is adopted before anything else, with the hash of the present spec', () => {
    const { actions, kinds } = decide(makeInput({ instances: [instance] }));
    expect(kinds).toEqual(['adoptPod']);
    const [action] = actions;
    if (action?.kind !== 'adoptPod') throw new Error('no adoption');
    expect(action.adoption.labels).toEqual({ [LABEL.tenant]: 'default', [LABEL.kind]: 'process' });
    expect(action.adoption.annotations).toEqual({
      [ANNOTATION.workload]: 'process/default/report',
      [ANNOTATION.templateHash]: HASH,
      [ANNOTATION.fingerprint]: FINGERPRINT,
      [ANNOTATION.source]: 'file',
      [ANNOTATION.adopted]: 'true',
    });
    expect(operationsOf(action)).toEqual({ '/metadata/finalizers': [SINGLETON_FINALIZER] });
  });

  it('gets no finalizer while it terminates: the API server refuses that', () => {
    const terminating = goInstance(makeInstance({ terminating: true }), 'report');
    const { actions } = decide(makeInput({ instances: [terminating] }));
    expect(operationsOf(actions[0])).toEqual({});
  });

  it('keeps the finalizers of others', () => {
    const { pod } = instance;
    const held = {
      ...instance,
      pod: { ...pod, metadata: { ...pod.metadata, finalizers: ['job/tracking'] } },
    };
    const { actions } = decide(makeInput({ instances: [held] }));
    expect(operationsOf(actions[0])).toEqual({
      '/metadata/finalizers': ['job/tracking', SINGLETON_FINALIZER],
    });
  });

  it('is not held to the restarts it had before', () => {
    const restarted = goInstance(
      makeInstance({
        status: { phase: 'Running', containerStatuses: [{ name: 'main', ready: true, restartCount: 40 }] },
      }),
      'report',
    );
    const { actions } = decide(makeInput({ instances: [restarted] }));
    expect(actions).toMatchObject([
      { kind: 'remember', record: { forgiven: { uid: 'uid-1', restarts: 40 } } },
      { kind: 'adoptPod' },
    ]);
  });

  it('forbids every permit until it is adopted and proven gone', () => {
    const gated = podOf(SERVICE, { gated: true, uid: 'new' });
    const old = goInstance(podOf(SERVICE, { uid: 'old' }), SERVICE.key.name);
    const { kinds } = decide(ownedInput(SERVICE, { instances: [gated, old] }));
    expect(kinds).toEqual(['adoptPod']);
  });

  it('is left alone when nothing defines its workload', () => {
    const { desired: _desired, ...input } = makeInput({ instances: [instance] });
    expect(decide(input)).toMatchObject({ reason: 'ForeignOwner', actions: [] });
    expect(decide({ ...input, invalid: 'no image' })).toMatchObject({ reason: 'InvalidSpec', actions: [] });
  });

  it('is not adopted again and again when the API server refuses', () => {
    const refusal = {
      action: 'adopt',
      object: 'pod',
      status: 403,
      reason: 'Forbidden',
      message: 'no',
      retryAt: 5000,
    };
    expect(decide(makeInput({ instances: [instance], refusal }))).toMatchObject({
      actions: [],
      wakeAt: 5000,
    });
  });

  it('is patched with our marks besides, whether it had annotations or not', () => {
    const leader = { term: TERM, id: 'a', clusterName: 'c', fingerprint: FINGERPRINT };
    const adoption = { labels: { one: '1' }, annotations: { two: '2' }, operations: [] };
    const patch = adoptPatch(instance.pod, adoption, leader);
    expect(patch[0]).toEqual({ op: 'replace', path: '/metadata/resourceVersion', value: '100' });
    expect(patch.filter(({ path }) => path === '/metadata/annotations')).toHaveLength(1);
    expect(written(patch)).toMatchObject({ '/metadata/labels/one': '1', '/metadata/annotations/two': '2' });
  });
});

describe('a Deployment of the Go program', () => {
  const plan = (remains: GoRemains) => decide(ownedInput(SERVICE, { objects: [], instances: [], remains }));
  const paused = goObject('Deployment', { replicas: 1, paused: true, template });

  it('is paused first', () => {
    const { actions } = plan(remainsOf(goObject('Deployment', { replicas: 1, template })));
    expect(actions).toMatchObject([{ kind: 'prepare', target: { kind: 'Deployment' } }]);
    expect(operationsOf(actions[0])).toEqual({ '/spec/paused': true });
  });

  it('is waited for until its controller has paused', () => {
    const object = { ...paused, status: { observedGeneration: 3 } };
    expect(plan(remainsOf(object, { replicaSets: [replicaSet()] }))).toMatchObject({
      actions: [],
      wakeAt: 1500,
    });
  });

  it('then its ReplicaSets with pods get gate, finalizer and marks', () => {
    const idle = replicaSet({ spec: { replicas: 0, template }, status: { observedGeneration: 1 } });
    const { actions } = plan(remainsOf(paused, { replicaSets: [replicaSet(), idle] }));
    expect(actions).toMatchObject([{ kind: 'prepare', target: { kind: 'ReplicaSet' } }]);
    expect(operationsOf(actions[0])).toMatchObject({
      '/spec/template/metadata/finalizers': [SINGLETON_FINALIZER],
      '/spec/template/spec/schedulingGates': [{ name: PERMIT_GATE }],
    });
  });

  it('is waited for until the controller of the ReplicaSet works with that', () => {
    const set = replicaSet({ spec: { replicas: 1, template: gatedTemplate }, status: { replicas: 1 } });
    expect(plan(remainsOf(paused, { replicaSets: [set] }))).toMatchObject({ actions: [], wakeAt: 1500 });
  });

  it('then takes the identical change, is resumed and marked as ours', () => {
    const before = plan(remainsOf(paused, { replicaSets: [replicaSet()] }));
    const set = replicaSet({ spec: { replicas: 1, template: gatedTemplate } });
    const { actions } = plan(remainsOf(paused, { replicaSets: [set] }));
    expect(actions).toMatchObject([{ kind: 'adoptObject' }]);
    const operations = operationsOf(actions[0]);
    expect(operations).toMatchObject(operationsOf(before.actions[0]));
    expect(operations).toMatchObject({
      '/spec/paused': 'removed',
      '/spec/strategy': { type: 'Recreate' },
      '/metadata/labels/is-leader': 'removed',
    });
    expect(operations).not.toHaveProperty('/spec/template');
  });

  it('without pods gets our template', () => {
    const object = {
      ...paused,
      metadata: { ...paused.metadata, annotations: { [ANNOTATION.controlledShutdown]: 'true' } },
    };
    const idle = replicaSet({ spec: { replicas: 0, template }, status: { observedGeneration: 1 } });
    const { actions } = plan(remainsOf(object, { replicaSets: [idle] }));
    expect(operationsOf(actions[0])).toMatchObject({
      '/spec/template': renderOwner(SERVICE, RENDER).spec?.template,
      '/spec/replicas': 1,
      '/metadata/annotations/k8-highlander.io~1controlled-shutdown': 'removed',
    });
  });

  it('that is being deleted is waited for', () => {
    const metadata = { ...paused.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    expect(plan(remainsOf({ ...paused, metadata }))).toMatchObject({ actions: [], wakeAt: 1500 });
  });
});

describe('a StatefulSet of the Go program', () => {
  const plan = (object: ManagedObject) =>
    decide(ownedInput(SET, { objects: [], instances: [], remains: remainsOf(object) }));

  it('gets OnDelete and a gated template in one step', () => {
    const { actions } = plan(goObject('StatefulSet', { replicas: 1, template }));
    expect(actions).toMatchObject([{ kind: 'prepare', target: { kind: 'StatefulSet' } }]);
    expect(operationsOf(actions[0])).toMatchObject({
      '/spec/updateStrategy': { type: 'OnDelete' },
      '/spec/template/spec/schedulingGates': [{ name: PERMIT_GATE }],
    });
  });

  it('at 0 gets our template', () => {
    const { actions } = plan(goObject('StatefulSet', { replicas: 0, template }));
    expect(operationsOf(actions[0])).toMatchObject({
      '/spec/template': renderOwner(SET, RENDER).spec?.template,
    });
  });

  it('is adopted when its controller has seen that, and keeps what cannot be changed', () => {
    const spec = { replicas: 1, template: gatedTemplate, updateStrategy: { type: 'OnDelete' } };
    const unseen = goObject('StatefulSet', spec, { status: { observedGeneration: 3 } });
    expect(plan(unseen)).toMatchObject({ actions: [], wakeAt: 1500 });
    const { actions } = plan(goObject('StatefulSet', spec));
    expect(actions).toMatchObject([{ kind: 'adoptObject' }]);
    for (const field of ['serviceName', 'selector', 'podManagementPolicy', 'template'])
      expect(operationsOf(actions[0])).not.toHaveProperty(`/spec/${field}`);
  });
});

describe('a CronJob of the Go program', () => {
  const input = (remains: GoRemains): Input =>
    makeInput({ key: CRON.key, desired: CRON, remains, objects: [], now: 10_000 });
  const jobTemplate = { spec: { template } };
  const gated = { suspend: true, jobTemplate: { spec: { template: gatedTemplate } } };

  it('stays suspended while the template of its jobs is replaced', () => {
    const { actions } = decide(input(remainsOf(goObject('CronJob', { suspend: true, jobTemplate }))));
    expect(actions).toMatchObject([{ kind: 'prepare' }]);
    expect(operationsOf(actions[0])).toHaveProperty('/spec/jobTemplate');
    expect(operationsOf(actions[0])).not.toHaveProperty('/spec/suspend');
  });

  it('is left alone for a while, because its controller does not say what it has seen', () => {
    const remains = remainsOf(goObject('CronJob', gated), { since: 6000 });
    expect(decide(input(remains))).toMatchObject({ actions: [], wakeAt: 11_000 });
  });

  it('is adopted with its jobs, and goes on with a deadline for ticks', () => {
    const job = goObject('Job', { template });
    const remains = remainsOf(goObject('CronJob', gated), { since: 5000, jobs: [job] });
    const { actions } = decide(input(remains));
    expect(actions).toMatchObject([
      { kind: 'adoptObject', object: { kind: 'Job' } },
      { kind: 'adoptObject', object: { kind: 'CronJob' } },
    ]);
    expect(operationsOf(actions[1])).toMatchObject({ '/spec/suspend': false });
    expect(operationsOf(actions[1])).toHaveProperty('/spec/startingDeadlineSeconds');
  });

  it('permits no run while a job makes pods without a gate', () => {
    const owner = renderOwner(CRON, RENDER);
    const annotations = { ...owner.metadata.annotations, [ANNOTATION.term]: String(TERM) };
    const cronJob = { ...owner, metadata: { ...owner.metadata, uid: 'cron', annotations } };
    const marks = { annotations: { [ANNOTATION.fingerprint]: FINGERPRINT } };
    const job = (uid: string, spec: NonNullable<ManagedObject['spec']>): ManagedObject => ({
      kind: 'Job',
      metadata: { name: uid, namespace: 'default', uid, ...marks },
      spec,
    });
    const next = makeInstance({ gated: true, hash: CRON.templateHash });
    const owned = { apiVersion: 'batch/v1', kind: 'Job', name: 'next', uid: 'next', controller: true };
    const pod = { ...next.pod, metadata: { ...next.pod.metadata, ownerReferences: [owned] } };
    const cron = (old: ManagedObject): Input =>
      makeInput({
        key: CRON.key,
        desired: CRON,
        instances: [{ ...next, pod }],
        objects: [cronJob, old, job('next', { template: gatedTemplate })],
      });
    expect(decide(cron(job('old', { template })))).toMatchObject({
      reason: 'WaitingForOldInstance',
      actions: [],
    });
    const conditions = [{ type: 'Complete', status: 'True' }];
    const ended = { ...job('old', { template }), status: { conditions } };
    expect(decide(cron(ended)).kinds).toEqual(['permit']);
  });
});

describe('a Service of the Go program', () => {
  it('is taken over, and becomes as it should be', () => {
    const remains = remainsOf(goObject('Service', { type: 'ClusterIP' }));
    const { actions } = decide(ownedInput(SERVICE, { remains }));
    expect(actions).toMatchObject([{ kind: 'adoptObject', object: { kind: 'Service' } }]);
    expect(operationsOf(actions[0])).not.toHaveProperty('/spec/clusterIP');
  });

  it('under a name that the workload does not use is not touched', () => {
    const object = goObject('Service', { type: 'ClusterIP' });
    const remains = remainsOf({ ...object, metadata: { ...object.metadata, name: 'other' } });
    expect(decide(ownedInput(SERVICE, { remains })).kinds).toEqual([]);
  });
});

describe('what the Go program left of a workload that is not wanted', () => {
  it('is not adopted', () => {
    const { desired: _desired, ...input } = makeInput({ desired: makeWorkload() });
    const remains = remainsOf(goObject('Deployment', { replicas: 1, template }));
    expect(decide({ ...input, remains }).kinds).not.toContain('prepare');
  });
});

describe('an instance of the Go program in the namespace default', () => {
  const elsewhere = [goInstance(makeInstance({ uid: 'there' }), 'report')];

  it('keeps the workload from starting in another namespace, and is named', () => {
    const plan = decide(makeInput({ elsewhere }));
    expect(plan).toMatchObject({ reason: 'WaitingForOldInstance', actions: [], wakeAt: 6000 });
    expect(plan.message).toContain('namespace: default');
  });

  it('does not disturb an instance that runs already', () => {
    expect(decide(makeInput({ elsewhere, instances: [makeInstance()] })).reason).toBe('Active');
  });
});
