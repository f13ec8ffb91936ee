import { describe, expect, it } from 'vitest';
import { cronInput, cronJobOf, hourly, jobOf, podOf, type CronOptions } from '../../../test/cron-fixture.ts';
import { ended, FINGERPRINT, TERM } from '../../../test/pod-fixture.ts';
import { ANNOTATION, PERMIT_GATE } from '../workload/names.ts';
import type { Tick } from './observed.ts';
import { planWorkload } from './plan.ts';
import type { Action } from './verdict.ts';

function decide(options: CronOptions = {}) {
  const { rule, reason, message, actions, wakeAt } = planWorkload(cronInput(options));
  return { rule, reason, message, wakeAt, kinds: actions.map(({ kind }) => kind), actions };
}

/** What the first action remembers as the ledger. */
function ledgerOf([action]: readonly Action[]): readonly Tick[] | undefined {
  return action?.kind === 'remember' ? action.record.ticks : undefined;
}

const NOON = { at: '2026-01-01T12:00:00Z', jobUid: 'noon' };
const ONE = '2026-01-01T13:00:00Z';
const job = jobOf('one', ONE);
const gated = podOf('one', { gated: true });

describe('whose objects', () => {
  it('decides nothing while CronJobs or Jobs have not been read', () => {
    expect(decide({ unobserved: 'jobs have not been read yet', objects: [] })).toMatchObject({
      reason: 'Failed',
      kinds: [],
    });
  });

  it('leaves a CronJob alone that another installation manages', () => {
    const objects = [cronJobOf(hourly(), { [ANNOTATION.fingerprint]: 'other' })];
    expect(decide({ objects })).toMatchObject({ reason: 'ForeignOwner', kinds: [] });
  });

  it('waits out a refusal', () => {
    const refusal = {
      action: 'change',
      object: 'CronJob',
      status: 422,
      reason: 'Invalid',
      message: 'no',
      retryAt: 9000,
    };
    expect(decide({ refusal, jobs: [job], instances: [gated] })).toMatchObject({
      reason: 'Failed',
      kinds: [],
    });
  });

  it('claims the CronJob of an earlier term before anything else', () => {
    const objects = [cronJobOf(hourly(), { [ANNOTATION.term]: String(TERM - 1) }), job];
    expect(decide({ objects, instances: [gated] }).kinds).toEqual(['claimObject']);
  });

  it('permits nothing until an unanswered permit is settled', () => {
    const ticks = [{ at: ONE, jobUid: 'one' }];
    expect(decide({ jobs: [job], instances: [gated], ticks, unansweredPermit: 'pod-of-one' }).kinds).toEqual([
      'claim',
    ]);
  });
});

describe('the CronJob', () => {
  it('is put on record before it exists', () => {
    const workload = hourly();
    const record = { managedFrom: 'none', hash: workload.templateHash, restarts: 0 } as const;
    expect(decide({ workload, objects: [], record }).kinds).toEqual(['remember']);
  });

  it('is created', () => {
    expect(decide({ objects: [] })).toMatchObject({ reason: 'Starting', kinds: ['createObject'] });
  });

  it('is not created anew while the old one is being deleted', () => {
    const old = cronJobOf(hourly());
    const objects = [{ ...old, metadata: { ...old.metadata, deletionTimestamp: '2026-01-01T12:00:00Z' } }];
    expect(decide({ objects }).kinds).toEqual([]);
  });

  it('is changed when the spec changed; the running job is not touched', () => {
    const objects = [cronJobOf(hourly()), job];
    const { kinds } = decide({
      workload: hourly({ schedule: '30 * * * *' }),
      objects,
      instances: [podOf('one')],
    });
    expect(kinds).toEqual(['changeObject']);
  });

  it('gets the starting deadline in the patch that ends a suspension, and begins its schedule anew', () => {
    const objects = [cronJobOf(hourly({ suspend: true, startingDeadline: 600_000 }))];
    const [action] = decide({ objects }).actions;
    if (action?.kind !== 'changeObject') throw new Error('not changed');
    expect(action.cause).toBe('SpecChanged');
    expect(action.operations).toContainEqual({ op: 'add', path: '/spec/suspend', value: false });
    expect(action.operations).toContainEqual({
      op: 'add',
      path: '/spec/startingDeadlineSeconds',
      value: 300,
    });
    expect(action.operations).toContainEqual({
      op: 'add',
      path: '/metadata/annotations/highlander.plexobject.io~1scheduled-since',
      value: '2026-01-01T12:30:00Z',
    });
  });

  it('that somebody suspended by hand goes on, and what it missed meanwhile counts as missed', () => {
    const made = cronJobOf(hourly());
    const objects = [{ ...made, spec: { ...made.spec, suspend: true } }];
    const [action] = decide({ objects }).actions;
    if (action?.kind !== 'changeObject') throw new Error('not changed');
    expect(action.cause).toBe('Repaired');
    expect(JSON.stringify(action.operations)).not.toContain('scheduled-since');
  });

  it('does not count ticks of the time in which the workload was removed', () => {
    const since = { [ANNOTATION.stoppingSince]: '2026-01-01T09:00:00Z' };
    const [action] = decide({ objects: [cronJobOf(hourly(), since)] }).actions;
    if (action?.kind !== 'changeObject') throw new Error('not changed');
    expect(action.operations).toEqual([
      { op: 'remove', path: '/metadata/annotations/highlander.plexobject.io~1stopping-since' },
      {
        op: 'add',
        path: '/metadata/annotations/highlander.plexobject.io~1scheduled-since',
        value: '2026-01-01T12:30:00Z',
      },
    ]);
  });
});

