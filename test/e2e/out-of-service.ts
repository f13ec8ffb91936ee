/** A node that is off and declared so, as the documentation of Kubernetes describes for a non-graceful shutdown. */
import type { Api } from '../../sandbox/api.ts';
import type { SandboxNode } from '../../sandbox/node/node.ts';
import type { KubeObject } from '../../src/ports/cluster.ts';
import { eventually } from './eventually.ts';

interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

interface Node extends KubeObject {
  readonly spec: { readonly taints?: readonly Taint[] };
  readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
}

const TAINT: Taint = {
  key: 'node.kubernetes.io/out-of-service',
  value: 'nodeshutdown',
  effect: 'NoExecute',
};
const NOT_READY_WITHIN_MS = 60_000;

/** Ends everything on the node, waits until the cluster has noticed, and puts the taint on it. */
export async function takeOut(api: Api, node: SandboxNode): Promise<void> {
  await node.crash();
  await eventually(
    `${node.name} is NotReady`,
    async () => {
      const { status } = await read(api, node);
      return status.conditions.some((condition) => condition.type === 'Ready' && condition.status !== 'True');
    },
    NOT_READY_WITHIN_MS,
  );
  await setTaints(api, node, (others) => [...others, TAINT]);
}

/** Takes the taint away; the node is used again once its kubelet reports. */
export async function putBack(api: Api, node: SandboxNode): Promise<void> {
  await setTaints(api, node, (others) => others);
}

async function read(api: Api, { name }: SandboxNode): Promise<Node> {
  const { status, body } = await api.request<Node>('GET', `/api/v1/nodes/${name}`);
  if (status !== 200) throw new Error(`GET node ${name}: ${status}`);
  return body;
}

/** By compare-and-set: the node controller taints the same node at the same time. */
function setTaints(
  api: Api,
  node: SandboxNode,
  change: (others: readonly Taint[]) => readonly Taint[],
): Promise<true> {
  return eventually(`the taints of ${node.name} are set`, async () => {
    const { metadata, spec } = await read(api, node);
    const others = (spec.taints ?? []).filter(({ key }) => key !== TAINT.key);
    const { status } = await api.request('PATCH', `/api/v1/nodes/${node.name}`, {
      body: [
        { op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
        { op: 'add', path: '/spec/taints', value: change(others) },
      ],
      contentType: 'application/json-patch+json',
    });
    if (status === 409) return false;
    if (status >= 300) throw new Error(`PATCH node ${node.name}: ${status}`);
    return true;
  });
}
