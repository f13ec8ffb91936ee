import { describe, expect, it } from 'vitest';
import {
  ended,
  FINGERPRINT,
  HASH,
  makeInput,
  makeInstance,
  makePod,
  makeWorkload,
  TERM,
} from '../../../test/pod-fixture.ts';
import { MINUTE } from '../time.ts';
import type { Input } from './observed.ts';
import { planWorkload } from './plan.ts';

/** Kinds of the planned actions, and the rule and reason that answered. */
function decide(options: Partial<Input>): {
  rule: string;
  reason: string;
  actions: string[];
  message: string;
} {
  const { rule, reason, actions, message } = planWorkload(makeInput(options));
  return { rule, reason, message, actions: actions.map((action) => action.kind) };
}

const gated = makeInstance({ gated: true, uid: 'new' });

describe('whose objects', () => {
  it('leaves a pod under our name alone when it is not ours', () => {
    const foreign = { kind: 'pod', name: 'report-pod', recheckAt: 5000 };
    expect(decide({ foreign })).toMatchObject({ reason: 'ForeignOwner', actions: [] });
  });

  it('tries again once the foreign pod is due for another look', () => {
    const foreign = { kind: 'pod', name: 'report-pod', recheckAt: 1000 };
    expect(decide({ foreign })).toMatchObject({ actions: ['create'] });
  });

  it('leaves a pod alone that another installation of the tenant manages', () => {
    const instances = [makeInstance({ fingerprint: 'redis|elsewhere' })];
    expect(decide({ instances })).toMatchObject({ reason: 'ForeignOwner', actions: [] });
  });

  it('takes the objects of its predecessor after a change of store', () => {
    const instances = [makeInstance({ fingerprint: 'redis|elsewhere' })];
    const fingerprints = new Set([FINGERPRINT, 'redis|elsewhere']);
    expect(decide({ instances, fingerprints })).toMatchObject({ reason: 'Active' });
  });
});

describe('claim before act', () => {
  it('claims a running pod of an earlier term and decides nothing else', () => {
    const instances = [makeInstance({ term: TERM - 1, hash: 'other' })];
    expect(decide({ instances })).toMatchObject({ rule: 'objects are claimed', actions: ['claim'] });
  });

  it('claims gated and terminating pods too', () => {
    const instances = [
      makeInstance({ term: 3, gated: true }),
      makeInstance({ term: 3, uid: 'old', name: 'x', terminating: true }),
    ];
    expect(decide({ instances }).actions).toEqual(['claim', 'claim']);
  });

  it('claims a gated pod that an earlier leader touched, since that leader may still hold its version', () => {
    expect(decide({ instances: [makeInstance({ gated: true, term: TERM - 1 })] }).actions).toEqual(['claim']);
  });

  it('permits a new pod at once when it is the only one: the permit is the claim', () => {
    expect(decide({ instances: [makeInstance({ gated: true, term: null })] }).actions).toEqual(['permit']);
  });

  it('claims a new pod first when another pod stands beside it', () => {
    const instances = [
      makeInstance({ gated: true, term: null }),
      makeInstance({ name: 'x', uid: 'old', terminating: true }),
    ];
    expect(decide({ instances }).actions).toEqual(['claim']);
  });
});

describe('permit', () => {
  it('lifts the gate of the one pod', () => {
    expect(decide({ instances: [gated] })).toMatchObject({ reason: 'AwaitingPermit', actions: ['permit'] });
  });

  it('does not permit beside a permitted pod that terminates', () => {
    const instances = [gated, makeInstance({ uid: 'old', name: 'old', terminating: true })];
    expect(decide({ instances })).toMatchObject({ reason: 'WaitingForOldInstance', actions: [] });
  });

  it('does not permit beside a permitted pod that runs; the extra one is stopped', () => {
    const instances = [gated, makeInstance({ uid: 'old', name: 'old' })];
    expect(decide({ instances }).actions).toEqual(['delete']);
  });

  it('does not permit, nor decide anything, until an unanswered permit is settled on the same pod', () => {
    expect(decide({ instances: [gated], unansweredPermit: 'new' })).toMatchObject({ actions: ['claim'] });
  });

  it('does not permit while an instance that vanished without proof is waited for', () => {
    const vanished = [{ uid: 'old', node: 'node-a', goneAt: 60_000 }];
    expect(decide({ instances: [gated], vanished })).toMatchObject({
      reason: 'WaitingForOldInstance',
      actions: [],
    });
    expect(planWorkload(makeInput({ instances: [gated], vanished })).wakeAt).toBe(60_000);
  });

  it('waits out a refusal of the API server and says what it was', () => {
    const refusal = {
      action: 'create',
      status: 403,
      object: 'pod',
      reason: 'Forbidden',
      message: 'exceeded quota: q',
      retryAt: 9000,
    };
    expect(decide({ refusal })).toMatchObject({ reason: 'QuotaExceeded', actions: [] });
  });
});

