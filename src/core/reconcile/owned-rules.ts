/**
 * The rule chain of workloads whose pod a Deployment (service) or a StatefulSet (persistent) makes. Those controllers may
 * make as many pods as they like: each is born gated, and one gate is lifted. So their objects may be created and mended
 * at any time, before it is known what still runs; nothing that they do starts a program.
 */
import { checkAdopted } from './adoption.ts';
import { nameOf, type ManagedObject } from '../manifests/managed-object.ts';
import { ANNOTATION } from '../workload/names.ts';
import type { Foreign, Instance, OwnedInput } from './observed.ts';
import {
  findDrift,
  findObject,
  isFixedChanged,
  isOwner,
  renderBeside,
  renderOwner,
  templateHashOf,
} from './owner.ts';
import { checkOrphaned } from './orphaning.ts';
import { checkPaused } from './pausing.ts';
import { checkConceded } from './concession.ts';
import { checkRestart } from './restart-request.ts';
import { permitAlone } from './permit.ts';
import { findProof, isGated, isTerminal } from './proof.ts';
import { clearFinished, clearLeftovers, stopMaker } from './removal.ts';
import { explainInstance } from './running.ts';
import type { Rule } from './rule.ts';
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
  checkUnpermitted,
} from './shared-rules.ts';
import { checkGone, checkStopping, explainWait } from './stopping.ts';
import type { Verdict } from './verdict.ts';

export const OWNED_RULES: readonly Rule<OwnedInput>[] = [
  { name: 'objects around the pods are known', check: checkObserved }, // what was not read is not absent
  { name: 'maker of the Go program is adopted', check: checkAdopted }, // what ran before us runs on
  { name: 'objects around the pods are ours', check: checkForeign }, //   never touch what somebody else made
  { name: 'last write on them was accepted', check: checkRefused }, //    a refusal is waited out, not repeated
  { name: 'maker and pods are claimed', check: checkClaimed }, //         no decision on what a stale leader could change
  { name: 'permit of a made pod is answered', check: checkAnswered }, //  a permit may still land
  { name: 'workload with a maker is not paused', check: checkPaused }, // a person's wish: all below would start, stop or change something
  { name: 'maker with deletionPolicy Orphan is let go', check: checkOrphaned }, // removed from its source: what stands runs on
  { name: 'dependents of the maker have stopped', check: checkDependents }, // what depends on it goes first
  { name: 'unwanted maker is stopped', check: checkStopped }, //          removed from its source: scaled to 0 first
  { name: 'maker is on record', check: checkRecorded }, //                before it exists, or it would leave an orphan
  { name: 'maker exists', check: checkOwnerExists }, //                   Deployment or StatefulSet
  { name: 'maker is as it should be', check: checkOwnerCurrent }, //      the spec, and what keeps a second one from running
  { name: 'services are as they should be', check: checkServices }, //    how clients find it
  { name: 'made pod on a lost node is given up', check: checkConceded }, // by the word of a person, or of the spec
  { name: 'old made pods are gone', check: checkStopping }, //            whatever terminates must be proven gone
  { name: 'spec of the maker is readable', check: checkReadable }, //     a spec that means nothing changes nothing more
  { name: 'made pods are not finished', check: checkFinished }, //        terminal pods are cleared away
  { name: 'workload with a maker is wanted', check: checkWanted }, //     removed: what is left goes, then the record
  { name: 'maker stays', check: checkOwnerStays }, //                     one that is being deleted takes its pods along
  { name: 'made pod had its permit', check: checkUnpermitted }, // a hand that stripped the gate
  { name: 'one made pod is permitted', check: checkSingle }, //           a second one without a gate must go
  { name: 'request about the made pod is answered', check: checkRestart }, // restart: stop this one, then start
  { name: 'made pod has the current spec', check: checkSpec }, //         planned replacement
  { name: 'vanished pod is waited for', check: checkGone }, //            an unproven absence is not gone yet
  { name: 'dependencies of a made pod are ready', check: checkDependencies }, // what it depends on comes first
  { name: 'maker has made a pod', check: checkMade }, //                  wait for its controller, or say why not
  { name: 'made pod is permitted', check: checkPermit }, //               lift one gate
  { name: 'made pod is ready', check: checkRunning }, //                  total: always answers
];

function ownerOf({ objects = [] }: OwnedInput): ManagedObject | undefined {
  return objects.find(isOwner);
}

/** The pods that may run: permitted, or never gated. */
function permitted(instances: readonly Instance[]): readonly Instance[] {
  return instances.filter(({ pod }) => !isGated(pod));
}

function checkStopped(input: OwnedInput): Verdict | undefined {
  if (input.desired !== undefined || input.invalid !== undefined) return undefined;
  const owner = ownerOf(input);
  if (owner === undefined || (owner.spec?.replicas ?? 1) === 0) return undefined;
  return stopMaker(input, owner, [{ op: 'add', path: '/spec/replicas', value: 0 }]);
}

