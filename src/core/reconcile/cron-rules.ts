/**
 * The rule chain of cron jobs. The CronJob controller makes a job per tick and the job its pods, all gated; one gate at a
 * time is lifted. Which job ran a tick is entered in the ledger before its first pod is permitted: another job for the
 * same tick (made anew by a controller manager that had forgotten) is a duplicate, and is deleted without having run.
 */
import { nameOf, type ManagedObject } from '../manifests/managed-object.ts';
import type { Pod } from '../manifests/pod.ts';
import { ANNOTATION } from '../workload/names.ts';
import type { CronInput, Instance, Tick } from './observed.ts';
import { findDrift, findObject, isOwner, renderOwner } from './owner.ts';
import { checkPaused } from './pausing.ts';
import { permitAlone } from './permit.ts';
import { findProof, isGated, isTerminal } from './proof.ts';
import { clearFinished, clearLeftovers, stopMaker } from './removal.ts';
import { recordFor } from './restarts.ts';
import type { Rule } from './rule.ts';
import { explainInstance } from './running.ts';
import {
  checkAnswered,
  checkClaimed,
  checkDependencies,
  checkDependents,
  checkForeign,
  checkObserved,
  checkReadable,
  checkRecorded,
  checkRefused,
} from './shared-rules.ts';
import { checkGone, checkStopping, explainWait } from './stopping.ts';
import type { Verdict } from './verdict.ts';

/** Entries the ledger keeps. A CronJob controller that forgot everything makes up for one tick, the latest. */
const LEDGER_LENGTH = 20;

export const CRON_RULES: readonly Rule<CronInput>[] = [
  { name: 'objects of the cron job are known', check: checkObserved }, // what was not read is not absent
  { name: 'objects of the cron job are ours', check: checkForeign }, //   never touch what somebody else made
  { name: 'last write on it was accepted', check: checkRefused }, //      a refusal is waited out, not repeated
  { name: 'cron job and pods are claimed', check: checkClaimed }, //      no decision on what a stale leader could change
  { name: 'permit of a run is answered', check: checkAnswered }, //       a permit may still land
  { name: 'cron job is not paused', check: checkPaused }, // a person's wish: all below would start, stop or change something
  { name: 'dependents of the cron job have stopped', check: checkDependents }, // what depends on it goes first
  { name: 'unwanted cron job is suspended', check: checkStopped }, //     removed from its source: no more runs
  { name: 'cron job is on record', check: checkRecorded }, //             before it exists, or it would leave an orphan
  { name: 'cron job exists', check: checkExists },
  { name: 'cron job is as it should be', check: checkCurrent }, //        the running job is not touched
  { name: 'stopped runs are gone', check: checkStopping }, //             whatever terminates must be proven gone
  { name: 'ended runs are let go', check: checkEnded }, //                so that history limits and TTLs work
  { name: 'spec of the cron job is readable', check: checkReadable },
  { name: 'cron job still wanted', check: checkWanted }, //               removed: a running job finishes first
  { name: 'no tick is run twice', check: checkTicks }, //                 one job per tick, for ever
  { name: 'vanished run is waited for', check: checkGone }, //            an unproven absence is not gone yet
  { name: 'dependencies of a run are ready', check: checkDependencies }, // what it depends on comes first
  { name: 'run is permitted', check: checkPermit }, //                    one at a time, after its tick is on the ledger
  { name: 'schedule is followed', check: checkSchedule }, //              total: always answers
];

function ownerOf({ objects = [] }: CronInput): ManagedObject | undefined {
  return objects.find(isOwner);
}

function checkStopped(input: CronInput): Verdict | undefined {
  if (input.desired !== undefined || input.invalid !== undefined) return undefined;
  const owner = ownerOf(input);
  if (owner === undefined || owner.spec?.suspend === true) return undefined;
  return stopMaker(input, owner, [{ op: 'add', path: '/spec/suspend', value: true }]);
}

function checkExists({ desired, objects = [], identity }: CronInput): Verdict | undefined {
  if (desired === undefined) return undefined;
  const wanted = renderOwner(desired, identity);
  const living = findObject(objects, wanted);
  if (living?.metadata.deletionTimestamp !== undefined)
    return {
      reason: 'Starting',
      message: `waiting for the old ${nameOf(living)} to be removed`,
      actions: [],
    };
  if (living !== undefined) return undefined;
  return {
    reason: 'Starting',
    message: `creating ${nameOf(wanted)}`,
    actions: [{ kind: 'createObject', object: wanted }],
  };
}

function checkCurrent({ desired, objects = [], identity }: CronInput): Verdict | undefined {
  if (desired === undefined) return undefined;
  const wanted = renderOwner(desired, identity);
  const living = findObject(objects, wanted);
  const drift = living === undefined ? undefined : findDrift(living, wanted);
  if (living === undefined || drift === undefined) return undefined;
  const { cause, detail, operations } = drift;
  return {
    reason: 'Starting',
    message: `changing ${nameOf(living)}: ${detail}`,
    actions: [{ kind: 'changeObject', object: living, operations, cause }],
  };
}

