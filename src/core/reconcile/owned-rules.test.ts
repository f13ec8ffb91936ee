import { describe, expect, it } from 'vitest';
import {
  deleted,
  living,
  livingObjects,
  livingOwner,
  ownedInput,
  podOf,
  PORTS,
  removedInput,
  RENDER,
  SERVICE,
  SET,
} from '../../../test/owned-fixture.ts';
import { ended, TERM } from '../../../test/pod-fixture.ts';
import { makePersistent, makeService } from '../../../test/workload-fixture.ts';
import { ANNOTATION } from '../workload/names.ts';
import type { Input } from './observed.ts';
import { renderBeside } from './owner.ts';
import { planWorkload } from './plan.ts';
import type { Action } from './verdict.ts';

/** What an action does, and to what. */
function told(action: Action): string {
  if ('pod' in action) return `${action.kind} ${action.pod.metadata.uid}`;
  if ('object' in action) return `${action.kind} ${action.object.kind} ${action.object.metadata.name}`;
  return action.kind;
}

function decide(input: Input) {
  const { rule, reason, message, actions, wakeAt } = planWorkload(input);
  return { rule, reason, message, wakeAt, actions: actions.map(told) };
}

const KINDS = [
  { title: 'a service', workload: SERVICE, kind: 'Deployment' },
  { title: 'a persistent set', workload: SET, kind: 'StatefulSet' },
] as const;

const gated = podOf(SERVICE, { gated: true, uid: 'new' });

describe('before anything is decided', () => {
  it('waits until the objects around the pods were read', () => {
    const input = ownedInput(SERVICE, { unobserved: 'deployments have not been read yet', objects: [] });
    expect(decide(input)).toMatchObject({ reason: 'Failed', actions: [], wakeAt: 2000 });
  });

  it('leaves everything alone when somebody else has a Deployment of that name', () => {
    const foreign = { kind: 'Deployment', name: 'report', recheckAt: 5000 };
    const input = ownedInput(SERVICE, { foreign, objects: [], instances: [] });
    expect(decide(input)).toMatchObject({ reason: 'ForeignOwner', actions: [], wakeAt: 5000 });
  });

  it('leaves a Deployment alone that another installation of the tenant manages', () => {
    const [owner, ...rest] = livingObjects(SERVICE);
    if (owner === undefined) throw new Error('no owner');
    const annotations = { ...owner.metadata.annotations, [ANNOTATION.fingerprint]: 'elsewhere' };
    const objects = [{ ...owner, metadata: { ...owner.metadata, annotations } }, ...rest];
    expect(decide(ownedInput(SERVICE, { objects, instances: [gated] }))).toMatchObject({
      reason: 'ForeignOwner',
      actions: [],
    });
  });

  it('does not repeat at once what the API server refused', () => {
    const refusal = {
      action: 'create',
      object: 'Deployment',
      status: 403,
      reason: 'Forbidden',
      message: 'namespace ns is being terminated',
      retryAt: 9000,
    };
    const input = ownedInput(SERVICE, { refusal, objects: [], instances: [] });
    expect(decide(input)).toMatchObject({ reason: 'Failed', actions: [], wakeAt: 9000 });
    expect(decide(input).message).toContain('namespace ns is being terminated');
  });

  it('claims what makes pods, and every pod, before it decides', () => {
    const old = podOf(SERVICE, { term: TERM - 1, uid: 'old' });
    const [owner] = livingObjects(SERVICE);
    if (owner === undefined) throw new Error('no owner');
    const annotations = { ...owner.metadata.annotations, [ANNOTATION.term]: String(TERM - 1) };
    const objects = [{ ...owner, metadata: { ...owner.metadata, annotations } }];
    const input = ownedInput(SERVICE, { objects, instances: [old, gated] });
    expect(decide(input).actions).toEqual(['claimObject Deployment report', 'claim old']);
  });

  it('settles a permit that was not answered, although a second gated pod has shown up since', () => {
    const instances = [podOf(SERVICE, { gated: true, uid: 'first' }), gated];
    const input = ownedInput(SERVICE, { instances, unansweredPermit: 'first' });
    expect(decide(input)).toMatchObject({ reason: 'AwaitingPermit', actions: ['claim first'] });
  });

  it('settles a permit that was not answered on a pod that was deleted meanwhile', () => {
    const instances = [podOf(SERVICE, { gated: true, uid: 'first', terminating: true }), gated];
    const input = ownedInput(SERVICE, { instances, unansweredPermit: 'first' });
    expect(decide(input).actions).toEqual(['claim first']);
  });
});

