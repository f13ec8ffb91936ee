/**
 * A person's word that a machine is off, as `k8-highlander fence node` writes it. It speaks for the pods that were there
 * when it was given, and it is void as soon as the kubelet of that node has said anything since.
 */
import { readJsonObject, type Fault } from './json-record.ts';
import type { NodeFacts } from '../reconcile/node-facts.ts';

export interface NodeFence {
  /** Of the request that gave the word; absent: it was given by hand. */
  readonly id?: string;
  readonly node: string;
  /** Of the Node object, as it was. Absent: there was none. */
  readonly nodeUid?: string;
  readonly bootId?: string;
  /** When the kubelet had reported last, in the words of its own status. */
  readonly heartbeat?: string;
  /** Uids of the pods it frees. */
  readonly pods: readonly string[];
  readonly by: string;
  readonly reason: string;
  readonly at: string;
  /** Absent: nobody has taken note of it yet, so it frees nothing yet. `void`: it frees nothing any more. */
  readonly state?: 'accepted' | 'void';
  /** Of whoever answered. */
  readonly term?: string;
  readonly result?: string;
}

export function readNodeFence(text: string): NodeFence | Fault {
  const fields = readJsonObject(withoutPods(text), {
    id: false,
    node: true,
    nodeUid: false,
    bootId: false,
    heartbeat: false,
    by: true,
    reason: false,
    at: true,
    state: false,
    term: false,
    result: false,
  });
  if ('fault' in fields) return fields;
  const { node = '', by = '', reason = '', at = '', state, ...rest } = fields;
  const pods = podsOf(text);
  if (pods === undefined) return { fault: 'pods is not a list of uids' };
  if (state !== undefined && state !== 'accepted' && state !== 'void')
    return { fault: `state ${JSON.stringify(state)} is unknown` };
  return { ...rest, node, by, reason, at, pods, ...(state === undefined ? {} : { state }) };
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function withoutPods(text: string): string {
  const value = parse(text);
  return 'pods' in value ? JSON.stringify({ ...value, pods: undefined }) : text;
}

function podsOf(text: string): readonly string[] | undefined {
  const value = parse(text);
  if (!('pods' in value) || !Array.isArray(value.pods)) return undefined;
  const pods: readonly unknown[] = value.pods;
  return pods.every((uid) => typeof uid === 'string') ? pods : undefined;
}

/** What shows that the kubelet has reported since the word was given; undefined: nothing does. */
export function findBreach(fence: NodeFence, node: NodeFacts): string | undefined {
  if (node.kind === 'absent') return undefined;
  if (node.ready) return 'the node is Ready';
  if (node.uid !== fence.nodeUid) return 'the node has registered anew';
  if (node.bootId !== fence.bootId) return 'the node has booted again';
  if (node.heartbeat !== fence.heartbeat) return `its kubelet has reported again, at ${node.heartbeat}`;
  return undefined;
}

/** Whether the word holds for this pod. */
export function isFreed(fence: NodeFence, podUid: string, node: NodeFacts): boolean {
  return fence.state === 'accepted' && fence.pods.includes(podUid) && findBreach(fence, node) === undefined;
}
