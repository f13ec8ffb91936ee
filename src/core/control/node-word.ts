/** What the record of a person's word about a node says, from the node and the pods as they are when it is given. */
import type { Pod, PodMeta } from '../manifests/pod.ts';
import { isGated } from '../reconcile/proof.ts';
import type { NodeFence } from './node-fence.ts';

/** A Node (core/v1), as far as a word about it looks at it. */
export interface WordNode {
  readonly metadata: Pick<PodMeta, 'uid'>;
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastHeartbeatTime?: string;
    }[];
    readonly nodeInfo?: { readonly bootID?: string };
  };
}

/** The record, and the pods that it frees; or why there is none to write. */
export type Word =
  | { readonly kind: 'word'; readonly record: NodeFence; readonly freed: readonly Pod[] }
  | { readonly kind: 'alive' | 'unknown'; readonly message: string };

/** Written for the pods that are on the node now, together with what would show that its kubelet has reported since. */
export function composeWord(
  { id, node, by, reason, at }: Pick<NodeFence, 'id' | 'node' | 'by' | 'reason' | 'at'>,
  living: WordNode | undefined,
  pods: readonly Pod[],
): Word {
  const freed = pods.filter((pod) => pod.spec.nodeName === node && !isGated(pod));
  const ready = living?.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True')
    return { kind: 'alive', message: `node ${node} is Ready: its kubelet reports, so it is not off` };
  if (living === undefined && freed.length === 0)
    return { kind: 'unknown', message: `there is no node ${node}, and no instance on it` };
  const nodeUid = living?.metadata.uid;
  const bootId = living?.status?.nodeInfo?.bootID;
  const record: NodeFence = {
    ...(id === undefined ? {} : { id }),
    node,
    ...(nodeUid === undefined ? {} : { nodeUid }),
    ...(bootId === undefined ? {} : { bootId }),
    ...(ready?.lastHeartbeatTime === undefined ? {} : { heartbeat: ready.lastHeartbeatTime }),
    pods: freed.map(({ metadata }) => metadata.uid ?? ''),
    by,
    reason,
    at,
  };
  return { kind: 'word', record, freed };
}
