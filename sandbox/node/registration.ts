/**
 * The Node object and its Lease: how the control plane knows that this node exists and lives. As a kubelet: the Lease is
 * renewed every quarter of its duration, the status is written at start, every five minutes, and whenever somebody else
 * made it say something other than Ready (https://kubernetes.io/docs/reference/node/node-status/).
 */
import { arch, hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import { objectOf } from '../../src/adapters/kube/outcome.ts';
import type { Reply } from '../../src/adapters/kube/transport.ts';
import { MINUTE, SECOND } from '../../src/core/time.ts';
import type { Duration } from '../../src/core/time.ts';
import type { KubeObject } from '../../src/ports/cluster.ts';
import type { Link } from './link.ts';
import { apiTime } from './pod.ts';
import type { PodCondition } from './pod.ts';

/** What the scheduler may place on a node; Kubernetes quantities. */
export interface Capacity {
  readonly pods: number;
  readonly cpu: string;
  readonly memory: string;
}

export interface NodeIdentity {
  readonly name: string;
  readonly hostIP: string;
  /** Changes with a reboot only. */
  readonly bootID: string;
  readonly capacity: Capacity;
  /** How long the node counts as alive after a renewal. */
  readonly lease: Duration;
}

interface NodeObject extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly PodCondition[];
    readonly nodeInfo?: { readonly bootID?: string };
  };
}

const NODES = '/api/v1/nodes';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const STATUS_EVERY: Duration = 5 * MINUTE;
const RETRY: Duration = 0.2 * SECOND;

/** Registers the node. False when the signal came first. */
export async function registerNode(
  link: Link,
  identity: NodeIdentity,
  signal: AbortSignal,
): Promise<boolean> {
  while (!(await register(link, identity))) if (!(await pause(RETRY, signal))) return false;
  return true;
}

/** Keeps a registered node alive until the signal aborts. */
export async function keepAlive(link: Link, identity: NodeIdentity, signal: AbortSignal): Promise<void> {
  await Promise.all([keepLease(link, identity, signal), keepStatus(link, identity, signal)]);
}

/** False when the signal came first. */
async function pause(duration: Duration, signal: AbortSignal): Promise<boolean> {
  return sleep(duration, true, { signal, ref: false }).catch(() => false);
}

function isStatus(reply: Reply, ...statuses: readonly number[]): boolean {
  return reply.kind === 'answered' && statuses.includes(reply.status);
}

/** Creates the Node, or brings the status of the existing one up to date. */
async function register(link: Link, identity: NodeIdentity): Promise<boolean> {
  const { name } = identity;
  const labels = {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': arch() === 'x64' ? 'amd64' : arch(),
  };
  const body = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    status: nodeStatus(identity, undefined),
  };
  const created = await link.callAtOnce({ method: 'POST', path: NODES, body });
  if (isStatus(created, 201)) return true;
  return isStatus(created, 409) && (await reportStatus(link, identity, () => true)) !== 'failed';
}

async function keepLease(link: Link, identity: NodeIdentity, signal: AbortSignal): Promise<void> {
  const path = `${LEASES}/${identity.name}`;
  const renewal = (): unknown => ({
    holderIdentity: identity.name,
    leaseDurationSeconds: Math.ceil(identity.lease / SECOND),
    // A MicroTime has six digits.
    renewTime: new Date().toISOString().replace('Z', '000Z'),
  });
  do {
    let reply = await link.callAtOnce({
      method: 'PATCH',
      path,
      body: { spec: renewal() },
      contentType: 'application/merge-patch+json',
    });
    if (isStatus(reply, 404)) {
      const metadata = { name: identity.name, namespace: 'kube-node-lease' };
      const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: renewal() };
      reply = await link.callAtOnce({ method: 'POST', path: LEASES, body });
    }
    if (!(await pause(isStatus(reply, 200, 201) ? identity.lease / 4 : RETRY, signal))) return;
  } while (!signal.aborted);
}

async function keepStatus(link: Link, identity: NodeIdentity, signal: AbortSignal): Promise<void> {
  let reportedAt = 0;
  do {
    const due = Date.now() - reportedAt >= STATUS_EVERY;
    const result = await reportStatus(link, identity, (node) => due || !isReady(node));
    if (result === 'written') reportedAt = Date.now();
    if (!(await pause(result === 'failed' ? RETRY : identity.lease, signal))) return;
  } while (!signal.aborted);
}

function isReady(node: NodeObject): boolean {
  return node.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
}

/** `gone`: somebody deleted the Node. A kubelet does not make it again until it restarts. */
async function reportStatus(
  link: Link,
  identity: NodeIdentity,
  wanted: (node: NodeObject) => boolean,
): Promise<'written' | 'unneeded' | 'gone' | 'failed'> {
  const path = `${NODES}/${identity.name}`;
  const read = await link.callAtOnce({ method: 'GET', path });
  if (isStatus(read, 404)) return 'gone';
  const node = isStatus(read, 200) && read.kind === 'answered' ? objectOf<NodeObject>(read.body) : undefined;
  if (node === undefined) return 'failed';
  if (!wanted(node)) return 'unneeded';
  const written = await link.callAtOnce({
    method: 'PATCH',
    path: `${path}/status`,
    body: { status: nodeStatus(identity, node) },
    contentType: 'application/strategic-merge-patch+json',
  });
  return isStatus(written, 200) ? 'written' : 'failed';
}

function nodeStatus(identity: NodeIdentity, before: NodeObject | undefined): unknown {
  const now = apiTime(Date.now());
  const condition = (type: string, status: 'True' | 'False', reason: string): unknown => {
    const old = before?.status?.conditions?.find((one) => one.type === type);
    return {
      type,
      status,
      reason,
      message: '',
      lastHeartbeatTime: now,
      lastTransitionTime: old?.status === status ? old.lastTransitionTime : now,
    };
  };
  const { pods, cpu, memory } = identity.capacity;
  const resources = { pods: String(pods), cpu, memory, 'ephemeral-storage': '1Ti' };
  return {
    capacity: resources,
    allocatable: resources,
    addresses: [
      { type: 'InternalIP', address: identity.hostIP },
      { type: 'Hostname', address: identity.name },
    ],
    nodeInfo: {
      bootID: identity.bootID,
      machineID: hostname(),
      systemUUID: identity.name,
      kernelVersion: '',
      osImage: 'sandbox',
      containerRuntimeVersion: 'sandbox://1',
      kubeletVersion: 'v1.36.3',
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: arch() === 'x64' ? 'amd64' : arch(),
    },
    conditions: [
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID'),
      condition('Ready', 'True', 'KubeletReady'),
    ],
  };
}
