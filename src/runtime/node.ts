/** The part of a Kubernetes Node that decisions look at; everything else is dropped before caching. */
import type { ObjectMeta } from '../ports/cluster.ts';

export interface Node {
  readonly metadata: ObjectMeta;
  readonly spec?: { readonly taints?: readonly { readonly key: string; readonly effect?: string }[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Keeps name, uid, taints and conditions. */
export function stripNode(node: Node): Node {
  const { name, uid, resourceVersion } = node.metadata;
  const metadata: ObjectMeta = {
    name,
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  const conditions = node.status?.conditions?.map(({ type, status }) => ({ type, status }));
  return {
    metadata,
    spec: { taints: node.spec?.taints?.map(({ key }) => ({ key })) ?? [] },
    status: { conditions: conditions ?? [] },
  };
}
