/** What a person's word that a node is off would be about: the node and the pods of the tenant as they are now. */
import { composeWord, type Word, type WordNode } from '../core/control/node-word.ts';
import type { Pod } from '../core/manifests/pod.ts';
import { LABEL } from '../core/workload/names.ts';
import { NODES, PODS, type ClusterReader, type KubeObject, type ReadFailure } from '../ports/cluster.ts';

type Node = KubeObject & WordNode;

/** `what`: what could not be read. */
export type Unread = { readonly kind: 'unread'; readonly what: string; readonly failure: ReadFailure };

export async function readWord(
  cluster: Pick<ClusterReader, 'list'>,
  {
    tenant,
    ...asked
  }: {
    readonly tenant: string;
    readonly id?: string;
    readonly node: string;
    readonly by: string;
    readonly reason: string;
    readonly at: string;
  },
  signal: AbortSignal,
): Promise<Word | Unread> {
  // The rights of a controller are to list nodes, not to get one.
  const nodes = await cluster.list<Node>(NODES, { fieldSelector: `metadata.name=${asked.node}` }, signal);
  if (nodes.kind !== 'done') return { kind: 'unread', what: `nodes/${asked.node}`, failure: nodes };
  const labelSelector = `${LABEL.managedBy}=${LABEL.managedByValue},${LABEL.tenant}=${tenant}`;
  const pods = await cluster.list<Pod & KubeObject>(PODS, { labelSelector }, signal);
  if (pods.kind !== 'done') return { kind: 'unread', what: 'pods', failure: pods };
  const living = nodes.items.find(({ metadata }) => metadata.name === asked.node);
  return composeWord(asked, living, pods.items);
}
