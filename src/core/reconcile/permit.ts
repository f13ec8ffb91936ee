/** The permit: which one gate may be lifted, and with which fencing token. */
import type { Epoch } from '../election/record.ts';
import type { Pod } from '../manifests/pod.ts';
import { ANNOTATION } from '../workload/names.ts';
import type { Input, Instance } from './observed.ts';
import type { Verdict } from './verdict.ts';
import { findProof, isGated } from './proof.ts';

/** Starts that one term can number; the leader must acquire a new term before it needs more. */
const TOKENS_PER_TERM = 1_000_000;

/**
 * The fencing token of the nth instance start of a term (n from 1): rises strictly over all workloads and terms, so a
 * database or queue can refuse the smaller of two.
 * @throws when the term has numbered all the starts it can.
 */
export function fencingToken(term: Epoch, n: number): number {
  if (!Number.isInteger(n) || n < 1 || n >= TOKENS_PER_TERM)
    throw new Error(`term ${term} has no token number ${n}`);
  return term * TOKENS_PER_TERM + n;
}

/** The term that last claimed the object; undefined if none did, or the annotation is not a number. */
export function claimedTerm({ metadata }: Pick<Pod, 'metadata'>): Epoch | undefined {
  const text = metadata.annotations?.[ANNOTATION.term];
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}

/**
 * Lifts the gate of the one pod, if every other pod of the workload is proven gone. The rules before this one have seen
 * to that already; it is asked again here because this is the line that must never be crossed.
 */
export function decidePermit({ instances }: Input): Verdict | undefined {
  const candidate = instances.find(({ pod }) => isGated(pod));
  if (candidate === undefined) return undefined;
  return permitAlone(candidate, instances);
}

/** The permit of this pod, or which other pod forbids it. */
export function permitAlone(candidate: Instance, instances: readonly Instance[]): Verdict {
  const { pod } = candidate;
  const obstacle = instances.find((other) => other !== candidate && findProof(other) === undefined);
  if (obstacle !== undefined)
    return {
      reason: 'WaitingForOldInstance',
      message: `pod ${obstacle.pod.metadata.name} on ${obstacle.pod.spec.nodeName ?? 'no node'} is not proven gone`,
      actions: [],
    };
  return {
    reason: 'AwaitingPermit',
    message: `permitting pod ${pod.metadata.name}`,
    actions: [{ kind: 'permit', pod }],
  };
}
