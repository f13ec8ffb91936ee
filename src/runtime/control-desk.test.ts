import { expect, it } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import type { NodeFence } from '../core/control/node-fence.ts';
import type { DomainEvent } from '../core/projection.ts';
import type { ApplyContext } from './apply-context.ts';
import { tendControl } from './control-desk.ts';
import type { GuardedResult } from './guarded-writer.ts';
import type { Observations } from './observations.ts';
import { IN_QUESTION } from './term.ts';

const SILENT = {
  kind: 'present',
  ready: false,
  suspect: true,
  outOfService: false,
  uid: 'n1',
  bootId: 'b1',
  heartbeat: 'h1',
};

const FENCE: NodeFence = {
  node: 'node-a',
  nodeUid: 'n1',
  bootId: 'b1',
  heartbeat: 'h1',
  pods: ['p1'],
  by: 'eva',
  reason: 'pulled the plug',
  at: '2026-11-22T16:00:00Z',
};

/** A desk on which lies somebody's word that a node is off. The answer's write ends with `result`. */
async function tend(result: GuardedResult) {
  const system = createManualSystem();
  const map = {
    metadata: { name: 'control', namespace: 'k8-highlander', resourceVersion: '1' },
    data: { 'fenced.node-a': JSON.stringify(FENCE) },
  };
  const emitted: DomainEvent[] = [];
  const kept: unknown[] = [];
  const context = {
    controls: { map, ref: {}, put: (object: unknown) => kept.push(object) },
    writer: { patch: () => Promise.resolve(result) },
    leader: { term: 3, id: 'a', clusterName: 'x', fingerprint: 'f' },
    clock: system.clock,
    emit: (event: DomainEvent) => emitted.push(event),
  } as unknown as ApplyContext;
  const observations = { nodeFacts: () => SILENT } as unknown as Observations;
  const at = await tendControl(context, observations, system.log);
  return { wait: at === undefined ? undefined : at - system.clock.now(), emitted, kept };
}

it('an answer is told, and kept, once it is written', async () => {
  const object = { metadata: { name: 'control', namespace: 'k8-highlander', resourceVersion: '2' } };
  const { wait, emitted, kept } = await tend({ kind: 'done', object });
  expect(wait).toBeUndefined();
  expect(emitted).toMatchObject([{ type: 'asked', told: { action: 'fence', state: 'accepted', by: 'eva' } }]);
  expect(kept).toEqual([object]);
});

it('an answer that the doubted right to act held up is given again as soon as that is settled', async () => {
  expect(await tend({ kind: 'fenced' })).toEqual({ wait: IN_QUESTION, emitted: [], kept: [] });
});

it('an answer that was not written is given again a second later', async () => {
  expect(await tend({ kind: 'conflict', message: '' })).toEqual({ wait: 1000, emitted: [], kept: [] });
});
