import { expect, it } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import { NODE_FENCE, SILENT_NODE } from '../../test/node-fence-fixture.ts';
import type { DomainEvent } from '../core/projection.ts';
import type { ApplyContext } from './apply-context.ts';
import { tendControl } from './control-desk.ts';
import type { GuardedResult } from './guarded-writer.ts';
import type { Observations } from './observations.ts';
import { IN_QUESTION } from './term.ts';

/** A desk on which lies somebody's word that a node is off. The answer's write ends with `result`. */
async function tend(result: GuardedResult) {
  const system = createManualSystem();
  const map = {
    metadata: { name: 'control', namespace: 'k8-highlander', resourceVersion: '1' },
    data: { 'fenced.node-a': JSON.stringify(NODE_FENCE) },
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
  const observations = { nodeFacts: () => SILENT_NODE } as unknown as Observations;
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
