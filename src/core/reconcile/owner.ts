/**
 * The object that makes the pods of a workload (Deployment, StatefulSet, CronJob), and the Services beside it: as they
 * should be, where they differ from that, and the patch that mends it.
 *
 * Only what keeps a second instance from running is held against the living object itself: gate, finalizer, number of
 * replicas, the way pods are replaced. Everything else is held against two hashes that we wrote, because the API server
 * fills in defaults and rewrites quantities, and because other hands may add fields of their own. The template of the
 * pods is replaced only when its own hash differs: an upgrade of ours, or an edit of labels, rolls nothing out.
 */
import {
  podTemplateOf,
  type ManagedKind,
  type ManagedObject,
  type PodTemplate,
} from '../manifests/managed-object.ts';
import { renderCronJob } from '../manifests/cron-job.ts';
import { renderStatefulSet } from '../manifests/persistent.ts';
import type { RenderIdentity } from '../manifests/pod-template.ts';
import { renderDeployment, renderServices } from '../manifests/service.ts';
import type { CronJobWorkload, PersistentWorkload, ServiceWorkload } from '../workload/model.ts';
import { ANNOTATION, PERMIT_GATE, SINGLETON_FINALIZER } from '../workload/names.ts';
import { canonicalJson, fnv1a64 } from '../workload/template-hash.ts';
import { removeEntry, setAll, type Operation } from './patches.ts';
import type { ChangeCause } from './verdict.ts';

export type OwnedWorkload = CronJobWorkload | ServiceWorkload | PersistentWorkload;

/** What the API server refuses to change. */
const FIXED: ReadonlySet<string> = new Set([
  'selector',
  'serviceName',
  'podManagementPolicy',
  'volumeClaimTemplates',
  'clusterIP',
]);

/** The object that makes the pods, as it should be. */
export function renderOwner(workload: OwnedWorkload, identity: RenderIdentity): ManagedObject {
  return renderOnce(workload, identity).owner;
}

/** The Services, as they should be; a cron job has none. */
export function renderBeside(workload: OwnedWorkload, identity: RenderIdentity): readonly ManagedObject[] {
  return renderOnce(workload, identity).beside;
}

interface Rendered {
  readonly identity: RenderIdentity;
  readonly owner: ManagedObject;
  readonly beside: readonly ManagedObject[];
}

/** By workload as it was read: each decision asks several times, and the hashes take most of it. */
const rendered = new WeakMap<OwnedWorkload, Rendered>();

function renderOnce(workload: OwnedWorkload, identity: RenderIdentity): Rendered {
  const known = rendered.get(workload);
  if (known?.identity === identity) return known;
  const owner = withHashes(renderKind(workload, identity));
  const services = isCron(workload) ? [] : renderServices(workload, identity);
  const beside = services.map((service) => withHashes({ ...service, kind: 'Service' }));
  const made = { identity, owner, beside };
  rendered.set(workload, made);
  return made;
}

function renderKind(workload: OwnedWorkload, identity: RenderIdentity): ManagedObject {
  if (isCron(workload)) return { ...renderCronJob(workload, identity), kind: 'CronJob' };
  if (isPersistent(workload)) return { ...renderStatefulSet(workload, identity), kind: 'StatefulSet' };
  return { ...renderDeployment(workload, identity), kind: 'Deployment' };
}

function isCron(workload: OwnedWorkload): workload is CronJobWorkload {
  return workload.key.kind === 'cronjob';
}

function isPersistent(workload: ServiceWorkload | PersistentWorkload): workload is PersistentWorkload {
  return workload.key.kind === 'persistent';
}

function withHashes(object: ManagedObject): ManagedObject {
  const { labels, annotations } = object.metadata;
  const fixed = Object.entries(object.spec ?? {}).filter(([field]) => FIXED.has(field));
  // Templates are left out: they have a hash of their own. Where an object came from does not change what it is.
  const {
    [ANNOTATION.source]: _source,
    [ANNOTATION.fingerprint]: _fingerprint,
    ...marks
  } = annotations ?? {};
  const applied = { labels, marks, spec: changeable(object) };
  return {
    ...object,
    metadata: {
      ...object.metadata,
      annotations: {
        ...annotations,
        [ANNOTATION.appliedHash]: fnv1a64(canonicalJson(applied)),
        ...(fixed.length === 0 ? {} : { [ANNOTATION.fixedHash]: fnv1a64(canonicalJson(fixed)) }),
      },
    },
  };
}

/** The fields of the spec that may be changed at any time, without touching a pod. */
export function changeable({ kind, spec }: ManagedObject): readonly (readonly [string, unknown])[] {
  return Object.entries(spec ?? {}).filter(
    ([field]) => !FIXED.has(field) && (field !== 'template' || kind === 'CronJob'),
  );
}

