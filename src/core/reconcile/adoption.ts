/**
 * Taking over what the Go program left, without a restart. The order is the safety argument:
 *
 * 1. Every pod that it made counts as an instance from the moment it is seen. It was never permitted by us: it has no
 *    fencing token, and counts as running until it is proven gone. Its marks and the finalizer are metadata.
 * 2. What makes pods is prepared before it is ours: gate, finalizer and our marks enter its template, and its controller
 *    has said (`observedGeneration`) that it works with the new template. From then on each new pod is born gated.
 *    - Deployment: it is paused, so that a changed template starts nothing. The ReplicaSets that have pods are given the
 *      marks, then the Deployment the identical ones: its controller finds the ReplicaSet equal and replaces nothing.
 *    - StatefulSet: with `OnDelete` a changed template replaces nothing.
 *    - CronJob: its controller does not say what it has seen, so some time passes instead.
 * 3. All pods that exist at that time are read and adopted. Only then the maker is marked as ours, in its last patch; the
 *    rules after this one permit nothing without it. Whoever is interrupted begins again from what is found.
 *
 * The hash of our own rendering is recorded, although the running template is another: only a later change of the spec
 * is a planned replacement, and removes what is left of the old template.
 */
import { nameOf, podTemplateOf, type ManagedObject, type PodTemplate } from '../manifests/managed-object.ts';
import { renderMarks, type RenderIdentity } from '../manifests/pod-template.ts';
import { SECOND, type Duration } from '../time.ts';
import type { Workload } from '../workload/model.ts';
import { ANNOTATION, LABEL, PERMIT_GATE, SINGLETON_FINALIZER } from '../workload/names.ts';
import { isGoMade } from './go-program.ts';
import type { GoRemains, Input, Instance, ReplicaSet } from './observed.ts';
import { endOf } from './liveness.ts';
import { changeable, isProtected, renderBeside, renderOwner, type OwnedWorkload } from './owner.ts';
import { removeEntry, type Adoption, type Operation } from './patches.ts';
import { findProof, isGated } from './proof.ts';
import { containerRestarts, recordFor } from './restarts.ts';
import { checkRefused } from './shared-rules.ts';
import type { Action, Verdict } from './verdict.ts';

/** How long the CronJob controller may go on with the template it knew: it reads from a watch. */
const CRON_SETTLES: Duration = 5 * SECOND;
const LOOK_AGAIN: Duration = 0.5 * SECOND;

/** Pods and objects of the Go program are taken over before anything else is decided. */
export function checkAdopted(input: Input): Verdict | undefined {
  const { desired, remains } = input;
  const left = checkElsewhere(input);
  if (left !== undefined) return left;
  const found = input.instances.filter(({ pod }) => isGoMade('Pod', pod.metadata));
  if (found.length === 0 && (desired === undefined || remains === undefined)) return undefined;
  if (desired === undefined) return explainUndefined(input, found);
  const refused = checkRefused(input);
  if (refused !== undefined) return refused;
  if (found.length > 0)
    return {
      reason: 'AwaitingPermit',
      message: `adopting ${found.map(({ pod }) => pod.metadata.name).join(', ')}, which the Go program started`,
      actions: found.flatMap((instance) => adoptPod(input, desired, instance)),
    };
  if (remains === undefined || !isOwned(desired)) return undefined;
  return adoptRemains(input, desired, remains);
}

/** The Go program ran what named no namespace in `default`: an instance there is waited for, and only a person can end it. */
function checkElsewhere({ desired, elsewhere = [], instances, key, now }: Input): Verdict | undefined {
  const running = elsewhere.find((instance) => findProof(instance) === undefined);
  if (desired === undefined || running === undefined) return undefined;
  if (instances.some(({ pod }) => !isGated(pod))) return undefined;
  return {
    reason: 'WaitingForOldInstance',
    message:
      `the Go program runs this workload in the namespace default (pod ${running.pod.metadata.name}): write ` +
      `namespace: default into the entry to take it over, or stop it there and move its data before it starts in ${key.namespace}`,
    actions: [],
    wakeAt: now + 5 * SECOND,
  };
}

function isOwned(workload: Workload): workload is OwnedWorkload {
  return workload.key.kind !== 'process';
}

function explainUndefined({ invalid }: Input, found: readonly Instance[]): Verdict {
  const names = found.map(({ pod }) => `${pod.metadata.namespace}/${pod.metadata.name}`).join(', ');
  if (invalid !== undefined)
    return {
      reason: 'InvalidSpec',
      message: `${invalid} (${names}, made by the Go program, is left as it is)`,
      actions: [],
    };
  return {
    reason: 'ForeignOwner',
    message:
      `pod ${names} was made by the Go program for a workload that is neither in the file nor a custom resource: ` +
      'left alone; define the workload, or delete what is left of it',
    actions: [],
  };
}

