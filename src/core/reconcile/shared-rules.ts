/**
 * Rules that every kind begins with: whose objects they are, and that this term owns them. Then the two that are the same
 * for all: what a spec that cannot be read means, and that a workload is on record before anything of it exists.
 */
import type { ManagedKind } from '../manifests/managed-object.ts';
import type { Pod } from '../manifests/pod.ts';
import { SECOND } from '../time.ts';
import { ANNOTATION } from '../workload/names.ts';
import type { Input, Instance } from './observed.ts';
import { claimedTerm } from './permit.ts';
import { isRunning } from './liveness.ts';
import { isGated, isTerminal } from './proof.ts';
import { recordFor, remembersWishes } from './restarts.ts';
import type { Action, Verdict } from './verdict.ts';

/** What stands around the pods must be known before anything is decided. */
export function checkObserved({ unobserved, now }: Input): Verdict | undefined {
  if (unobserved === undefined) return undefined;
  return { reason: 'Failed', message: unobserved, actions: [], wakeAt: now + SECOND };
}

/** Never touch what somebody else made. */
export function checkForeign({
  desired,
  foreign,
  fingerprints,
  instances,
  objects = [],
  key,
  now,
}: Input): Verdict | undefined {
  // A workload that is going has no use for the name.
  if (desired !== undefined && foreign !== undefined && now < foreign.recheckAt)
    return {
      reason: 'ForeignOwner',
      message:
        `${foreign.kind} ${key.namespace}/${foreign.name} exists and is not managed by this tenant: ` +
        'delete or rename it, or rename the workload',
      actions: [],
      wakeAt: foreign.recheckAt,
    };
  const all = [...instances.map(({ pod }) => ({ kind: 'pod', metadata: pod.metadata })), ...objects];
  const stranger = all.find(
    ({ metadata }) => !fingerprints.has(metadata.annotations?.[ANNOTATION.fingerprint] ?? ''),
  );
  if (stranger === undefined) return undefined;
  return {
    reason: 'ForeignOwner',
    message:
      `${stranger.kind} ${key.namespace}/${stranger.metadata.name} is managed by another installation of this tenant ` +
      `(${stranger.metadata.annotations?.[ANNOTATION.fingerprint] ?? 'no fingerprint'}): stop that one, or use another tenant`,
    actions: [],
  };
}

/**
 * Every pod, gated and terminating ones included, and every object that makes pods must carry our term before anything
 * is decided about them. The single exception is a gated pod that is the only one: its permit is itself a
 * compare-and-set that writes the term. Services and jobs are never claimed: none of them lets a pod start.
 */
export function checkClaimed({ instances, objects = [], term }: Input): Verdict | undefined {
  const owners = objects.filter((object) => MAKERS.has(object.kind) && claimedTerm(object) !== term);
  const pods = instances.filter(({ pod }) => claimedTerm(pod) !== term && !isUntouched(pod, instances));
  if (pods.length + owners.length === 0) return undefined;
  return {
    reason: 'AwaitingPermit',
    message: `claiming ${owners.length + pods.length} object(s) for term ${term}`,
    actions: [
      ...owners.map((object): Action => ({ kind: 'claimObject', object })),
      ...pods.map(({ pod }): Action => ({ kind: 'claim', pod })),
    ],
  };
}

const MAKERS: ReadonlySet<ManagedKind> = new Set(['Deployment', 'StatefulSet', 'CronJob']);

function isUntouched(pod: Pod, instances: readonly Instance[]): boolean {
  return (
    instances.length === 1 &&
    claimedTerm(pod) === undefined &&
    isGated(pod) &&
    pod.metadata.deletionTimestamp === undefined
  );
}

/** A compare-and-set on that same pod settles it: either it shows the permit, or a late one meets a newer resourceVersion. */
export function checkAnswered({ instances, unansweredPermit }: Input): Verdict | undefined {
  const pod = instances.find((instance) => instance.pod.metadata.uid === unansweredPermit)?.pod;
  if (unansweredPermit === undefined || pod === undefined) return undefined;
  return {
    reason: 'AwaitingPermit',
    message: `the permit of pod ${pod.metadata.name} was sent and not answered; settling it first`,
    actions: [{ kind: 'claim', pod }],
  };
}

/**
 * What runs without our permit has no fencing token, and nothing keeps a second one from running beside it. Only a hand
 * that strips the gate from a template brings that about. A pod that was adopted ran before there were permits.
 */
export function checkUnpermitted({ instances }: Input): Verdict | undefined {
  const strays = instances.filter(({ pod }) => {
    const { annotations = {}, deletionTimestamp } = pod.metadata;
    const isKnown = ANNOTATION.token in annotations || ANNOTATION.adopted in annotations;
    return !isGated(pod) && !isTerminal(pod) && !isKnown && deletionTimestamp === undefined;
  });
  if (strays.length === 0) return undefined;
  return {
    reason: 'WaitingForOldInstance',
    message: `stopping ${strays.map(({ pod }) => pod.metadata.name).join(', ')}: started without a permit`,
    actions: strays.map(({ pod }) => ({ kind: 'delete', pod, cause: 'NeverPermitted' })),
  };
}

/** Without a last valid state nobody can tell whether what runs should run: it is left alone. */
export function checkReadable({ desired, invalid }: Input): Verdict | undefined {
  if (desired !== undefined || invalid === undefined) return undefined;
  return { reason: 'InvalidSpec', message: invalid, actions: [] };
}

/** On record before it has a pod, or it would leave an orphan. */
export function checkRecorded({ desired, record }: Input): Verdict | undefined {
  if (desired === undefined) return undefined;
  if (record?.managedFrom === desired.source.from && remembersWishes(desired, record)) return undefined;
  return {
    reason: 'AwaitingPermit',
    message: 'putting the workload on record',
    actions: [{ kind: 'remember', record: recordFor(desired, record) }],
  };
}

/** Nothing is started before what it depends on is ready. What runs already goes on. */
export function checkDependencies({ desired, waitsFor = [], instances }: Input): Verdict | undefined {
  if (desired === undefined || waitsFor.length === 0 || instances.some(isRunning)) return undefined;
  return {
    reason: 'WaitingForDependency',
    message: waitsFor.map(({ key, cause }) => `${key} ${cause}`).join('; '),
    actions: [],
  };
}

/** What depends on a workload that is to be stopped is stopped first. */
export function checkDependents({ desired, invalid, stopsAfter = [] }: Input): Verdict | undefined {
  if (desired !== undefined || invalid !== undefined || stopsAfter.length === 0) return undefined;
  return {
    reason: 'Removed',
    message: `removed from where it was defined: ${stopsAfter.join(', ')} must stop first`,
    actions: [],
  };
}

/** The server understood and said no: repeating the same write at once would only be louder. */
export function checkRefused({ refusal, now }: Input): Verdict | undefined {
  if (refusal === undefined || now >= refusal.retryAt) return undefined;
  return {
    reason: refusal.message.includes('exceeded quota') ? 'QuotaExceeded' : 'Failed',
    message: `the API server refused to ${refusal.action} the ${refusal.object}: ${refusal.message}`,
    actions: [],
    wakeAt: refusal.retryAt,
  };
}