describe('each tick once', () => {
  it('enters the tick before the permit', () => {
    const { kinds, actions } = decide({ jobs: [job], instances: [gated], at: ONE });
    expect(kinds).toEqual(['remember']);
    expect(ledgerOf(actions)).toEqual([NOON, { at: ONE, jobUid: 'one' }]);
  });

  it('permits the job whose tick is entered, also after a change of leader', () => {
    const ticks = [NOON, { at: ONE, jobUid: 'one' }];
    expect(decide({ jobs: [job], instances: [gated], ticks }).kinds).toEqual(['permit']);
  });

  it('goes on with the retries of the job that has begun, however late', () => {
    const ticks = [{ at: ONE, jobUid: 'one' }];
    const late = { jobs: [job], instances: [gated], ticks, workload: hourly({ suspend: true }) };
    expect(
      decide({ ...late, objects: [cronJobOf(hourly({ suspend: true })), job], at: '2026-01-02T12:00:00Z' })
        .kinds,
    ).toEqual(['permit']);
  });

  it('deletes another job for a tick that is on the ledger', () => {
    const ticks = [NOON, { at: ONE, jobUid: 'one' }];
    const { actions } = decide({
      jobs: [jobOf('two', ONE)],
      instances: [podOf('two', { gated: true })],
      ticks,
    });
    expect(actions).toMatchObject([
      { kind: 'deleteObject', cause: 'TickAlreadyRun', object: { metadata: { uid: 'two' } } },
    ]);
  });

  it('knows the tick in whatever zone it was written', () => {
    const ticks = [NOON, { at: ONE, jobUid: 'one' }];
    const { actions } = decide({ jobs: [jobOf('two', '2026-01-01T14:00:00+01:00')], ticks });
    expect(actions).toMatchObject([{ kind: 'deleteObject', cause: 'TickAlreadyRun' }]);
  });

  it('keeps the last 20 entries', () => {
    const ticks = Array.from({ length: 20 }, (_, k) => ({
      at: `2025-12-31T0${k % 10}:0${Math.floor(k / 10)}:00Z`,
      jobUid: `${k}`,
    }));
    const status = { lastScheduleTime: '2026-01-01T12:00:00Z' };
    const objects = [
      cronJobOf(hourly(), { [ANNOTATION.scheduledSince]: '2026-01-01T12:30:00Z' }, { status }),
      job,
    ];
    const ledger = ledgerOf(decide({ objects, instances: [gated], ticks, at: ONE }).actions);
    expect(ledger).toHaveLength(20);
    expect(ledger?.at(-1)).toEqual({ at: ONE, jobUid: 'one' });
  });

  it('runs the earlier of two ticks first', () => {
    const two = jobOf('two', '2026-01-01T14:00:00Z');
    const instances = [podOf('two', { gated: true }), gated];
    const { actions } = decide({ jobs: [two, job], instances, at: ONE });
    expect(ledgerOf(actions)?.at(-1)).toEqual({ at: ONE, jobUid: 'one' });
  });

  it('permits none beside a run that is not proven gone', () => {
    const instances = [podOf('noon', { uid: 'old' }), gated];
    expect(decide({ jobs: [jobOf('noon', NOON.at), job], instances, at: ONE })).toMatchObject({
      reason: 'WaitingForOldInstance',
      kinds: [],
    });
  });

  it('permits none while a terminating run is not proven gone', () => {
    const instances = [podOf('noon', { uid: 'old', terminating: true }), gated];
    expect(decide({ jobs: [job], instances, at: ONE })).toMatchObject({
      rule: 'stopped runs are gone',
      kinds: [],
    });
  });

  it('permits none while a run that vanished without proof is waited for', () => {
    const vanished = [{ uid: 'old', node: 'node-a', goneAt: 60_000 }];
    expect(decide({ jobs: [job], instances: [gated], vanished, at: ONE })).toMatchObject({
      reason: 'WaitingForOldInstance',
      kinds: [],
    });
  });

  it('waits until the job of a pod is in sight', () => {
    expect(decide({ instances: [gated], at: ONE }).kinds).toEqual([]);
  });

  it('runs a job that was made by hand, without an entry', () => {
    const instances = [podOf('hand', { gated: true })];
    expect(decide({ jobs: [jobOf('hand', undefined)], instances }).kinds).toEqual(['permit']);
  });

  it('enters a run out of turn under its request, and deletes another one for it', () => {
    const asked = jobOf('asked', undefined, { request: 'r1' });
    const entered = decide({ jobs: [asked], instances: [podOf('asked', { gated: true })] });
    expect(ledgerOf(entered.actions)).toEqual([NOON, { at: 'request/r1', jobUid: 'asked' }]);
    const again = decide({
      jobs: [jobOf('again', undefined, { request: 'r1' })],
      ticks: [NOON, { at: 'request/r1', jobUid: 'asked' }],
    });
    expect(again.actions).toMatchObject([{ kind: 'deleteObject', cause: 'TickAlreadyRun' }]);
  });

  it('lets go of ended pods at once, and leaves them to their job', () => {
    const done = podOf('noon', { status: ended('Succeeded') });
    expect(decide({ instances: [done] }).kinds).toEqual(['dropFinalizer']);
    const free = podOf('noon', { status: ended('Succeeded'), finalizer: false });
    expect(decide({ instances: [free] })).toMatchObject({ rule: 'schedule is followed', kinds: [] });
  });
});

