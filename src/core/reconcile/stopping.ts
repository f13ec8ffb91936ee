/** Instances on their way out: what proves their end, what is missing, and what a person can do about it. */
import { MINUTE, SECOND, type Duration, type Instant } from '../time.ts';
import { SINGLETON_FINALIZER } from '../workload/names.ts';
import { STOP_MARGIN, type Input, type Instance } from './observed.ts';
import type { Action, Verdict } from './verdict.ts';
import { findProof, isGated } from './proof.ts';

/** How long a node may be silent before its instances are reported as unreachable. */
export const UNREACHABLE_AFTER: Duration = MINUTE;

/**
 * Every terminating pod is proven gone, or waited for. As long as one stands, nothing is created or permitted.
 */
export function checkStopping({ instances, now }: Input): Verdict | undefined {
  const terminating = instances.filter(({ pod }) => pod.metadata.deletionTimestamp !== undefined);
  if (terminating.length === 0) return undefined;
  const unproven = terminating.find((instance) => findProof(instance) === undefined);
  const actions = terminating.flatMap(releaseEvidence);
  if (unproven === undefined)
    return {
      reason: 'WaitingForOldInstance',
      message: `${terminating.map(({ pod }) => pod.metadata.name).join(', ')} ended; waiting for the API server to remove it`,
      actions,
    };
  return { ...explainWait(unproven, now), actions };
}

/** Lets the object go once its end is proven. */
export function releaseEvidence(instance: Instance): readonly Action[] {
  const proof = findProof(instance);
  const { finalizers, deletionGracePeriodSeconds } = instance.pod.metadata;
  // Its kubelet will not confirm that it ended, and nobody else removes it.
  if (proof !== undefined && proof === instance.word && deletionGracePeriodSeconds !== 0)
    return [{ kind: 'remove', pod: instance.pod, proof }];
  const held = finalizers?.includes(SINGLETON_FINALIZER) ?? false;
  return proof !== undefined && held ? [{ kind: 'dropFinalizer', pod: instance.pod, proof }] : [];
}

/** The pod's own grace period. */
export function gracePeriod({ pod }: Instance): Duration {
  return (pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30) * SECOND;
}

/** Since when the node has been silent, if it is: a missing Node object counts as silent since the pod's deletion was seen. */
export function silentSince({ node, terminatingSince }: Instance): Instant | undefined {
  if (node.kind === 'absent') return terminatingSince;
  return node.ready ? undefined : node.notReadySince;
}

/** Reason, sentence and wake-up for an instance whose end is not proven. */
export function explainWait(instance: Instance, now: Instant): Omit<Verdict, 'actions'> {
  const { pod, terminatingSince } = instance;
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
  const on = pod.spec.nodeName ?? 'no node';
  const silent = silentSince(instance);
  if (silent !== undefined && now >= silent + UNREACHABLE_AFTER)
    return { reason: 'NodeUnreachable', message: `pod ${name} on ${on}: ${unreachableRemedy(instance)}` };
  const stuckAt = (terminatingSince ?? now) + gracePeriod(instance) + STOP_MARGIN;
  if (now >= stuckAt)
    return {
      reason: 'StopTimedOut',
      message:
        `pod ${name} on ${on} has not ended ${Math.round((now - (terminatingSince ?? now)) / SECOND)} s after it was asked to; ` +
        'its kubelet must report the containers terminated. Nothing else is started until then',
      ...(silent === undefined ? {} : { wakeAt: silent + UNREACHABLE_AFTER }),
    };
  const wakeAt = silent === undefined ? stuckAt : Math.min(stuckAt, silent + UNREACHABLE_AFTER);
  return {
    reason: 'WaitingForOldInstance',
    message: `waiting for the kubelet of ${on} to report that the containers of pod ${name} ended`,
    wakeAt,
  };
}

/** What a person can do about a silent node, as a command that works today. */
export function unreachableRemedy({ pod, node }: Instance): string {
  const on = pod.spec.nodeName ?? '';
  const what = node.kind === 'present' ? 'the node is silent' : 'the Node object is gone';
  return (
    `${what} and a copy may be running there. If the machine is certainly off: ` +
    `k8-highlander fence node ${on} --i-confirm-it-is-off`
  );
}

/** An instance that vanished without proof is waited for before another one may be permitted. */
export function checkGone({ vanished, instances }: Input): Verdict | undefined {
  if (vanished.length === 0 || instances.some(({ pod }) => !isGated(pod))) return undefined;
  const [first] = vanished;
  return {
    reason: 'WaitingForOldInstance',
    message:
      `pod uid ${first?.uid} on ${first?.node} vanished without proof that its containers ended; ` +
      'it counts as gone its grace period and 30 s later',
    actions: [],
    wakeAt: Math.max(...vanished.map((entry) => entry.goneAt)),
  };
}
