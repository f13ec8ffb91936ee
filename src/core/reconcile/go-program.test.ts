import { describe, expect, it } from 'vitest';
import type { PodMeta } from '../manifests/pod.ts';
import { ANNOTATION, LABEL } from '../workload/names.ts';
import { goWorkloadOf, isGoMade, isGoMadeFor } from './go-program.ts';

const LABELS = {
  app: 'report',
  'managed-by': 'k8-highlander',
  'controller-id': 'go-1',
  'cluster-name': '',
  'is-leader': 'true',
};

const meta = (labels: Readonly<Record<string, string>> = LABELS, more: Partial<PodMeta> = {}): PodMeta => ({
  name: 'report-pod',
  namespace: 'default',
  labels,
  ...more,
});

function without(label: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(LABELS).filter(([name]) => name !== label));
}

const KINDS = ['Pod', 'Deployment', 'StatefulSet', 'CronJob', 'Job'] as const;

describe('the Go program made', () => {
  it.each(KINDS)('a %s with its five labels', (kind) => {
    expect(isGoMade(kind, meta())).toBe(true);
  });

  it('a Service with the two that it puts on Services', () => {
    expect(isGoMade('Service', meta({ app: 'report', 'managed-by': 'k8-highlander' }))).toBe(true);
  });

  it('what it has stopped, and marked so', () => {
    expect(
      isGoMade('Deployment', meta(LABELS, { annotations: { [ANNOTATION.controlledShutdown]: 'true' } })),
    ).toBe(true);
  });
});

describe('the Go program did not make', () => {
  it.each(Object.keys(LABELS))('a pod without the label %s', (label) => {
    expect(isGoMade('Pod', meta(without(label)))).toBe(false);
  });

  it('what only has the name', () => {
    expect(isGoMade('Pod', meta({}))).toBe(false);
  });

  it('what somebody else manages', () => {
    expect(isGoMade('Service', meta({ ...LABELS, 'managed-by': 'Helm' }))).toBe(false);
  });

  it('what a tenant has taken over', () => {
    expect(isGoMade('Pod', meta({ ...LABELS, [LABEL.tenant]: 'other' }))).toBe(false);
  });

  it('what carries an annotation of ours, though somebody took the tenant away', () => {
    expect(isGoMade('Pod', meta(LABELS, { annotations: { [ANNOTATION.term]: '3' } }))).toBe(false);
  });

  it('for this workload what it made for another one', () => {
    expect(isGoMadeFor('report', 'Deployment', meta())).toBe(true);
    expect(isGoMadeFor('other', 'Deployment', meta())).toBe(false);
  });
});

const ownedBy = (kind: string): Partial<PodMeta> => ({
  ownerReferences: [{ apiVersion: 'v1', kind, name: 'x', uid: 'u', controller: true }],
});

describe('a pod of the Go program is an instance of', () => {
  it.each([
    ['a process, under its fixed name', {}, 'process'],
    ['a service, made by a ReplicaSet', { name: 'report-x', ...ownedBy('ReplicaSet') }, 'service'],
    ['a persistent set', { name: 'report-0', ...ownedBy('StatefulSet') }, 'persistent'],
    ['a cron job', { name: 'report-1-x', ...ownedBy('Job') }, 'cronjob'],
  ])('%s', (_text, more, kind) => {
    expect(goWorkloadOf({ metadata: meta(LABELS, more) })).toEqual({
      kind,
      namespace: 'default',
      name: 'report',
    });
  });

  it('a service whose ReplicaSet was deleted without it', () => {
    const labels = { ...LABELS, 'pod-template-hash': 'abc' };
    expect(goWorkloadOf({ metadata: meta(labels, { name: 'report-x' }) })?.kind).toBe('service');
  });

  it('nothing, when something else made it', () => {
    expect(goWorkloadOf({ metadata: meta(LABELS, ownedBy('DaemonSet')) })).toBeUndefined();
    expect(goWorkloadOf({ metadata: meta(LABELS, { name: 'other' }) })).toBeUndefined();
    expect(goWorkloadOf({ metadata: meta(without('is-leader')) })).toBeUndefined();
  });
});