function checkOwnerExists(input: OwnedInput): Verdict | undefined {
  const { desired, objects = [], identity } = input;
  if (desired === undefined) return undefined;
  const wanted = renderOwner(desired, identity);
  if (findObject(objects, wanted) !== undefined) return undefined;
  return {
    reason: 'Starting',
    message: `creating ${nameOf(wanted)}`,
    actions: [{ kind: 'createObject', object: wanted }],
  };
}

/**
 * Deleted in the foreground by another hand, it stays until its pods are gone, and they stay until we let them go: so
 * this is asked after the rules that do that.
 */
function checkOwnerStays(input: OwnedInput): Verdict | undefined {
  const owner = ownerOf(input);
  if (owner?.metadata.deletionTimestamp === undefined) return undefined;
  return {
    reason: 'WaitingForOldInstance',
    message: `${nameOf(owner)} was deleted by another hand; waiting for the API server to remove it and its pods`,
    actions: [],
  };
}

function checkOwnerCurrent({ desired, objects = [], identity }: OwnedInput): Verdict | undefined {
  if (desired === undefined) return undefined;
  const wanted = renderOwner(desired, identity);
  const living = findObject(objects, wanted);
  if (living === undefined || living.metadata.deletionTimestamp !== undefined) return undefined;
  if (isFixedChanged(living, wanted)) return undefined;
  const drift = findDrift(living, wanted);
  if (drift === undefined) return undefined;
  const { cause, detail, operations } = drift;
  return {
    reason: 'Starting',
    message: `changing ${nameOf(living)}: ${detail}`,
    actions: [{ kind: 'changeObject', object: living, operations, cause }],
  };
}

/** Services of the workload that the spec does not have any more go; one that somebody else made is left alone. */
function checkServices(input: OwnedInput): Verdict | undefined {
  const { desired, objects = [], identity } = input;
  if (desired === undefined) return undefined;
  const foreign = new Set(knownForeign(input).map(({ name }) => name));
  const wanted = renderBeside(desired, identity);
  for (const service of wanted) {
    const living = findObject(objects, service);
    if (living === undefined) {
      if (foreign.has(service.metadata.name)) continue;
      return {
        reason: 'Starting',
        message: `creating ${nameOf(service)}`,
        actions: [{ kind: 'createObject', object: service }],
      };
    }
    const drift = isFixedChanged(living, service) ? undefined : findDrift(living, service);
    if (drift !== undefined)
      return {
        reason: 'Starting',
        message: `changing ${nameOf(living)}: ${drift.detail}`,
        actions: [{ kind: 'changeObject', object: living, operations: drift.operations, cause: drift.cause }],
      };
  }
  const extra = objects.find(
    (object) =>
      object.kind === 'Service' &&
      object.metadata.deletionTimestamp === undefined &&
      findObject(wanted, object) === undefined,
  );
  if (extra === undefined) return undefined;
  return {
    reason: 'Starting',
    message: `deleting ${nameOf(extra)}, which the spec does not have any more`,
    actions: [{ kind: 'deleteObject', object: extra, cause: 'SpecChanged' }],
  };
}

/** Services of somebody else's that take the place of ours, as far as they were seen there lately. */
function knownForeign({ foreignServices = [], now }: OwnedInput): readonly Foreign[] {
  return foreignServices.filter(({ recheckAt }) => now < recheckAt);
}

/** Evicted or failed for good: their controller has made another pod, or will. */
function checkFinished({ instances, now }: OwnedInput): Verdict | undefined {
  const ended = instances.filter(({ pod }) => isTerminal(pod));
  const unproven = ended.find((instance) => findProof(instance) === undefined);
  if (unproven !== undefined) return { ...explainWait(unproven, now), actions: [] };
  return clearFinished(ended, false);
}

function checkWanted(input: OwnedInput): Verdict | undefined {
  return input.desired === undefined ? clearLeftovers(input) : undefined;
}

/** Only a hand that stripped the gate from a template can bring a second one. The one that we permitted last stays. */
function checkSingle({ instances }: OwnedInput): Verdict | undefined {
  const running = permitted(instances);
  if (running.length < 2) return undefined;
  const [kept, ...extra] = running.toSorted((a, b) => tokenOf(b) - tokenOf(a));
  return {
    reason: 'WaitingForOldInstance',
    message: `stopping ${extra.map(({ pod }) => pod.metadata.name).join(', ')}: only ${kept?.pod.metadata.name} may run`,
    actions: extra.map(({ pod }) => ({ kind: 'delete', pod, cause: 'ExtraInstance' })),
  };
}

function tokenOf({ pod }: Instance): number {
  return Number(pod.metadata.annotations?.[ANNOTATION.token] ?? 0);
}

