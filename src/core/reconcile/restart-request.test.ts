import { describe, expect, it } from 'vitest';
import { ownedInput, SERVICE, SET } from '../../../test/owned-fixture.ts';
import { HASH, makeInput, makeInstance } from '../../../test/pod-fixture.ts';
import type { Input, OpenRequest } from './observed.ts';
import { planWorkload } from './plan.ts';

const asked: OpenRequest = { id: 'r', action: 'restart', by: 'eva', reason: 'stuck', expiresAt: Infinity };
const accepted: OpenRequest = { ...asked, state: 'accepted', podUid: 'uid-1' };

const plan = (request: OpenRequest, options: Partial<Input> = {}) =>
  planWorkload(makeInput({ request, instances: [makeInstance()], ...options })).actions;

describe('a restart that somebody asked for', () => {
  it('is bound to the pod that is there when it is accepted', () => {
    expect(plan(asked)).toMatchObject([{ kind: 'answer', change: { state: 'accepted', podUid: 'uid-1' } }]);
  });

  it('stops that pod, and no other', () => {
    expect(plan(accepted)).toMatchObject([{ kind: 'delete', cause: 'RestartRequested' }]);
    const instances = [makeInstance({ uid: 'uid-2' })];
    expect(plan(accepted, { instances })).toMatchObject([{ kind: 'answer', change: { state: 'done' } }]);
  });

  it('waits for the proof, then starts another', () => {
    expect(plan(accepted, { instances: [makeInstance({ terminating: true })] })).toEqual([]);
    expect(plan(accepted, { instances: [] })).toMatchObject([{ kind: 'create' }]);
    const gated = makeInstance({ uid: 'uid-2', gated: true });
    expect(plan(accepted, { instances: [gated] })).toMatchObject([{ kind: 'permit' }]);
  });

  it.each(['Completed', 'MaxRestartsExceeded'] as const)('clears %s first', (outcome) => {
    const record = { managedFrom: 'file', hash: HASH, restarts: 7, outcome } as const;
    expect(plan(asked, { record, instances: [] })).toEqual([
      { kind: 'remember', record: { managedFrom: 'file', hash: HASH, restarts: 0 } },
    ]);
  });

  it('is refused when nobody took it up in time, or for what cannot be done', () => {
    expect(plan({ ...asked, expiresAt: 1000 })).toMatchObject([{ change: { state: 'refused' } }]);
    expect(plan({ ...asked, action: 'dance' })).toMatchObject([{ change: { state: 'refused' } }]);
  });

  it('waits while the workload is paused', () => {
    expect(plan(asked, { pause: { reason: 'x', by: '', endsAt: Infinity } })).toEqual([]);
  });
});

it.each([SERVICE, SET])('a restart of a $key.kind stops its pod', (workload) => {
  const { actions } = planWorkload(ownedInput(workload, { request: accepted }));
  expect(actions).toMatchObject([{ kind: 'delete', cause: 'RestartRequested' }]);
});