/** Pods that have ended stay for their logs, as long as their job does. */
function checkEnded({ instances, now }: CronInput): Verdict | undefined {
  const ended = instances.filter(({ pod }) => isTerminal(pod));
  const verdict = clearFinished(ended, true);
  if (verdict !== undefined) return verdict;
  const unproven = ended.find((instance) => findProof(instance) === undefined);
  return unproven === undefined ? undefined : { ...explainWait(unproven, now), actions: [] };
}

/** What `onStop` asked for is written on the CronJob: its workload may have left the file with the spec. */
function checkWanted(input: CronInput): Verdict | undefined {
  const { desired, instances, objects = [] } = input;
  if (desired !== undefined) return undefined;
  const running = instances.find(({ pod }) => !isGated(pod) && !isTerminal(pod));
  const waits = ownerOf(input)?.metadata.annotations?.[ANNOTATION.onStop] !== 'Delete';
  if (running !== undefined && waits)
    return {
      reason: 'Removed',
      message: `removed from where it was defined: pod ${running.pod.metadata.name} finishes its run first`,
      actions: [],
    };
  // The pods go one by one, with proof. A job would make another in place of one that is stopped: it goes first.
  const jobs = objects.filter(
    ({ kind, metadata }) => kind === 'Job' && metadata.deletionTimestamp === undefined,
  );
  const isManaged = (input.record?.managedFrom ?? 'none') !== 'none';
  if (jobs.length > 0 && isManaged)
    return {
      reason: 'Removed',
      message: `removing ${jobs.map(nameOf).join(', ')}`,
      actions: jobs.map((object) => ({ kind: 'deleteObject', object, cause: 'Removed' })),
    };
  return clearLeftovers(input);
}

/** The scheduled time that the CronJob controller wrote on the job; undefined for one that was made by hand. */
export function tickOf(job: ManagedObject): string | undefined {
  return job.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'];
}

function checkTicks({ objects = [], record }: CronInput): Verdict | undefined {
  const duplicate = objects.find((job) => {
    const ran = ledgerEntry(job, record?.ticks);
    return job.metadata.deletionTimestamp === undefined && ran !== undefined && ran !== job.metadata.uid;
  });
  if (duplicate === undefined) return undefined;
  return {
    reason: 'Active',
    message: `${nameOf(duplicate)} is for the tick ${tickOf(duplicate)}, which another job has run: deleting it`,
    actions: [{ kind: 'deleteObject', object: duplicate, cause: 'TickAlreadyRun' }],
  };
}

/** The uid of the job that ran the tick of this job. */
function ledgerEntry(job: ManagedObject, ticks: readonly Tick[] = []): string | undefined {
  const at = tickOf(job);
  return job.kind === 'Job' && at !== undefined ? ticks.find((tick) => tick.at === at)?.jobUid : undefined;
}

/** The earliest tick first; runs that were made by hand after those. */
function checkPermit(input: CronInput): Verdict | undefined {
  const { desired, instances, objects = [], record } = input;
  if (desired === undefined) return undefined;
  const waiting = instances
    .filter(({ pod }) => isGated(pod))
    .flatMap((instance) => {
      const job = objects.find(
        ({ kind, metadata }) => kind === 'Job' && isMadeBy(instance.pod, metadata.uid),
      );
      // Without its job in sight nobody can tell which tick it is for. The watch will bring it.
      return job === undefined || job.metadata.deletionTimestamp !== undefined ? [] : [{ instance, job }];
    })
    .toSorted((a, b) => compareTicks(tickOf(a.job), tickOf(b.job)));
  const [first] = waiting;
  if (first === undefined) return undefined;
  const verdict = permitAlone(first.instance, instances);
  const at = tickOf(first.job);
  const isEntered = at === undefined || ledgerEntry(first.job, record?.ticks) !== undefined;
  if (isEntered || verdict.actions.length === 0) return verdict;
  const ticks = [...(record?.ticks ?? []), { at, jobUid: first.job.metadata.uid ?? '' }].slice(
    -LEDGER_LENGTH,
  );
  return {
    reason: 'AwaitingPermit',
    message: `entering the tick ${at} in the ledger`,
    actions: [{ kind: 'remember', record: { ...recordFor(desired, record), ticks } }],
  };
}

function isMadeBy(pod: Pod, uid: string | undefined): boolean {
  return (
    pod.metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid) ?? false
  );
}

function compareTicks(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  return Date.parse(a) - Date.parse(b);
}

/** Always answers, as the end of the chain. */
function checkSchedule(input: CronInput): Verdict {
  const { desired, instances, now } = input;
  if (desired === undefined) throw new Error('the chain passed without a workload');
  const running = instances.find(({ pod }) => !isGated(pod) && !isTerminal(pod));
  if (running !== undefined) return { ...explainRun(running, now), actions: [] };
  if (desired.spec.suspend) return { reason: 'Standby', message: 'suspended, as the spec asks', actions: [] };
  return { reason: 'Active', message: `waiting for its next tick (${desired.spec.schedule})`, actions: [] };
}

/** A run need not be ready: what counts is that it can run, and how it ends. */
function explainRun(running: Instance, now: number): Omit<Verdict, 'actions'> {
  const state = explainInstance(running, now);
  const on = running.pod.spec.nodeName;
  return state.reason === 'Starting' && on !== undefined && on !== ''
    ? { ...state, reason: 'Active', message: `running on ${on}` }
    : state;
}