/** Restarts before the adoption are not held against the instance: it goes on as it is. */
function adoptPod({ identity, record }: Input, desired: Workload, { pod }: Instance): readonly Action[] {
  const { finalizers = [], deletionTimestamp, uid = '' } = pod.metadata;
  const restarts = containerRestarts(pod);
  const { labels, annotations } = marksOf(desired, identity);
  // A finalizer cannot be put on a pod that is being deleted; what vanishes without one is waited for.
  const isHeld = deletionTimestamp !== undefined || finalizers.includes(SINGLETON_FINALIZER);
  const operations: readonly Operation[] = isHeld
    ? []
    : [{ op: 'add', path: '/metadata/finalizers', value: [...finalizers, SINGLETON_FINALIZER] }];
  const marks = { ...annotations, [ANNOTATION.adopted]: 'true' };
  const action: Action = { kind: 'adoptPod', pod, adoption: { labels, annotations: marks, operations } };
  if (desired.key.kind !== 'process' || restarts === 0) return [action];
  const forgiven = { ...recordFor(desired, record), forgiven: { uid, restarts } };
  return [{ kind: 'remember', record: forgiven }, action];
}

/** What our watches, and our decisions, know an object of a workload by. */
function marksOf(desired: Workload, identity: RenderIdentity): Omit<Adoption, 'operations'> {
  const { labels = {}, annotations = {} } = renderMarks(desired, identity);
  return {
    labels: pick(labels, [LABEL.tenant, LABEL.kind]),
    annotations: pick(annotations, [
      ANNOTATION.workload,
      ANNOTATION.templateHash,
      ANNOTATION.fingerprint,
      ANNOTATION.source,
    ]),
  };
}

function pick(
  entries: Readonly<Record<string, string>>,
  keys: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(entries).filter(([key]) => keys.includes(key)));
}

function adoptRemains(input: Input, desired: OwnedWorkload, remains: GoRemains): Verdict | undefined {
  const { identity } = input;
  const { object } = remains;
  const { kind, metadata } = object;
  const wanted = [renderOwner(desired, identity), ...renderBeside(desired, identity)].find(
    (rendered) => rendered.kind === kind && rendered.metadata.name === metadata.name,
  );
  if (wanted === undefined) return undefined;
  if (metadata.deletionTimestamp !== undefined)
    return wait(input, object, 'it is being deleted', input.now + LOOK_AGAIN);
  const context: Context = { input, desired, remains, wanted };
  switch (kind) {
    case 'Deployment':
      return adoptDeployment(context);
    case 'StatefulSet':
      return adoptStatefulSet(context);
    case 'CronJob':
      return adoptCronJob(context);
    case 'Service':
      return verdict(object, 'taking it over', [adopt(object, wanted, [])]);
    case 'Job':
      return undefined;
  }
}

interface Context {
  readonly input: Input;
  readonly desired: OwnedWorkload;
  readonly remains: GoRemains;
  /** The object as we would make it. */
  readonly wanted: ManagedObject;
}

function adoptDeployment({ input, desired, remains, wanted }: Context): Verdict {
  const { object, replicaSets } = remains;
  if (object.spec?.paused !== true)
    return prepare(object, 'pausing it', [{ op: 'add', path: '/spec/paused', value: true }]);
  if (!isObserved(object)) return wait(input, object, 'its controller has not paused yet');
  const active = replicaSets.filter(
    ({ spec, status }) => (spec?.replicas ?? 1) > 0 || (status?.replicas ?? 0) > 0,
  );
  const bare = active.filter(({ spec }) => !isProtected(spec?.template));
  if (bare.length > 0)
    return verdict(
      object,
      'putting gate and finalizer into the template of its ReplicaSet',
      bare.map((set) => ({
        kind: 'prepare',
        target: { kind: 'ReplicaSet', metadata: set.metadata },
        operations: protect(set, desired, input.identity),
      })),
    );
  if (!replicaSets.every(isObserved))
    return wait(input, object, 'the controller of its ReplicaSet has not seen the template yet');
  // Without a pod nothing can restart: our template takes the place of the old one.
  const template = active.length === 0 ? replaceTemplate(wanted) : protect(object, desired, input.identity);
  const operations = [...template, { op: 'remove', path: '/spec/paused' } as const];
  return verdict(object, 'gate and finalizer enter its template', [adopt(object, wanted, operations)]);
}

function adoptStatefulSet({ input, desired, remains, wanted }: Context): Verdict {
  const { object } = remains;
  const { updateStrategy, replicas, template } = object.spec ?? {};
  if (!isProtected(template) || updateStrategy?.type !== 'OnDelete')
    return prepare(object, 'gate and finalizer enter its template', [
      { op: 'add', path: '/spec/updateStrategy', value: { type: 'OnDelete' } },
      ...(replicas === 0 ? replaceTemplate(wanted) : protect(object, desired, input.identity)),
    ]);
  if (!isObserved(object)) return wait(input, object, 'its controller has not seen the template yet');
  return verdict(object, 'taking it over', [adopt(object, wanted, [])]);
}

