import { expect, it } from 'vitest';
import { renderProcessPod } from '../src/core/manifests/process.ts';
import { renderDeployment } from '../src/core/manifests/service.ts';
import type { ProcessWorkload, ServiceWorkload } from '../src/core/workload/model.ts';
import type { KubeObject } from '../src/ports/cluster.ts';
import { bareObjects, readSet } from './bare.ts';
import { MIXED } from './workload-set.ts';

const IDENTITY = { tenant: 'default', fingerprint: 'fp' };
const WORKLOADS = readSet(MIXED.section);
const OBJECTS = bareObjects(MIXED.section);

function find(kind: string, name: string): KubeObject {
  const found = OBJECTS.find(({ object }) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found.object;
}

it('has every object of every kind, persistent sets with two Services', () => {
  const counts = new Map<string, number>();
  for (const { resource } of OBJECTS) counts.set(resource.kind, (counts.get(resource.kind) ?? 0) + 1);
  expect(Object.fromEntries(counts)).toEqual({
    Pod: 400,
    Deployment: 200,
    StatefulSet: 200,
    CronJob: 200,
    Service: 600,
  });
});

it('asks for the very containers that the product asks for, without its gate', () => {
  const process = WORKLOADS.find(({ key }) => key.kind === 'process') as ProcessWorkload;
  const { schedulingGates, ...spec } = renderProcessPod(process, IDENTITY).spec;
  expect(schedulingGates).toHaveLength(1);
  expect(find('Pod', 'process-0-pod')).toHaveProperty('spec', spec);
});

it('keeps of an owner all but gate, finalizer, and the labels and annotations of ours', () => {
  const service = WORKLOADS.find(({ key }) => key.kind === 'service') as ServiceWorkload;
  const { template, ...spec } = renderDeployment(service, IDENTITY).spec;
  const { schedulingGates: _gates, ...podSpec } = template.spec;
  expect(find('Deployment', 'service-0')).toEqual({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'service-0', namespace: 'default', labels: { app: 'service-0' } },
    spec: { ...spec, template: { metadata: { labels: { app: 'service-0' } }, spec: podSpec } },
  });
});
