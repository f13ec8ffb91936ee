/**
 * The rule chain of processes. Order is the safety argument: first whose objects they are, then that this term owns them, then what
 * may still be running, and only then what to start. Each rule answers (reason, message, actions) or passes.
 */
import { checkAdopted } from './adoption.ts';
import type { Input, ProcessInput } from './observed.ts';
import type { Rule } from './rule.ts';
import type { Verdict } from './verdict.ts';
import { checkOrphaned } from './orphaning.ts';
import { checkPaused } from './pausing.ts';
import { checkConceded } from './concession.ts';
import { checkRestart } from './restart-request.ts';
import { decidePermit } from './permit.ts';
import {
  checkAnswered,
  checkClaimed,
  checkDependencies,
  checkDependents,
  checkForeign,
  checkReadable,
  checkRecorded,
  checkRefused,
} from './shared-rules.ts';
import { clearLeftovers } from './removal.ts';
import { checkGone, checkStopping } from './stopping.ts';
import { checkFinished, checkMaxRestarts, checkRunning, checkStanding } from './process-rules.ts';
import { ANNOTATION, processPodName } from '../workload/names.ts';

export const PROCESS_RULES: readonly Rule<ProcessInput>[] = [
  { name: 'pod of the Go program is adopted', check: checkAdopted }, // what ran before us runs on
  { name: 'objects are ours', check: checkForeign }, //           never touch what somebody else made
  { name: 'last write was accepted', check: checkRefused }, //    a refusal is waited out, not repeated
  { name: 'objects are claimed', check: checkClaimed }, //        no decision on an object a stale leader could still change
  { name: 'earlier permit is answered', check: checkAnswered }, // a permit may still land: nothing else may be permitted
  { name: 'workload is not paused', check: checkPaused }, // a person's wish: all below would start, stop or change something
  { name: 'workload with deletionPolicy Orphan is let go', check: checkOrphaned }, // removed from its source: what stands runs on
  { name: 'instance on a lost node is given up', check: checkConceded }, // by the word of a person, or of the spec
  { name: 'old instances are gone', check: checkStopping }, //    whatever is being deleted must be proven gone
  { name: 'no extra instances', check: checkExtra }, //           one pod under the one name; others are stopped
  { name: 'resource is readable', check: checkReadable }, //      a spec that means nothing changes nothing
  { name: 'dependents have stopped', check: checkDependents }, // what depends on it goes first
  { name: 'workload still wanted', check: checkWanted }, //       removed from its source: stop and forget
  { name: 'workload is on record', check: checkRecorded }, //     before it has a pod, or it would leave an orphan
  { name: 'request about the instance is answered', check: checkRestart }, // restart: stop this one, then start
  { name: 'instance not finished', check: checkFinished }, //     terminal pods: complete, or clear away for a restart
  { name: 'instance has the current spec', check: checkSpec }, // planned replacement
  { name: 'restart budget', check: checkMaxRestarts }, //         crash loops end here
  { name: 'not finished for good', check: checkStanding }, //     Completed or MaxRestartsExceeded on record
  { name: 'vanished instance waited for', check: checkGone }, //  an unproven absence is not gone yet
  { name: 'dependencies are ready', check: checkDependencies }, // what it depends on comes first
  { name: 'instance exists', check: checkExists }, //             create, gated
  { name: 'instance permitted', check: decidePermit }, //         lift one gate
  { name: 'instance ready', check: checkRunning }, //             total: always answers
];

function checkExtra({ instances, key }: Input): Verdict | undefined {
  const extra = instances.filter(({ pod }) => pod.metadata.name !== processPodName(key.name));
  if (extra.length === 0) return undefined;
  return {
    reason: 'WaitingForOldInstance',
    message: `stopping ${extra.map(({ pod }) => pod.metadata.name).join(', ')}: only ${processPodName(key.name)} may run`,
    actions: extra.map(({ pod }) => ({ kind: 'delete', pod, cause: 'ExtraInstance' })),
  };
}

function checkWanted(input: Input): Verdict | undefined {
  return input.desired === undefined ? clearLeftovers(input) : undefined;
}

function checkSpec({ desired, instances }: Input): Verdict | undefined {
  const [instance] = instances;
  if (desired === undefined || instance === undefined) return undefined;
  const { pod } = instance;
  if (pod.metadata.annotations?.[ANNOTATION.templateHash] === desired.templateHash) return undefined;
  return {
    reason: 'WaitingForOldInstance',
    message: `the spec changed: stopping pod ${pod.metadata.name} before its replacement is made`,
    actions: [{ kind: 'delete', pod, cause: 'SpecChanged' }],
  };
}

function checkExists({ desired, instances, now, startNotBefore }: ProcessInput): Verdict | undefined {
  if (desired === undefined || instances.length > 0) return undefined;
  if (startNotBefore !== undefined && now < startNotBefore)
    return {
      reason: 'CrashLoop',
      message: 'waiting before the next restart of a failed instance',
      actions: [],
      wakeAt: startNotBefore,
    };
  return {
    reason: 'Starting',
    message: 'creating the pod',
    actions: [{ kind: 'create', workload: desired }],
  };
}