describe('stop', () => {
  it('drops the finalizer of a terminating pod once the kubelet reported its end', () => {
    const instances = [makeInstance({ terminating: true, status: ended('Failed') })];
    expect(decide({ instances })).toMatchObject({ actions: ['dropFinalizer'] });
  });

  it('creates nothing while a terminating pod is unproven', () => {
    expect(decide({ instances: [makeInstance({ terminating: true })] })).toMatchObject({
      reason: 'WaitingForOldInstance',
      actions: [],
    });
  });

  it('reports a stop that outlasts its grace period by 30 s, and still starts nothing', () => {
    const instances = [makeInstance({ terminating: true })];
    expect(decide({ instances, now: 60_000 })).toMatchObject({ reason: 'StopTimedOut', actions: [] });
    expect(planWorkload(makeInput({ instances })).wakeAt).toBe(60_000);
  });

  it('names the command that resolves a silent node after a minute', () => {
    const node = {
      kind: 'present',
      ready: false,
      notReadySince: 0,
      suspect: true,
      outOfService: false,
    } as const;
    const decision = decide({ instances: [makeInstance({ terminating: true }, { node })], now: MINUTE });
    expect(decision).toMatchObject({ reason: 'NodeUnreachable', actions: [] });
    expect(decision.message).toContain('k8-highlander fence node node-a');
  });

  it('names a command for a Node object that is gone', () => {
    const instances = [makeInstance({ terminating: true }, { node: { kind: 'absent' } })];
    expect(decide({ instances, now: MINUTE }).message).toContain('k8-highlander fence node node-a');
  });

  it('waits for another finalizer without touching it', () => {
    const instances = [makeInstance({ terminating: true, finalizer: false, status: ended('Failed') })];
    expect(decide({ instances })).toMatchObject({ reason: 'WaitingForOldInstance', actions: [] });
  });
});

describe('removed from the file', () => {
  const removed = (options: Partial<Input>): Input => {
    const { desired: _, ...input } = makeInput(options);
    return input;
  };
  const kinds = (input: Input): string[] => planWorkload(input).actions.map((action) => action.kind);

  it('stops what was managed from the file', () => {
    expect(kinds(removed({ instances: [makeInstance()] }))).toEqual(['delete']);
  });

  it('forgets the record once nothing is left', () => {
    expect(kinds(removed({}))).toEqual(['forget']);
  });

  it('leaves alone what is not on record as managed from the file', () => {
    const { record: _, ...input } = removed({ instances: [makeInstance()] });
    expect(kinds(input)).toEqual([]);
  });

  it('forgets a workload although somebody else has a pod under its name', () => {
    expect(kinds(removed({ foreign: { kind: 'pod', name: 'report-pod', recheckAt: 5000 } }))).toEqual([
      'forget',
    ]);
  });

  it('does not forget while a vanished instance is waited for', () => {
    expect(kinds(removed({ vanished: [{ uid: 'old', node: 'n', goneAt: 9000 }] }))).toEqual([]);
  });
});

describe('a custom resource that cannot be used', () => {
  const invalid = 'spec.image: image is required';
  const unreadable = (options: Partial<Input>): Input => {
    const { desired: _, ...input } = makeInput({ ...options, invalid });
    return input;
  };

  it('leaves alone what runs when no earlier state is known', () => {
    const plan = planWorkload(unreadable({ instances: [makeInstance()] }));
    expect(plan).toMatchObject({ reason: 'InvalidSpec', message: invalid, actions: [] });
  });

  it('starts nothing, and forgets nothing', () => {
    expect(planWorkload(unreadable({}))).toMatchObject({ reason: 'InvalidSpec', actions: [] });
  });

  it('keeps its last valid state, which is looked after as ever', () => {
    expect(decide({ invalid }).actions).toEqual(['create']);
    expect(decide({ invalid, instances: [makeInstance()] })).toMatchObject({ actions: [] });
    expect(decide({ invalid, instances: [makeInstance({ hash: 'older' })] }).actions).toEqual(['delete']);
  });

  it('lets a pod go whose end is proven', () => {
    const instances = [makeInstance({ status: ended('Failed'), terminating: true })];
    expect(planWorkload(unreadable({ instances })).actions).toMatchObject([{ kind: 'dropFinalizer' }]);
  });
});

