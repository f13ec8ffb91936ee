/**
 * `fence node NAME`: a person's word that a machine is off. It is written for the pods that are on the node now, together
 * with what would show that its kubelet has reported since; then it is void.
 */
import { FENCED } from '../core/control/entries.ts';
import { readNodeFence, type NodeFence } from '../core/control/node-fence.ts';
import type { Pod } from '../core/manifests/pod.ts';
import { isGated } from '../core/reconcile/proof.ts';
import { ANNOTATION, LABEL } from '../core/workload/names.ts';
import { NODES, PODS, type KubeObject } from '../ports/cluster.ts';
import { explainFailure, formatTime, wrongUsage, type Asking, type Ended, type Verb } from './asking.ts';
import { controlPlace, readRecord, writeRecord } from './record-write.ts';
import { waitFor } from './wait.ts';

const CONFIRM = '--i-confirm-it-is-off';
const USAGE = `k8-highlander fence node NAME ${CONFIRM} [--reason TEXT] [--dry-run] [--wait]`;

interface Node extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastHeartbeatTime?: string;
    }[];
    readonly nodeInfo?: { readonly bootID?: string };
  };
}

export const FENCE: Verb = {
  usage: USAGE,
  switches: [CONFIRM],
  async go(asking) {
    const [what, name = '', ...others] = asking.flags.positional;
    if (what !== 'node' || name === '' || others.length > 0) return wrongUsage('name one node', USAGE);
    const fence = await composeFence(asking, name);
    if ('exit' in fence) return fence;
    const { freed, record } = fence;
    const list = freed.map(
      ({ metadata }) => `${metadata.annotations?.[ANNOTATION.workload] ?? ''} (pod ${metadata.name})\n`,
    );
    const warning =
      `Frees ${freed.length} instance(s) on ${name}; each is started elsewhere at once. ` +
      'If the machine is not off, each of them then runs twice.\n';
    if (asking.dryRun) return { exit: 0, stdout: list.join(''), stderr: `${warning}Nothing was written.\n` };
    if (!asking.flags.switches.has(CONFIRM))
      return wrongUsage(`${warning.trim()} Say that it is off with ${CONFIRM}`, USAGE);
    const place = controlPlace(asking, `${FENCED}${name}`);
    const failure = await writeRecord(asking, place, () => JSON.stringify(record));
    if (failure !== undefined) return failure;
    const done = { exit: 0, stdout: list.join(''), stderr: warning };
    if (asking.wait === undefined) return done;
    return waitFor(asking, `the word about ${name} to be taken up`, async () => {
      const text = await readRecord(asking, place);
      if (typeof text === 'object') return text;
      const read = text === undefined ? undefined : readNodeFence(text);
      if (read === undefined || 'fault' in read || read.state === undefined) return undefined;
      return read.state === 'accepted'
        ? done
        : { exit: 1, stderr: `error: ${read.result ?? 'it is void'}\n` };
    });
  },
};

async function composeFence(
  { cluster, tenant, parts, by, reason = '' }: Asking,
  name: string,
): Promise<{ readonly record: NodeFence; readonly freed: readonly Pod[] } | Ended> {
  const node = await cluster.get<Node>({ resource: NODES, namespace: '', name }, parts.signal);
  if (node.kind !== 'done' && node.kind !== 'gone') return explainFailure(`nodes/${name}`, node);
  const labelSelector = `${LABEL.managedBy}=${LABEL.managedByValue},${LABEL.tenant}=${tenant}`;
  const pods = await cluster.list<Pod>(PODS, { labelSelector }, parts.signal);
  if (pods.kind !== 'done') return explainFailure('pods', pods);
  const freed = pods.items.filter((pod) => pod.spec.nodeName === name && !isGated(pod));
  const living = node.kind === 'done' ? node.object : undefined;
  const ready = living?.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True')
    return { exit: 1, stderr: `error: node ${name} is Ready: its kubelet reports, so it is not off\n` };
  if (living === undefined && freed.length === 0)
    return { exit: 2, stderr: `error: there is no node ${name}, and no instance on it\n` };
  const uid = living?.metadata.uid;
  const bootId = living?.status?.nodeInfo?.bootID;
  const record: NodeFence = {
    node: name,
    ...(uid === undefined ? {} : { nodeUid: uid }),
    ...(bootId === undefined ? {} : { bootId }),
    ...(ready?.lastHeartbeatTime === undefined ? {} : { heartbeat: ready.lastHeartbeatTime }),
    pods: freed.map(({ metadata }) => metadata.uid ?? ''),
    by,
    reason,
    at: formatTime(parts.system.clock.wall()),
  };
  return { record, freed };
}