describe.each(KINDS)('$title', ({ workload, kind }) => {
  it('is put on record before anything of it exists', () => {
    const { record: _record, ...input } = ownedInput(workload, { objects: [], instances: [] });
    expect(decide(input).actions).toEqual(['remember']);
  });

  it('is made by its owner, then found by its Services', () => {
    const input = ownedInput(workload, { objects: [], instances: [] });
    expect(decide(input).actions).toEqual([`createObject ${kind} report`]);
    const objects = [livingOwner(workload)];
    expect(decide({ ...input, objects }).actions[0]).toMatch(/^createObject Service report/);
  });

  it('waits for its controller, and tells where that one says why not', () => {
    const answer = decide(ownedInput(workload, { instances: [] }));
    expect(answer).toMatchObject({ rule: 'maker has made a pod', reason: 'Starting', actions: [] });
    expect(answer.message).toContain(`kubectl describe ${kind.toLowerCase()} report -n ns`);
  });

  it('is permitted once it has a gated pod', () => {
    const instances = [podOf(workload, { gated: true, uid: 'new' })];
    expect(decide(ownedInput(workload, { instances }))).toMatchObject({ actions: ['permit new'] });
  });

  it('is active when its pod is ready', () => {
    expect(decide(ownedInput(workload))).toMatchObject({ reason: 'Active', actions: [] });
  });

  it('never has a second pod permitted beside one that runs', () => {
    const extra = ['report-1', 'report-2'].map((name) => podOf(workload, { gated: true, uid: name, name }));
    const instances = [...extra, podOf(workload)];
    expect(decide(ownedInput(workload, { instances }))).toMatchObject({ reason: 'Active', actions: [] });
  });

  it('has no pod permitted while another one terminates on a node', () => {
    const old = podOf(workload, { uid: 'old', terminating: true });
    const instances = [old, podOf(workload, { gated: true, uid: 'new' })];
    expect(decide(ownedInput(workload, { instances }))).toMatchObject({
      rule: 'old made pods are gone',
      actions: [],
    });
  });

  it('lets a pod go that was deleted after its permit and before it had a node', () => {
    const old = podOf(workload, { uid: 'old', terminating: true, node: null });
    expect(decide(ownedInput(workload, { instances: [old] })).actions).toEqual(['dropFinalizer old']);
  });

  it('has no pod permitted while one that vanished without proof is waited for', () => {
    const instances = [podOf(workload, { gated: true, uid: 'new' })];
    const vanished = [{ uid: 'old', node: 'node-a', goneAt: 60_000 }];
    expect(decide(ownedInput(workload, { instances, vanished }))).toMatchObject({
      rule: 'vanished pod is waited for',
      actions: [],
      wakeAt: 60_000,
    });
  });

  it('stops a pod that was born without its gate, alone or beside the permitted one', () => {
    const stray = podOf(workload, { uid: 'stray', name: 'stray', token: null });
    for (const instances of [[stray], [stray, podOf(workload, { uid: 'ours' })]])
      expect(decide(ownedInput(workload, { instances })).actions).toEqual(['delete stray']);
  });

  it('leaves a pod alone that ran before it was adopted', () => {
    const { pod, ...facts } = podOf(workload, { uid: 'adopted', token: null });
    const annotations = { ...pod.metadata.annotations, [ANNOTATION.adopted]: 'true' };
    const instances = [{ ...facts, pod: { ...pod, metadata: { ...pod.metadata, annotations } } }];
    expect(decide(ownedInput(workload, { instances })).actions).toEqual([]);
  });

  it('stops the older of two pods that were both permitted', () => {
    const older = podOf(workload, { uid: 'older', name: 'older', token: '6000009' });
    const instances = [older, podOf(workload, { uid: 'newer' })];
    expect(decide(ownedInput(workload, { instances })).actions).toEqual(['delete older']);
  });

  it('clears away a pod that was evicted, before it looks at the next one', () => {
    const evicted = podOf(workload, { uid: 'old', status: ended('Failed') });
    const instances = [evicted, podOf(workload, { gated: true, uid: 'new' })];
    const answer = decide(ownedInput(workload, { instances }));
    expect(answer).toMatchObject({ rule: 'made pods are not finished', actions: ['dropFinalizer old'] });
  });

  it('does not believe Failed of a pod on a silent node, whoever wrote it', () => {
    const status = {
      ...ended('Failed'),
      conditions: [{ type: 'DisruptionTarget', status: 'True' as const }],
    };
    const silent = { kind: 'present', ready: false, suspect: true, outOfService: false } as const;
    const failed = podOf(workload, { uid: 'old', status }, { node: silent });
    const instances = [failed, podOf(workload, { gated: true, uid: 'new' })];
    expect(decide(ownedInput(workload, { instances }))).toMatchObject({
      reason: 'WaitingForOldInstance',
      actions: [],
    });
  });

  it('goes on when its pod is on a node that was declared off, and the collector marked it Failed', () => {
    const off = { kind: 'present', ready: false, suspect: true, outOfService: true } as const;
    const status = { phase: 'Failed' as const };
    const old = podOf(workload, { uid: 'old', status, terminating: true }, { node: off });
    expect(decide(ownedInput(workload, { instances: [old] })).actions).toEqual(['dropFinalizer old']);
  });

  it('lets its pods go although its owner was deleted in the foreground, which waits for them', () => {
    const [owner, ...rest] = livingObjects(workload);
    if (owner === undefined) throw new Error('no owner');
    const objects = [deleted(owner), ...rest];
    const old = podOf(workload, { uid: 'old', terminating: true, status: ended('Succeeded') });
    expect(decide(ownedInput(workload, { objects, instances: [old] })).actions).toEqual([
      'dropFinalizer old',
    ]);
    const scaled = [deleted(livingOwner(workload, { replicas: 3 })), ...rest];
    expect(decide(ownedInput(workload, { objects: scaled, instances: [] }))).toMatchObject({
      rule: 'maker stays',
      reason: 'WaitingForOldInstance',
      actions: [],
    });
  });

  it('is not permitted before what it depends on is ready, and goes on when that fails later', () => {
    const waitsFor = [{ key: 'process/ns/first', cause: 'is not healthy' }];
    const instances = [podOf(workload, { gated: true })];
    expect(decide(ownedInput(workload, { instances, waitsFor }))).toMatchObject({
      reason: 'WaitingForDependency',
      actions: [],
    });
    expect(decide(ownedInput(workload, { waitsFor }))).toMatchObject({ reason: 'Active' });
  });

  it('is not stopped before what depends on it', () => {
    const stopsAfter = ['process/ns/last'];
    expect(decide(removedInput(workload, { stopsAfter }))).toMatchObject({
      reason: 'Removed',
      actions: [],
    });
  });

  it('runs nothing when the spec asks for 0 replicas', () => {
    const none = { ...workload, spec: { ...workload.spec, replicas: 0 } } as typeof workload;
    expect(decide(ownedInput(none, { instances: [] }))).toMatchObject({ reason: 'Standby', actions: [] });
  });

  it('is left as it is while its custom resource cannot be read', () => {
    const input = removedInput(workload, { invalid: 'spec.image: missing' });
    expect(decide(input)).toMatchObject({ reason: 'InvalidSpec', actions: [] });
  });

  it('is stopped by scaling its owner to 0, then its pods, then its objects, then its record', () => {
    const input = removedInput(workload);
    const stopped = [livingOwner(workload, { replicas: 0 })];
    expect(decide(input).actions).toEqual([`changeObject ${kind} report`]);
    expect(decide({ ...input, objects: stopped }).actions).toEqual(['delete uid-1']);
    const done = { ...input, objects: stopped, instances: [] };
    expect(decide(done).actions).toEqual([`deleteObject ${kind} report`]);
    expect(decide({ ...done, objects: [] }).actions).toEqual(['forget']);
  });

  it('is left alone when it is not wanted and nobody put it on record', () => {
    const { record: _record, ...input } = removedInput(workload);
    expect(decide(input)).toMatchObject({ reason: 'Removed', actions: [] });
  });
});

