import { describe, expect, it } from 'vitest';
import { ended, makeInstance, READY_NODE } from '../../../test/pod-fixture.ts';
import { findProof } from './proof.ts';

const silent = { kind: 'present', ready: false, suspect: true, outOfService: false } as const;
const off = { ...silent, outOfService: true } as const;

describe('proof that an instance is gone', () => {
  it('P0: a gated pod was never permitted', () => {
    expect(findProof(makeInstance({ gated: true }))).toBe('NeverPermitted');
  });

  it('P0b: a terminating pod without a node can never be bound', () => {
    expect(findProof(makeInstance({ node: null, terminating: true }))).toBe('NeverBound');
  });

  it('a permitted pod without a node is no proof: the scheduler may bind it', () => {
    expect(findProof(makeInstance({ node: null }))).toBeUndefined();
  });

  it.each(['Succeeded', 'Failed'] as const)('P1: phase %s written by the kubelet', (phase) => {
    expect(findProof(makeInstance({ status: ended(phase) }))).toBe('KubeletReported');
  });

  it('terminated containers in phase Running are no proof: the kubelet may restart them', () => {
    const status = { ...ended('Failed'), phase: 'Running' } as const;
    expect(findProof(makeInstance({ status, terminating: true }))).toBeUndefined();
  });

  it('an empty list of statuses in phase Pending is no proof', () => {
    expect(findProof(makeInstance({ status: { phase: 'Pending', containerStatuses: [] } }))).toBeUndefined();
  });

  it.each(['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'] as const)(
    'a container shown running in %s defeats a terminal phase',
    (list) => {
      const running = [{ name: 'other', ready: true, restartCount: 0, state: { running: {} } }];
      expect(findProof(makeInstance({ status: { ...ended('Failed'), [list]: running } }))).toBeUndefined();
    },
  );

  it('a terminal phase without a node proves nothing', () => {
    expect(findProof(makeInstance({ node: null, status: ended('Failed') }))).toBeUndefined();
  });

  it.each([
    ['a silent node', silent],
    ['a missing Node object', { kind: 'absent' } as const],
    ['a suspect taint', { ...READY_NODE, suspect: true }],
  ])('Failed on %s counts only with the mark of the kubelet', (_, node) => {
    const collected = { ...ended('Failed'), conditions: [] };
    expect(findProof(makeInstance({ status: collected }, { node }))).toBeUndefined();
    expect(findProof(makeInstance({ status: ended('Failed') }, { node }))).toBe('KubeletReported');
  });

  it('Failed by the pod garbage collector is no proof, even when the node looks healthy again', () => {
    const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC' } as const];
    expect(findProof(makeInstance({ status: { ...ended('Failed'), conditions } }))).toBeUndefined();
  });

  it('on a silent node every main container must be reported terminated', () => {
    const status = { ...ended('Failed'), containerStatuses: [] };
    expect(findProof(makeInstance({ status }, { node: silent }))).toBeUndefined();
  });

  it('P2: out-of-service while not ready frees a terminating pod', () => {
    expect(findProof(makeInstance({ terminating: true }, { node: off }))).toBe('OutOfService');
  });

  it('P2 does not count without a deletion', () => {
    expect(findProof(makeInstance({}, { node: off }))).toBeUndefined();
  });

  it('P2 does not count once the node is ready again', () => {
    expect(findProof(makeInstance({ terminating: true }, { node: { ...off, ready: true } }))).toBeUndefined();
  });

  it('P2 does not count for a pod that tolerates the taint: it may have been bound after it', () => {
    const tolerations = [{ operator: 'Exists' }];
    expect(findProof(makeInstance({ terminating: true, tolerations }, { node: off }))).toBeUndefined();
  });

  it.each([
    ['a silent node', silent],
    ['a missing Node object', { kind: 'absent' } as const],
  ])('%s alone proves nothing', (_, node) => {
    expect(findProof(makeInstance({ terminating: true }, { node }))).toBeUndefined();
  });
});
