import { expect, it } from 'vitest';
import { createManualSystem, settle } from '../../test/manual-system.ts';
import type { ClusterWriter, KubeObject } from '../ports/cluster.ts';
import { EventRecorder } from './event-recorder.ts';

function openRecorder() {
  const system = createManualSystem();
  const written: KubeObject[] = [];
  const work = { depth: 0 };
  const over = new AbortController();
  const create = (_resource: unknown, object: KubeObject): Promise<unknown> => {
    written.push(object);
    return Promise.resolve({ kind: 'done', object });
  };
  const options = {
    tenant: 'default',
    controllerNamespace: 'k8-highlander',
    holder: 'a',
    resourceOf: () => undefined,
    depth: () => work.depth,
  };
  const recorder = new EventRecorder({ create } as unknown as ClusterWriter, system, options, over.signal);
  const permit = (name: string): void =>
    recorder.record({
      type: 'instance-permitted',
      key: `process/default/${name}`,
      pod: `${name}-pod`,
      uid: name,
      token: 1,
    });
  return { system, written, work, recorder, permit };
}

it('an event waits while workloads wait, and is written once none does', async () => {
  const { system, written, work, recorder, permit } = openRecorder();
  work.depth = 1;
  permit('one');
  permit('two');
  await settle();
  expect(written).toHaveLength(0);
  work.depth = 0;
  system.advance(200);
  await settle();
  expect(written.map((event) => (event as { regarding?: { name: string } }).regarding?.name)).toEqual([
    'one-pod',
    'two-pod',
  ]);
  await recorder.close();
});

it('an event waits for work 10 s at most', async () => {
  const { system, written, work, recorder, permit } = openRecorder();
  work.depth = 1000;
  permit('one');
  for (let waited = 0; waited < 9_800; waited += 200) {
    await settle();
    system.advance(200);
  }
  await settle();
  expect(written).toHaveLength(0);
  system.advance(200);
  await settle();
  expect(written).toHaveLength(1);
  await recorder.close();
});

it('who closes it does not wait for work', async () => {
  const { written, work, recorder, permit } = openRecorder();
  work.depth = 1000;
  permit('one');
  await settle();
  await recorder.close();
  permit('two');
  await settle();
  expect(written).toHaveLength(0);
});