function adoptCronJob({ input, desired, remains, wanted }: Context): Verdict {
  const { object, jobs, since } = remains;
  if (!isProtected(podTemplateOf(object)))
    return prepare(
      object,
      'gate and finalizer enter the template of its jobs',
      replaceFields(wanted).filter(({ path }) => path !== '/spec/suspend'),
    );
  if (input.now < since + CRON_SETTLES)
    return wait(input, object, 'its controller may not have seen the template yet', since + CRON_SETTLES);
  const found = jobs.filter(({ metadata }) => isGoMade('Job', metadata));
  const adoption = { ...marksOf(desired, input.identity), operations: [] };
  return verdict(object, 'taking it over', [
    ...found.map((job): Action => ({ kind: 'adoptObject', object: job, adoption })),
    adopt(object, wanted, []),
  ]);
}

/** The last step: from here on the rules of our own objects hold for it. What cannot be changed stays as it was found. */
function adopt(object: ManagedObject, wanted: ManagedObject, operations: readonly Operation[]): Action {
  return {
    kind: 'adoptObject',
    object,
    adoption: {
      labels: wanted.metadata.labels ?? {},
      annotations: wanted.metadata.annotations ?? {},
      operations: [
        ...replaceFields(wanted),
        ...operations,
        ...removeEntry(object, 'annotations', ANNOTATION.controlledShutdown),
        ...removeEntry(object, 'labels', LABEL.isLeader),
      ],
    },
  };
}

function replaceFields(wanted: ManagedObject): readonly Operation[] {
  return changeable(wanted).map(([field, value]) => ({ op: 'add', path: `/spec/${field}`, value }));
}

function replaceTemplate({ spec }: ManagedObject): readonly Operation[] {
  return [{ op: 'add', path: '/spec/template', value: spec?.template }];
}

/** Gate, finalizer and our marks, and nothing else. The same for a Deployment and its ReplicaSet, whose templates are equal. */
function protect({ spec }: ReplicaSet, desired: Workload, identity: RenderIdentity): readonly Operation[] {
  const template: PodTemplate = spec?.template ?? {};
  if (isProtected(template)) return [];
  const { labels, annotations } = marksOf(desired, identity);
  const { metadata = {} } = template;
  const gates = template.spec?.schedulingGates ?? [];
  return [
    { op: 'add', path: '/spec/template/metadata/labels', value: { ...metadata.labels, ...labels } },
    {
      op: 'add',
      path: '/spec/template/metadata/annotations',
      value: { ...metadata.annotations, ...annotations },
    },
    {
      op: 'add',
      path: '/spec/template/metadata/finalizers',
      value: [...(metadata.finalizers ?? []), SINGLETON_FINALIZER],
    },
    { op: 'add', path: '/spec/template/spec/schedulingGates', value: [...gates, { name: PERMIT_GATE }] },
  ];
}

/** Its controller has seen the spec as it is now. */
function isObserved({ metadata, status }: ReplicaSet): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

function prepare(object: ManagedObject, step: string, operations: readonly Operation[]): Verdict {
  return verdict(object, step, [{ kind: 'prepare', target: object, operations }]);
}

function verdict(object: ManagedObject, step: string, actions: readonly Action[]): Verdict {
  return { reason: 'AwaitingPermit', message: explain(object, step), actions };
}

function wait({ now }: Input, object: ManagedObject, step: string, wakeAt = now + LOOK_AGAIN): Verdict {
  return { reason: 'AwaitingPermit', message: explain(object, step), actions: [], wakeAt };
}

function explain(object: ManagedObject, step: string): string {
  return (
    `adopting ${nameOf(object)}, which the Go program made: ${step} ` +
    '(best effort until its template has gate and finalizer: UngatedTemplate)'
  );
}

/**
 * The template of a job cannot be changed: one that the Go program made goes on making pods without a gate until it ends.
 * No other run of its cron job may begin before.
 */
export function checkGoRuns({ objects = [], instances }: Input): Verdict | undefined {
  if (!instances.some(({ pod }) => isGated(pod))) return undefined;
  const open = objects.find((job) => {
    const template = podTemplateOf(job);
    return job.kind === 'Job' && template !== undefined && !isProtected(template) && endOf(job) === undefined;
  });
  if (open === undefined) return undefined;
  return {
    reason: 'WaitingForOldInstance',
    message: `${nameOf(open)}, which the Go program started, finishes before another run may begin`,
    actions: [],
  };
}