describe('create and replace', () => {
  it('records the workload before its first pod exists', () => {
    const { record: _, ...input } = makeInput();
    expect(planWorkload(input).actions).toMatchObject([
      { kind: 'remember', record: { managedFrom: 'file', hash: HASH, restarts: 0 } },
    ]);
  });

  it('records what runs already, so that it does not become an orphan', () => {
    const { record: _, ...input } = makeInput({ instances: [makeInstance()] });
    expect(planWorkload(input).actions).toMatchObject([{ kind: 'remember' }]);
  });

  it('moves the record to where the workload is defined now, with what it holds', () => {
    const desired = { ...makeWorkload(), source: { from: 'resource', uid: 'r' } as const };
    const record = { managedFrom: 'file', hash: HASH, restarts: 2, outcome: 'Completed' } as const;
    expect(planWorkload(makeInput({ desired, record })).actions).toMatchObject([
      { kind: 'remember', record: { ...record, managedFrom: 'resource' } },
    ]);
  });

  it('creates the pod of a known workload', () => {
    expect(decide({}).actions).toEqual(['create']);
  });

  it('stops the instance when its spec changed', () => {
    const plan = planWorkload(makeInput({ instances: [makeInstance({ hash: 'older' })] }));
    expect(plan.actions).toMatchObject([{ kind: 'delete', cause: 'SpecChanged' }]);
  });

  it('adopts a pod whose hash is equal', () => {
    expect(decide({ instances: [makeInstance()] })).toMatchObject({ reason: 'Active', actions: [] });
  });

  it('replaces a gated pod of an older spec instead of permitting it', () => {
    expect(decide({ instances: [makeInstance({ gated: true, hash: 'older' })] }).actions).toEqual(['delete']);
  });
});

describe('finish and restart', () => {
  const failed = (restartCount = 0): Partial<Input> => ({
    instances: [makeInstance({ status: ended('Failed', restartCount) })],
  });

  it('remembers a completed process before it lets the pod go', () => {
    const instances = [makeInstance({ status: ended('Succeeded') })];
    const plan = planWorkload(makeInput({ instances }));
    expect(plan.actions).toMatchObject([
      { kind: 'remember', record: { outcome: 'Completed', counted: 'uid-1' } },
    ]);
  });

  it('keeps the pod of a completed process for its logs', () => {
    const instances = [makeInstance({ status: ended('Succeeded'), finalizer: false })];
    const record = {
      managedFrom: 'file',
      hash: HASH,
      restarts: 0,
      counted: 'uid-1',
      outcome: 'Completed',
    } as const;
    expect(decide({ instances, record })).toMatchObject({ reason: 'Completed', actions: [] });
  });

  it('does not run a completed process again when its pod is gone', () => {
    const record = { managedFrom: 'file', hash: HASH, restarts: 0, outcome: 'Completed' } as const;
    expect(decide({ record })).toMatchObject({ reason: 'Completed', actions: [] });
  });

  it('runs a completed process again when its spec changed', () => {
    const record = { managedFrom: 'file', hash: 'older', restarts: 0, outcome: 'Completed' } as const;
    expect(decide({ record }).actions).toEqual(['create']);
  });

  it('restarts a process that exits 0 under restartPolicy Always', () => {
    const instances = [makeInstance({ status: ended('Succeeded') })];
    const plan = planWorkload(makeInput({ instances, desired: makeWorkload({ restartPolicy: 'Always' }) }));
    expect(plan.actions).toMatchObject([{ kind: 'remember', record: { restarts: 1 } }]);
    expect(plan.actions[0]).not.toHaveProperty('record.outcome');
  });

  it('counts a failed instance once, then clears it away', () => {
    expect(planWorkload(makeInput(failed())).actions).toMatchObject([
      { kind: 'remember', record: { restarts: 1 } },
    ]);
    const record = { managedFrom: 'file', hash: HASH, restarts: 1, counted: 'uid-1' } as const;
    expect(decide({ ...failed(), record }).actions).toEqual(['dropFinalizer']);
    const instances = [makeInstance({ status: ended('Failed'), finalizer: false })];
    expect(decide({ instances, record }).actions).toEqual(['delete']);
  });

  it('counts restarts in place together with replaced instances', () => {
    const record = { managedFrom: 'file', hash: HASH, restarts: 2 } as const;
    const plan = planWorkload(makeInput({ ...failed(3), record }));
    expect(plan.actions).toMatchObject([{ record: { restarts: 6, outcome: 'MaxRestartsExceeded' } }]);
  });

  it('does not count an eviction as a crash', () => {
    const status = {
      ...ended('Failed'),
      conditions: [{ type: 'DisruptionTarget', status: 'True' } as const],
    };
    const plan = planWorkload(makeInput({ instances: [makeInstance({ status })] }));
    expect(plan.actions).toMatchObject([{ kind: 'remember', record: { restarts: 0, counted: 'uid-1' } }]);
  });

  it('stops a crash loop: first on record, then the pod', () => {
    const status = {
      ...makePod().status,
      containerStatuses: [{ name: 'main', ready: false, restartCount: 6, state: {} }],
    };
    const instances = [makeInstance({ status })];
    expect(decide({ instances }).actions).toEqual(['remember']);
    const record = { managedFrom: 'file', hash: HASH, restarts: 6, outcome: 'MaxRestartsExceeded' } as const;
    expect(decide({ instances, record })).toMatchObject({
      reason: 'MaxRestartsExceeded',
      actions: ['delete'],
    });
    expect(decide({ record })).toMatchObject({ reason: 'MaxRestartsExceeded', actions: [] });
  });

  it('waits before the next start of a failed process', () => {
    expect(decide({ startNotBefore: 2000 })).toMatchObject({ reason: 'CrashLoop', actions: [] });
    expect(decide({ startNotBefore: 1000 }).actions).toEqual(['create']);
  });

  it('forgives earlier restarts after ten minutes of readiness', () => {
    const record = { managedFrom: 'file', hash: HASH, restarts: 3 } as const;
    const instances = [makeInstance()];
    expect(planWorkload(makeInput({ instances, record }))).toMatchObject({
      actions: [],
      wakeAt: 10 * MINUTE,
    });
    expect(planWorkload(makeInput({ instances, record, now: 10 * MINUTE })).actions).toMatchObject([
      { kind: 'remember', record: { restarts: 0 } },
    ]);
  });

  it('clears away a gated pod that arrived after the workload had completed', () => {
    const record = { managedFrom: 'file', hash: HASH, restarts: 0, outcome: 'Completed' } as const;
    expect(decide({ instances: [gated], record }).actions).toEqual(['delete']);
  });
});

