/**
 * Where somebody's word stands in for a proof: an operator who says that the machine is off, or a spec that gives the proof
 * up after a time of silence (`nodeLoss`). The word is put on the instance before anything is decided about it.
 */
import { isFreed } from '../control/node-fence.ts';
import type { Instant } from '../time.ts';
import type { Input, Instance } from './observed.ts';
import { findProof, isGated, isTerminal } from './proof.ts';
import { recordFor } from './restarts.ts';
import { silentSince } from './stopping.ts';
import type { Verdict } from './verdict.ts';

/** The input with the word on each instance that one holds for. */
export function concede(input: Input): Input {
  const { instances, now } = input;
  const times = instances.map((instance) => givesUpAt(input, instance)).filter((at) => at > now);
  const conceded = instances.map((instance) => withWord(instance, wordFor(input, instance)));
  return { ...input, instances: conceded, ...(times.length === 0 ? {} : { givesUpAt: Math.min(...times) }) };
}

function withWord(instance: Instance, word: Instance['word']): Instance {
  return word === undefined ? instance : { ...instance, word };
}

function wordFor(input: Input, instance: Instance): Instance['word'] {
  const { pod, node } = instance;
  if ((pod.spec.nodeName ?? '') === '' || isGated(pod)) return undefined;
  const fence = input.fences?.find((one) => one.node === pod.spec.nodeName);
  if (fence !== undefined && isFreed(fence, pod.metadata.uid ?? '', node)) return 'FencedByOperator';
  return input.now >= givesUpAt(input, instance) ? 'GivenUp' : undefined;
}

/** When the proof is given up; Infinity: never. */
function givesUpAt({ desired }: Input, instance: Instance): Instant {
  const { nodeLoss } = desired?.spec ?? {};
  const silent = silentSince(instance);
  return nodeLoss?.policy !== 'Force' || silent === undefined ? Infinity : silent + nodeLoss.after;
}

/** An instance for which a word stands is deleted: only then does the word count, and a successor can be made. */
export function checkConceded({ instances, desired, record, lostNode }: Input): Verdict | undefined {
  const lost = instances.filter(
    (instance) =>
      instance.word !== undefined &&
      instance.pod.metadata.deletionTimestamp === undefined &&
      !(isTerminal(instance.pod) && findProof(instance) !== undefined),
  );
  const givenUp = instances.find(
    ({ word, pod }) => word === 'GivenUp' && record?.givenUp?.uid !== pod.metadata.uid,
  );
  if (desired !== undefined && givenUp !== undefined) {
    const { pod } = givenUp;
    const next = { node: pod.spec.nodeName ?? '', uid: pod.metadata.uid ?? '' };
    return {
      reason: 'NodeUnreachable',
      message: `pod ${pod.metadata.name} on ${next.node}: given up, as nodeLoss says; putting that on record`,
      actions: [{ kind: 'remember', record: { ...recordFor(desired, record), givenUp: next } }],
    };
  }
  // Its kubelet is back, and ends what it was not told to run.
  if (
    desired !== undefined &&
    record?.givenUp !== undefined &&
    lostNode?.kind === 'present' &&
    lostNode.ready
  ) {
    const { givenUp: _givenUp, ...rest } = recordFor(desired, record);
    return {
      reason: 'Starting',
      message: `node ${record.givenUp.node} reports again: nothing is given up any more`,
      actions: [{ kind: 'remember', record: rest }],
    };
  }
  if (lost.length === 0) return undefined;
  const names = lost.map(({ pod }) => `${pod.metadata.name} on ${pod.spec.nodeName}`).join(', ');
  return {
    reason: 'WaitingForOldInstance',
    message: `deleting ${names}: its node is ${lost[0]?.word === 'GivenUp' ? 'given up' : 'said to be off'}`,
    actions: lost.map(({ pod, word }) => ({
      kind: 'delete',
      pod,
      cause: word === 'GivenUp' ? 'NodeGivenUp' : 'NodeFenced',
    })),
  };
}
