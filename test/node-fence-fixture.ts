/** Somebody's word that a node is off, and the node it is about. */
import type { NodeFence } from '../src/core/control/node-fence.ts';
import type { NodeFacts } from '../src/core/reconcile/node-facts.ts';

export const FENCED_AT = '2026-11-22T16:00:00Z';

export const SILENT_NODE = {
  kind: 'present',
  ready: false,
  suspect: true,
  outOfService: false,
  uid: 'n1',
  bootId: 'b1',
  heartbeat: 'h1',
} as const satisfies NodeFacts;

export const NODE_FENCE: NodeFence = {
  node: 'node-a',
  nodeUid: 'n1',
  bootId: 'b1',
  heartbeat: 'h1',
  pods: ['p1'],
  by: 'eva',
  reason: 'pulled the plug',
  at: FENCED_AT,
};
