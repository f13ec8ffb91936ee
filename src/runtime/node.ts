/** The part of a Kubernetes Node that decisions look at; everything else is dropped before caching. */
import type { ObjectMeta } from '../ports/cluster.ts';

interface NodeCondition {
  readonly type: string;
  readonly status: string;
  /** Written by the kubelet alone. */
  readonly lastHeartbeatTime?: string;
}

export interface Node {
  readonly metadata: ObjectMeta;
  readonly spec?: { readonly taints?: readonly { readonly key: string; readonly effect?: string }[] };
  readonly status?: {
    readonly conditions?: readonly NodeCondition[];
    readonly nodeInfo?: { readonly bootID?: string };
  };
}

/** Keeps name, uid, boot id, taints and conditions. */
export function stripNode(node: Node): Node {
  const { name, uid, resourceVersion } = node.metadata;
  const metadata: ObjectMeta = {
    name,
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  const { bootID } = node.status?.nodeInfo ?? {};
  const conditions = node.status?.conditions?.map(({ type, status, lastHeartbeatTime }) => ({
    type,
    status,
    ...(type === 'Ready' && lastHeartbeatTime !== undefined ? { lastHeartbeatTime } : {}),
  }));
  return {
    metadata,
    spec: { taints: node.spec?.taints?.map(({ key }) => ({ key })) ?? [] },
    status: { conditions: conditions ?? [], ...(bootID === undefined ? {} : { nodeInfo: { bootID } }) },
  };
}