it('a paused cron job begins no run', () => {
  const pause = { reason: 'upgrade', by: 'eva', endsAt: Infinity };
  expect(decide({ pause, jobs: [job], instances: [gated], at: ONE })).toMatchObject({
    reason: 'Paused',
    kinds: [],
  });
});

describe('dependencies', () => {
  const key = 'service/ns/db';

  it('a run waits for what it depends on, and ticks are missed meanwhile', () => {
    const waitsFor = [{ key, cause: 'is not ready: Starting' }];
    const decision = decide({ waitsFor, jobs: [job], instances: [gated], at: ONE });
    expect(decision).toMatchObject({ reason: 'WaitingForDependency', kinds: [] });
    expect(decision.wakeAt).toBe(1000 + 5.5 * 60_000 + 1);
  });

  it('what depends on it is stopped first', () => {
    expect(decide({ workload: null, stopsAfter: [key] })).toMatchObject({ reason: 'Removed', kinds: [] });
  });
});

describe('missed ticks', () => {
  it('are entered once their deadline and 30 s have passed', () => {
    const { kinds, actions, rule } = decide({ at: '2026-01-01T13:05:31Z' });
    expect({ kinds, rule }).toEqual({ kinds: ['remember'], rule: 'missed ticks are on the ledger' });
    expect(ledgerOf(actions)).toEqual([NOON, { at: ONE }]);
    expect(actions).toMatchObject([{ entered: [{ at: ONE }] }]);
  });

  it('are not missed a moment before', () => {
    expect(decide({ at: '2026-01-01T13:05:30Z' }).kinds).toEqual([]);
  });

  it('are looked for at that time, and not before: one wake-up', () => {
    // Half past twelve: 30 minutes to the tick, 5 of deadline, 30 s of lateness.
    expect(decide().wakeAt).toBe(1000 + 35.5 * 60_000 + 1);
  });

  it('are entered while a run goes on, and the job that waited behind it is deleted', () => {
    const instances = [podOf('noon'), podOf('one', { gated: true })];
    const jobs = [jobOf('noon', NOON.at), job];
    const at = '2026-01-01T13:06:00Z';
    expect(ledgerOf(decide({ jobs, instances, at }).actions)).toEqual([NOON, { at: ONE }]);
    expect(decide({ jobs, instances, at, ticks: [NOON, { at: ONE }] }).actions).toMatchObject([
      { kind: 'deleteObject', cause: 'TickMissed', object: { metadata: { uid: 'one' } } },
    ]);
  });

  it('are told of while a terminating run is waited for', () => {
    const instances = [podOf('noon', { terminating: true })];
    expect(decide({ jobs: [jobOf('noon', NOON.at)], instances, at: '2026-01-01T13:06:00Z' }).kinds).toEqual([
      'remember',
    ]);
  });

  it('that its controller passed over are entered with the next run', () => {
    const two = jobOf('two', '2026-01-01T14:00:00Z');
    const { actions } = decide({
      workload: hourly({ startingDeadline: 86_400_000 }),
      jobs: [two],
      objects: [cronJobOf(hourly({ startingDeadline: 86_400_000 })), two],
      instances: [podOf('two', { gated: true })],
      at: '2026-01-01T14:00:01Z',
    });
    expect(ledgerOf(actions)).toEqual([NOON, { at: ONE }, { at: '2026-01-01T14:00:00Z', jobUid: 'two' }]);
  });

  it('of a suspended schedule are none', () => {
    const suspended = hourly({ suspend: true });
    const decision = decide({ workload: suspended, at: '2026-01-05T00:00:00Z' });
    expect(decision).toMatchObject({ reason: 'Standby', kinds: [], wakeAt: undefined });
  });

  it('before the schedule was followed are none', () => {
    const since = { [ANNOTATION.scheduledSince]: '2026-01-05T00:30:00Z' };
    expect(decide({ objects: [cronJobOf(hourly(), since)], at: '2026-01-05T00:31:00Z' }).kinds).toEqual([]);
  });

  it('without a ledger are those after what its controller scheduled last', () => {
    const objects = [cronJobOf(hourly(), {}, { status: { lastScheduleTime: '2026-01-04T23:00:00Z' } })];
    const { actions } = decide({ objects, ticks: [], at: '2026-01-05T00:10:00Z' });
    expect(ledgerOf(actions)).toEqual([{ at: '2026-01-05T00:00:00Z' }]);
  });

  it('are not those of a job that has begun, although its entry was lost', () => {
    const jobs = [jobOf('one', ONE, { status: { failed: 1 } })];
    const { actions } = decide({ jobs, instances: [gated], at: '2026-01-01T13:30:00Z' });
    expect(ledgerOf(actions)).toEqual([NOON, { at: ONE, jobUid: 'one' }]);
  });

  it('after a long time are entered as far as the ledger holds them', () => {
    const { actions } = decide({ at: '2026-01-20T00:30:00Z' });
    expect(ledgerOf(actions)).toHaveLength(20);
    expect(actions).toMatchObject([{ entered: { length: 444 } }]);
  });

  it('are told as long as none was run after them', () => {
    const missed = decide({ ticks: [NOON, { at: '2026-01-01T12:15:00Z' }] });
    expect(missed).toMatchObject({
      reason: 'Active',
      message: expect.stringContaining('missed 1') as string,
    });
  });
});