/** The workload's object of that kind under that name; what is being deleted counts. */
export function findObject(
  objects: readonly ManagedObject[],
  wanted: Pick<ManagedObject, 'kind' | 'metadata'>,
): ManagedObject | undefined {
  return objects.find(({ kind, metadata }) => kind === wanted.kind && metadata.name === wanted.metadata.name);
}

/** The kinds of objects that make pods. */
const OWNER_KINDS: ReadonlySet<ManagedKind> = new Set(['Deployment', 'StatefulSet', 'CronJob']);

export function isOwner({ kind }: ManagedObject): boolean {
  return OWNER_KINDS.has(kind);
}

/** What is wrong with a living object, and how it is mended. Undefined: nothing. */
export interface Drift {
  readonly cause: ChangeCause;
  /** For people. */
  readonly detail: string;
  readonly operations: readonly Operation[];
}

export function findDrift(living: ManagedObject, wanted: ManagedObject): Drift | undefined {
  const hazard = findHazard(living, wanted);
  const isEdited = templateHashOf(living) !== templateHashOf(wanted);
  const isStale = annotation(living, ANNOTATION.appliedHash) !== annotation(wanted, ANNOTATION.appliedHash);
  if (hazard === undefined && !isEdited && !isStale) return undefined;
  const isBare = hazard !== undefined && !isProtected(podTemplateOf(living));
  return {
    cause: hazard === undefined || isStale ? 'SpecChanged' : 'Repaired',
    detail: hazard ?? 'the spec changed',
    operations: [
      ...changeable(wanted).map(([field, value]): Operation => ({
        op: 'add',
        path: `/spec/${field}`,
        value,
      })),
      ...(living.spec?.paused === true
        ? [{ op: 'replace', path: '/spec/paused', value: false } as const]
        : []),
      ...((isEdited || isBare) && wanted.spec?.template !== undefined
        ? [{ op: 'add', path: '/spec/template', value: wanted.spec.template } as const]
        : []),
      ...setAll(living, 'labels', wanted.metadata.labels ?? {}),
      ...setAll(living, 'annotations', changedAnnotations(living, wanted)),
      ...removeEntry(living, 'annotations', ANNOTATION.controlledShutdown),
    ],
  };
}

/** What is fixed stays what it was, and the mark of it too. */
function changedAnnotations(living: ManagedObject, wanted: ManagedObject): Readonly<Record<string, string>> {
  const { [ANNOTATION.fixedHash]: _fixed, ...rest } = wanted.metadata.annotations ?? {};
  const fixed = annotation(living, ANNOTATION.fixedHash);
  return fixed === undefined ? rest : { ...rest, [ANNOTATION.fixedHash]: fixed };
}

/** Something that would let a second instance run, or none at all. */
function findHazard(living: ManagedObject, wanted: ManagedObject): string | undefined {
  const [is, should] = [living.spec, wanted.spec];
  if (should?.replicas !== undefined && is?.replicas !== should.replicas)
    return `replicas was ${is?.replicas}, and must be ${should.replicas}`;
  if (should?.strategy !== undefined && is?.strategy?.type !== should.strategy.type)
    return `strategy was ${is?.strategy?.type}, and must be ${should.strategy.type}`;
  if (is?.paused === true) return 'it was paused, and a paused one makes no pods of a new spec';
  if (should?.updateStrategy !== undefined && is?.updateStrategy?.type !== should.updateStrategy.type)
    return `updateStrategy was ${is?.updateStrategy?.type}, and must be ${should.updateStrategy.type}`;
  if (should?.concurrencyPolicy !== is?.concurrencyPolicy)
    return `concurrencyPolicy was ${is?.concurrencyPolicy}, and must be ${should?.concurrencyPolicy}`;
  if (should?.suspend !== undefined && (is?.suspend ?? false) !== should.suspend)
    return `suspend was ${is?.suspend}, and must be ${should.suspend}`;
  if (podTemplateOf(wanted) !== undefined && !isProtected(podTemplateOf(living)))
    return 'the template of the pods had lost its scheduling gate or its finalizer';
  return undefined;
}

/** Pods made from it are born with gate and finalizer. */
export function isProtected(template: PodTemplate | undefined): boolean {
  return (
    (template?.spec?.schedulingGates?.some(({ name }) => name === PERMIT_GATE) ?? false) &&
    (template?.metadata?.finalizers?.includes(SINGLETON_FINALIZER) ?? false)
  );
}

/** The spec differs in what cannot be changed in the living object. */
export function isFixedChanged(living: ManagedObject, wanted: ManagedObject): boolean {
  const made = annotation(living, ANNOTATION.fixedHash);
  return made !== undefined && made !== annotation(wanted, ANNOTATION.fixedHash);
}

/** The hash of the template that new pods of this object are made from. */
export function templateHashOf(object: ManagedObject): string | undefined {
  return podTemplateOf(object)?.metadata?.annotations?.[ANNOTATION.templateHash];
}

function annotation({ metadata }: ManagedObject, name: string): string | undefined {
  return metadata.annotations?.[name];
}