describe('a change of spec', () => {
  const next = makeService('small', { ports: PORTS, image: 'busybox:2' });
  const nextSet = makePersistent('small', { image: 'busybox:2' });

  it('changes the owner first', () => {
    const input = ownedInput(next, { objects: livingObjects(SERVICE), instances: [podOf(SERVICE)] });
    expect(decide(input).actions).toEqual(['changeObject Deployment report']);
  });

  it('leaves it to the Deployment to stop its old pod', () => {
    const input = ownedInput(next, { instances: [podOf(SERVICE)] });
    expect(decide(input)).toMatchObject({ rule: 'made pod has the current spec', actions: [] });
  });

  it('deletes the old pod of a set, which keeps it otherwise', () => {
    const input = ownedInput(nextSet, { instances: [podOf(SET, { uid: 'old' })] });
    expect(decide(input).actions).toEqual(['delete old']);
  });

  it('deletes a gated pod of a set that was made from an older spec: it would stand there for ever', () => {
    const input = ownedInput(nextSet, { instances: [podOf(SET, { uid: 'old', gated: true })] });
    expect(decide(input).actions).toEqual(['delete old']);
  });

  it('never permits a pod of a Deployment that was made from an older spec', () => {
    const input = ownedInput(next, { instances: [podOf(SERVICE, { gated: true })] });
    expect(decide(input)).toMatchObject({ reason: 'Starting', actions: [] });
  });

  it('never permits another pod of a set than the first', () => {
    const instances = [podOf(SET, { gated: true, name: 'report-1' })];
    expect(decide(ownedInput(SET, { instances }))).toMatchObject({ reason: 'Starting', actions: [] });
  });

  it('that cannot be made is told, and harms nothing', () => {
    const moved = makePersistent('small', { serviceName: 'elsewhere' });
    const objects = [livingOwner(SET), ...renderBeside(moved, RENDER).map((object) => living(object))];
    expect(decide(ownedInput(moved, { objects, instances: [podOf(SET)] }))).toMatchObject({
      reason: 'ImmutableField',
      actions: [],
    });
  });

  it('removes a Service that the spec does not have any more', () => {
    const bare = makeService('small', { ports: [] });
    const objects = [livingOwner(bare), ...renderBeside(SERVICE, RENDER).map((object) => living(object))];
    expect(decide(ownedInput(bare, { objects })).actions).toEqual(['deleteObject Service report']);
  });

  it('of the ports changes the Service', () => {
    const ports = [{ name: 'http', containerPort: 8080, servicePort: 81 }];
    const moved = makeService('small', { ports });
    const objects = [livingOwner(moved), ...renderBeside(SERVICE, RENDER).map((object) => living(object))];
    expect(decide(ownedInput(moved, { objects })).actions).toEqual(['changeObject Service report']);
  });
});