describe('what a running instance is called', () => {
  const waiting = (reason: string): Partial<Input> => ({
    instances: [
      makeInstance({
        status: {
          phase: 'Pending',
          containerStatuses: [
            { name: 'main', ready: false, restartCount: 0, state: { waiting: { reason } } },
          ],
        },
      }),
    ],
  });

  it.each([
    ['ImagePullBackOff', 'ImagePullFailed'],
    ['CrashLoopBackOff', 'CrashLoop'],
    ['ContainerCreating', 'Starting'],
  ])('waiting for %s is %s', (state, reason) => {
    expect(decide(waiting(state))).toMatchObject({ reason, actions: [] });
  });

  it('says why no node takes it', () => {
    const status = {
      conditions: [
        { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/2 nodes' } as const,
      ],
    };
    expect(decide({ instances: [makeInstance({ node: null, status })] })).toMatchObject({
      reason: 'Unschedulable',
      message: '0/2 nodes',
    });
  });

  it('does nothing about a running pod on a silent node but say so', () => {
    const node = {
      kind: 'present',
      ready: false,
      notReadySince: 0,
      suspect: true,
      outOfService: false,
    } as const;
    const instances = [makeInstance({}, { node })];
    expect(decide({ instances, now: MINUTE })).toMatchObject({ reason: 'NodeUnreachable', actions: [] });
  });
});

describe('dependencies', () => {
  const waitsFor = [{ key: 'persistent/default/db', cause: 'is not ready: Starting' }];

  it('nothing is created before what it depends on is ready', () => {
    expect(decide({ waitsFor })).toMatchObject({
      reason: 'WaitingForDependency',
      message: 'persistent/default/db is not ready: Starting',
      actions: [],
    });
  });

  it('what runs goes on', () => {
    expect(decide({ waitsFor, instances: [makeInstance()] })).toMatchObject({ reason: 'Active' });
  });

  it('nothing is stopped before what depends on it has stopped', () => {
    const input = makeInput({ instances: [makeInstance()], stopsAfter: ['process/default/web'] });
    const { desired: _removed, ...removed } = input;
    expect(planWorkload(removed)).toMatchObject({ rule: 'dependents have stopped', actions: [] });
  });

  it('a changed dependency goes on record', () => {
    const desired = makeWorkload({ dependsOn: [{ kind: 'persistent', namespace: 'default', name: 'db' }] });
    expect(decide({ desired })).toMatchObject({ rule: 'workload is on record', actions: ['remember'] });
  });
});