describe('what a cron job is called', () => {
  it('while it runs', () => {
    const instances = [podOf('noon', { status: { phase: 'Running' } })];
    expect(decide({ instances })).toMatchObject({ reason: 'Active', message: 'running on node-a' });
  });

  it('whose spec cannot be read, and never could', () => {
    const decision = decide({ workload: null, invalid: 'spec.schedule: is empty' });
    expect(decision).toMatchObject({ reason: 'InvalidSpec', kinds: [] });
  });
});

describe('removed from its source', () => {
  const gone = { workload: null } as const;
  const stopping = (workload = hourly(), since = '2026-01-01T12:29:00Z') => {
    const made = cronJobOf(workload, { [ANNOTATION.stoppingSince]: since });
    return { ...made, spec: { ...made.spec, suspend: true } };
  };
  const running = { jobs: [jobOf('noon', NOON.at)], instances: [podOf('noon')] };

  it('is suspended first, and says since when', () => {
    const [action] = decide({ ...gone, ...running }).actions;
    expect(action).toMatchObject({
      kind: 'changeObject',
      cause: 'Removed',
      operations: [
        { path: '/spec/suspend', value: true },
        {
          path: '/metadata/annotations/highlander.plexobject.io~1stopping-since',
          value: '2026-01-01T12:30:00Z',
        },
      ],
    });
  });

  it('and suspended by its spec says since when all the same', () => {
    const objects = [cronJobOf(hourly({ suspend: true }))];
    expect(decide({ ...gone, objects }).kinds).toEqual(['changeObject']);
  });

  it('lets the running job finish', () => {
    const objects = [stopping(), ...running.jobs];
    expect(decide({ ...gone, objects, instances: running.instances })).toMatchObject({
      reason: 'Removed',
      kinds: [],
    });
  });

  it('lets a job finish that is between two retries, and permits its next pod', () => {
    const objects = [stopping(), ...running.jobs];
    expect(decide({ ...gone, objects }).kinds).toEqual([]);
    const instances = [podOf('noon', { gated: true })];
    expect(decide({ ...gone, objects, instances }).kinds).toEqual(['permit']);
  });

  it('does not begin what has not begun', () => {
    const objects = [stopping(), job];
    expect(decide({ ...gone, objects, instances: [gated] }).actions).toMatchObject([
      { kind: 'deleteObject', cause: 'Removed', object: { metadata: { uid: 'one' } } },
    ]);
  });

  it('with onStop Delete deletes the running job', () => {
    const objects = [stopping(hourly({ onStop: 'Delete' })), ...running.jobs];
    expect(decide({ ...gone, objects, instances: running.instances }).kinds).toEqual(['deleteObject']);
  });

  it('waits for the running job as long as drainTimeout says, then deletes it', () => {
    const objects = [stopping(hourly({ drainTimeout: 120_000 })), ...running.jobs];
    const before = decide({ ...gone, objects, instances: running.instances });
    expect(before).toMatchObject({ kinds: [], wakeAt: 61_000 });
    const after = decide({ ...gone, objects, instances: running.instances, at: '2026-01-01T12:31:00Z' });
    expect(after.kinds).toEqual(['deleteObject']);
  });

  it('deletes what is left of the pods, then the CronJob, then forgets', () => {
    const left = podOf('noon', { status: ended('Succeeded'), finalizer: false });
    expect(decide({ ...gone, objects: [stopping()], instances: [left] }).kinds).toEqual(['delete']);
    expect(decide({ ...gone, objects: [stopping()] }).kinds).toEqual(['deleteObject']);
    expect(decide({ ...gone, objects: [] }).kinds).toEqual(['forget']);
  });

  it('leaves alone what is not on record as managed', () => {
    const record = { managedFrom: 'none', restarts: 0 } as const;
    expect(decide({ ...gone, ...running, record }).kinds).toEqual([]);
  });
});

it('the pods of the fixture are gated as ours are', () => {
  expect(gated.pod.spec.schedulingGates).toEqual([{ name: PERMIT_GATE }]);
  expect(gated.pod.metadata.annotations?.[ANNOTATION.fingerprint]).toBe(FINGERPRINT);
});

it('stops a run whose pod was born without its gate', () => {
  expect(planWorkload(cronInput({ instances: [podOf('noon', { token: null })] })).actions).toMatchObject([
    { kind: 'delete', cause: 'NeverPermitted' },
  ]);
});
