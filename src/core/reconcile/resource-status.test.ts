import { describe, expect, it } from 'vitest';
import { ended, HASH, makeInput, makeInstance, makeWorkload, TERM } from '../../../test/pod-fixture.ts';
import { makeResource } from '../../../test/resource-fixture.ts';
import type { Input, WorkloadRecord } from './observed.ts';
import { planWorkload } from './plan.ts';
import {
  composeShadowed,
  composeStatus,
  decodeStatusRecord,
  encodeStatusRecord,
  isSameStatus,
  readStatus,
  type ResourceStatus,
} from './resource-status.ts';
import { viewWorkload } from './status.ts';

const T1 = '2026-01-01T00:00:00Z';
const T2 = '2026-01-01T00:01:00Z';
const desired = { ...makeWorkload(), source: { from: 'resource', uid: 'r' } } as const;
const record: WorkloadRecord = { managedFrom: 'resource', hash: HASH, restarts: 0 };

function statusOf(options: Partial<Input>, previous: ResourceStatus = {}, now = T1): ResourceStatus {
  const input = makeInput({ desired, record, ...options });
  const view = viewWorkload(input, planWorkload(input));
  return composeStatus({ generation: 3, term: TERM, view, input }, previous, now);
}

/** Status and reason of each condition. */
function conditions({ conditions: all = [] }: ResourceStatus): Record<string, string> {
  return Object.fromEntries(all.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

const running = { instances: [makeInstance()] };

describe('the status of a running instance', () => {
  it('names it, and is about the present generation and term', () => {
    expect(statusOf(running)).toMatchObject({
      active: true,
      healthy: true,
      reason: 'Active',
      observedGeneration: 3,
      term: TERM,
      restarts: 0,
      instance: {
        podName: 'report-pod',
        podUID: 'uid-1',
        node: 'node-a',
        image: 'busybox',
        templateHash: HASH,
      },
    });
  });

  it('is Ready and Active, neither Progressing nor Degraded, without an error', () => {
    expect(conditions(statusOf(running))).toEqual({
      Ready: 'True Active',
      Active: 'True Active',
      Progressing: 'False Active',
      Degraded: 'False Active',
    });
    expect(statusOf(running)).not.toHaveProperty('lastError');
  });

  it('is the same when nothing changed, whatever the time', () => {
    const first = statusOf(running);
    expect(statusOf(running, first, T2)).toEqual(first);
    expect(isSameStatus(statusOf(running, first, T2), JSON.parse(JSON.stringify(first)))).toBe(true);
  });
});

describe('times', () => {
  const starting = statusOf({ instances: [makeInstance({ node: null, status: {} })] });

  it('of a condition change when its status flips, and not with reason or message', () => {
    const later = statusOf(running, starting, T2);
    const times = Object.fromEntries(
      (later.conditions ?? []).map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
    );
    expect(times).toEqual({ Ready: T2, Active: T1, Progressing: T2, Degraded: T1 });
  });

  it('of the last transition changes with active or healthy', () => {
    expect(statusOf(running, starting, T2).lastTransition).toBe(T2);
    const first = statusOf(running);
    expect(statusOf({ ...running, now: 5000 }, first, T2).lastTransition).toBe(T1);
  });
});

describe('what is wrong', () => {
  it('is Degraded with the message as error', () => {
    const exceeded: WorkloadRecord = { ...record, restarts: 6, outcome: 'MaxRestartsExceeded' };
    const status = statusOf({ record: exceeded });
    expect(conditions(status)).toMatchObject({
      Ready: 'False MaxRestartsExceeded',
      Degraded: 'True MaxRestartsExceeded',
    });
    expect(status).toMatchObject({ active: false, healthy: false, restarts: 6 });
    expect(status.lastError).toContain('more than maxRestarts 5');
  });

  it('in an edit is InvalidSpec and not Ready, while the instance goes on', () => {
    const status = statusOf({ ...running, invalid: 'spec.image: image is required' });
    expect(status).toMatchObject({ active: true, healthy: true, reason: 'InvalidSpec' });
    expect(conditions(status)).toMatchObject({
      Ready: 'False InvalidSpec',
      Active: 'True InvalidSpec',
      Degraded: 'True InvalidSpec',
    });
    expect(status.lastError).toMatch(/^spec\.image: image is required \(still as before: Active, /);
  });

  it('is cut when it is long', () => {
    expect(statusOf({ invalid: 'x'.repeat(5000) }).lastError?.length).toBe(1024);
  });

  it('with a resource that the file stands in for is said without claiming the instance', () => {
    const status = composeShadowed({ generation: 1, term: TERM, message: 'the file wins' }, {}, T1);
    expect(status).toMatchObject({
      active: false,
      reason: 'InvalidSpec',
      lastError: 'the file wins',
      restarts: 0,
    });
    expect(status).not.toHaveProperty('record');
  });
});

describe('the record in the status', () => {
  it('holds what must survive a change of leader', () => {
    const full: WorkloadRecord = {
      ...record,
      restarts: 2,
      outcome: 'Completed',
      counted: 'uid-1',
      forgiven: { uid: 'uid-0', restarts: 1 },
    };
    const status = statusOf({ record: full, instances: [makeInstance({ status: ended('Succeeded') })] });
    expect(status).toMatchObject({ healthy: true, reason: 'Completed', restarts: 2 });
    expect(decodeStatusRecord(readStatus(makeResource({ status })))).toEqual(full);
  });

  it('is absent when there is nothing to remember', () => {
    expect(encodeStatusRecord(record)).toBeUndefined();
    expect(decodeStatusRecord(statusOf(running))).toBeUndefined();
  });

  it('is not believed when another schema left something else there', () => {
    const status = { record: 'x', conditions: 'y', active: true };
    expect(readStatus(makeResource({ status }))).toEqual({ active: true });
    expect(readStatus(makeResource({ status: null }))).toEqual({});
  });
});

it('restarts count the ended instance once', () => {
  const status = ended('Failed', 2);
  const instances = [makeInstance({ status, finalizer: false })];
  expect(statusOf({ instances, record: { ...record, restarts: 3, counted: 'uid-1' } }).restarts).toBe(3);
});
