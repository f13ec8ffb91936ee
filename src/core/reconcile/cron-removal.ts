/**
 * The end of a cron job that left its source. First its CronJob is suspended, and says since when; then a job that has
 * begun is let finish, retries included, as long as `onStop` and `drainTimeout` allow; then the jobs go, what is left of
 * their pods, with proof, and the CronJob. All that must be known is written on the CronJob: the spec may be gone, and
 * the leader may change in between.
 */
import { nameOf, type ManagedObject } from '../manifests/managed-object.ts';
import { SECOND } from '../time.ts';
import { ANNOTATION } from '../workload/names.ts';
import { findEntry, formatTick, isMadeBy } from './ledger.ts';
import { endOf, isRunning } from './liveness.ts';
import type { CronInput } from './observed.ts';
import { isOwner } from './owner.ts';
import { setAll } from './patches.ts';
import { permitAlone } from './permit.ts';
import { isGated } from './proof.ts';
import { clearLeftovers, stopMaker } from './removal.ts';
import { checkGone } from './stopping.ts';
import type { Verdict } from './verdict.ts';

/** Removed from its source: no more runs begin. */
export function checkStopped(input: CronInput): Verdict | undefined {
  const { desired, invalid, objects = [], wall } = input;
  if (desired !== undefined || invalid !== undefined) return undefined;
  const owner = objects.find(isOwner);
  if (owner === undefined) return undefined;
  const isMarked = owner.metadata.annotations?.[ANNOTATION.stoppingSince] !== undefined;
  if (owner.spec?.suspend === true && isMarked) return undefined;
  return stopMaker(input, owner, [
    { op: 'add', path: '/spec/suspend', value: true },
    ...(isMarked ? [] : setAll(owner, 'annotations', { [ANNOTATION.stoppingSince]: formatTick(wall) })),
  ]);
}

/** Removed from its source: what has begun finishes, then everything goes. */
export function checkWanted(input: CronInput): Verdict | undefined {
  const { desired, objects = [], record } = input;
  if (desired !== undefined) return undefined;
  const isManaged = (record?.managedFrom ?? 'none') !== 'none';
  const waiting = isManaged ? waitForRun(input) : undefined;
  if (waiting !== undefined) return waiting;
  // The pods go one by one, with proof. A job would make another in place of one that is stopped: it goes first.
  const jobs = objects.filter(
    ({ kind, metadata }) => kind === 'Job' && metadata.deletionTimestamp === undefined,
  );
  if (jobs.length === 0 || !isManaged) return clearLeftovers(input);
  return {
    reason: 'Removed',
    message: `removing ${jobs.map(nameOf).join(', ')}`,
    actions: jobs.map((object) => ({ kind: 'deleteObject', object, cause: 'Removed' })),
  };
}

/** Undefined when nothing has begun, or it is not waited for any longer. */
function waitForRun(input: CronInput): Verdict | undefined {
  const { instances, objects = [], now, wall } = input;
  const annotations = objects.find(isOwner)?.metadata.annotations ?? {};
  if (annotations[ANNOTATION.onStop] === 'Delete') return undefined;
  const running = instances.find(isRunning);
  const begun = objects.find((job) => isBegun(job, input));
  const what =
    running === undefined
      ? begun && nameOf(begun)
      : `pod ${running.pod.metadata.namespace}/${running.pod.metadata.name}`;
  if (what === undefined) return undefined;
  const limit = Number(annotations[ANNOTATION.drainTimeout]) * SECOND;
  const endAt = Date.parse(annotations[ANNOTATION.stoppingSince] ?? '') + limit;
  if (wall >= endAt) return undefined;
  const retry =
    begun === undefined ? undefined : instances.find(({ pod }) => isGated(pod) && isMadeBy(pod, begun));
  if (running === undefined && retry !== undefined) return checkGone(input) ?? permitAlone(retry, instances);
  return {
    reason: 'Removed',
    message: `removed from where it was defined: ${what} finishes its run first`,
    actions: [],
    ...(Number.isNaN(endAt) ? {} : { wakeAt: now + (endAt - wall) }),
  };
}

/** Its tick is entered for it, and it has not come to its end: between two retries it has no pod that runs. */
function isBegun(job: ManagedObject, { record }: CronInput): boolean {
  const entry = findEntry(job, record);
  return (
    job.metadata.deletionTimestamp === undefined &&
    endOf(job) === undefined &&
    entry !== undefined &&
    entry.jobUid === job.metadata.uid
  );
}