describe("somebody else's Service under our name", () => {
  const foreignServices = [{ kind: 'Service', name: 'report', recheckAt: 5000 }];
  const input = ownedInput(SERVICE, { objects: [livingOwner(SERVICE)], foreignServices });

  it('is left as it is and told of; the workload runs', () => {
    expect(decide(input)).toMatchObject({ reason: 'Active', actions: [], wakeAt: 5000 });
    expect(decide(input).message).toContain('Service ns/report is not managed by this tenant');
  });

  it('is looked for again', () => {
    expect(decide({ ...input, now: 5000 }).actions).toEqual(['createObject Service report']);
  });
});

describe('why nothing runs', () => {
  const failing = (type: string, status: string, reason: string, message: string) => [
    livingOwner(SERVICE, {}, { conditions: [{ type, status, reason, message }] }),
    ...livingObjects(SERVICE).slice(1),
  ];

  it('is the quota, when the Deployment says so', () => {
    const message = 'pods "report-x" is forbidden: exceeded quota: q, requested: pods=1';
    const objects = failing('ReplicaFailure', 'True', 'FailedCreate', message);
    const answer = decide(ownedInput(SERVICE, { objects, instances: [] }));
    expect(answer).toMatchObject({ reason: 'QuotaExceeded', actions: [] });
    expect(answer.message).toContain('Deployment ns/report cannot create its pod');
  });

  it('is whatever else keeps the Deployment from creating its pod', () => {
    const objects = failing('ReplicaFailure', 'True', 'FailedCreate', 'denied the request');
    expect(decide(ownedInput(SERVICE, { objects, instances: [] }))).toMatchObject({ reason: 'Failed' });
  });

  const starting = { phase: 'Pending' as const };
  const waiting = (reason: string, message?: string) => ({
    ...starting,
    containerStatuses: [
      {
        name: 'main',
        ready: false,
        restartCount: 0,
        state: { waiting: { reason, ...(message === undefined ? {} : { message }) } },
      },
    ],
  });

  it('is told as failed when the pod is not ready within readinessTimeout', () => {
    const objects = failing('Progressing', 'False', 'ProgressDeadlineExceeded', 'has timed out');
    const instances = [podOf(SERVICE, { status: starting })];
    expect(decide(ownedInput(SERVICE, { objects, instances }))).toMatchObject({ reason: 'Failed' });
    expect(decide(ownedInput(SERVICE, { instances }))).toMatchObject({ reason: 'Starting' });
    expect(decide(ownedInput(SERVICE, { objects }))).toMatchObject({ reason: 'Active' });
  });

  it('is a ConfigMap that is missing, in the words of the kubelet', () => {
    const status = waiting('CreateContainerConfigError', 'configmap "app" not found');
    const answer = decide(ownedInput(SERVICE, { instances: [podOf(SERVICE, { status })] }));
    expect(answer).toMatchObject({ reason: 'Failed', actions: [] });
    expect(answer.message).toContain('configmap "app" not found');
  });

  it('is an image that cannot be pulled', () => {
    const status = waiting('ErrImagePull', 'not found');
    expect(decide(ownedInput(SERVICE, { instances: [podOf(SERVICE, { status })] }))).toMatchObject({
      reason: 'ImagePullFailed',
      actions: [],
    });
  });

  it('is in the events of the pod when the kubelet says no more than that it is creating containers', () => {
    const instances = [podOf(SERVICE, { status: waiting('ContainerCreating') })];
    const answer = decide(ownedInput(SERVICE, { instances }));
    expect(answer.reason).toBe('Starting');
    expect(answer.message).toContain('kubectl describe pod report-0 -n default');
  });

  it('is that no node takes it', () => {
    const status = {
      phase: 'Pending' as const,
      conditions: [
        { type: 'PodScheduled', status: 'False' as const, reason: 'Unschedulable', message: '0/2 nodes' },
      ],
    };
    const instances = [podOf(SERVICE, { status, node: null })];
    expect(decide(ownedInput(SERVICE, { instances }))).toMatchObject({
      reason: 'Unschedulable',
      message: '0/2 nodes',
    });
  });
});