/** A Deployment stops its old pod by itself; a StatefulSet with OnDelete leaves that to us. */
function checkSpec(input: OwnedInput): Verdict | undefined {
  const owner = ownerOf(input);
  if (owner === undefined) return undefined;
  const isSet = owner.kind === 'StatefulSet';
  // A gated pod of an older spec is never permitted. A Deployment removes it; a set keeps it, and its name with it.
  const old = input.instances.filter(
    (instance) => (isSet || !isGated(instance.pod)) && !isCurrent(instance, owner),
  );
  if (old.length === 0) return undefined;
  const names = old.map(({ pod }) => pod.metadata.name).join(', ');
  return {
    reason: 'WaitingForOldInstance',
    message: `the spec changed: pod ${names} of ${nameOf(owner)} is stopped before its replacement may run`,
    actions: isSet ? old.map(({ pod }) => ({ kind: 'delete', pod, cause: 'SpecChanged' })) : [],
  };
}

function isCurrent({ pod }: Instance, owner: ManagedObject): boolean {
  return pod.metadata.annotations?.[ANNOTATION.templateHash] === templateHashOf(owner);
}

/** Where all pods are gated, the one that may be permitted: made from the current template, and for a set the one with the claims. */
function findCandidate(input: OwnedInput): Instance | undefined {
  const owner = ownerOf(input);
  if (owner === undefined) return undefined;
  return input.instances.find(
    (instance) =>
      isCurrent(instance, owner) &&
      (owner.kind !== 'StatefulSet' || instance.pod.metadata.name === `${owner.metadata.name}-0`),
  );
}

function checkMade(input: OwnedInput): Verdict | undefined {
  const { desired } = input;
  if (desired === undefined || permitted(input.instances).length > 0) return undefined;
  if (desired.spec.replicas === 0)
    return { reason: 'Standby', message: 'replicas is 0: nothing runs, as the spec asks', actions: [] };
  if (findCandidate(input) !== undefined) return undefined;
  const owner = ownerOf(input);
  if (owner === undefined) return undefined;
  const failure = owner.status?.conditions?.find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  );
  if (failure !== undefined)
    return {
      reason: failure.message?.includes('exceeded quota') === true ? 'QuotaExceeded' : 'Failed',
      message: `${nameOf(owner)} cannot create its pod: ${failure.message ?? failure.reason ?? 'no cause given'}`,
      actions: [],
    };
  return {
    reason: 'Starting',
    // A set says in its events alone why it cannot.
    message:
      `waiting for ${nameOf(owner)} to create its pod; if this lasts, its events tell why: ` +
      `kubectl describe ${owner.kind.toLowerCase()} ${owner.metadata.name} -n ${owner.metadata.namespace}`,
    actions: [],
  };
}

function checkPermit(input: OwnedInput): Verdict | undefined {
  if (permitted(input.instances).length > 0) return undefined;
  const candidate = findCandidate(input);
  if (candidate === undefined) return undefined;
  return permitAlone(candidate, input.instances);
}

/** Always answers, as the end of the chain. A spec that changes what cannot be changed is told, and harms nothing. */
function checkRunning(input: OwnedInput): Verdict {
  const [instance] = permitted(input.instances);
  const owner = ownerOf(input);
  if (instance === undefined || owner === undefined || input.desired === undefined)
    throw new Error('the chain passed without an instance');
  const state = explainService(input, explainProgress(owner, explainInstance(instance, input.now)));
  if (isFixedChanged(owner, renderOwner(input.desired, input.identity)))
    return {
      ...state,
      reason: 'ImmutableField',
      message:
        `${nameOf(owner)} cannot take the change of its selector, serviceName or volumes: undo it, or delete the ` +
        `${owner.kind} with --cascade=orphan (${state.message}; still as before)`,
      actions: [],
    };
  return { ...state, actions: [] };
}

type State = Omit<Verdict, 'actions'>;

/** After `readinessTimeout` a Deployment says so; what is known of the instance says more than that, if it is more. */
function explainProgress(owner: ManagedObject, state: State): State {
  const late = owner.status?.conditions?.find(
    ({ type, status, reason }) =>
      type === 'Progressing' && status === 'False' && reason === 'ProgressDeadlineExceeded',
  );
  if (late === undefined || state.reason !== 'Starting') return state;
  return {
    ...state,
    reason: 'Failed',
    message: `not ready within its readinessTimeout (ProgressDeadlineExceeded): ${state.message}`,
  };
}

/** No watch of ours tells when somebody else's Service goes, so it is looked for again. */
function explainService(input: OwnedInput, state: State): State {
  const foreign = knownForeign(input);
  if (foreign.length === 0) return state;
  const names = foreign.map(({ name }) => `${input.key.namespace}/${name}`).join(', ');
  return {
    ...state,
    message: `${state.message}; Service ${names} is not managed by this tenant and is left as it is`,
    wakeAt: Math.min(state.wakeAt ?? Infinity, ...foreign.map(({ recheckAt }) => recheckAt)),
  };
}
