/**
 * Reads and writes one record in which somebody asks for something: an annotation of a custom resource, or an entry of the
 * control ConfigMap. Each write is a compare-and-set on what was read.
 */
import { workloadType } from './resource.ts';
import type { WorkloadKey } from '../core/workload/model.ts';
import { controlName, LABEL } from '../core/workload/names.ts';
import {
  CONFIG_MAPS,
  type Cluster,
  type KubeObject,
  type ObjectRef,
  type PatchOperation,
  type ReadFailure,
  type WriteFailure,
} from '../ports/cluster.ts';

/** Others write these objects too. */
const ATTEMPTS = 5;

/** Where a record lies. `field`: the annotation, or the entry. */
export interface Place {
  readonly ref: ObjectRef;
  readonly in: 'annotations' | 'data';
  readonly field: string;
}

/** Whose control ConfigMap. */
export interface ControlOptions {
  readonly tenant: string;
  readonly controllerNamespace: string;
}

/** Why the present record is not to be replaced. */
export interface Declined<R> {
  readonly kind: 'declined';
  readonly why: R;
}

/** The new text of the record, made from the present one; null: none. Equal to the present one: nothing is written. */
export type Edit<R = never> = (present: string | undefined) => string | null | Declined<R>;

export type RecordFailure = ReadFailure | WriteFailure;

interface Holder extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export function controlPlace({ tenant, controllerNamespace }: ControlOptions, entry: string): Place {
  const ref = { resource: CONFIG_MAPS, namespace: controllerNamespace, name: controlName(tenant) };
  return { ref, in: 'data', field: entry };
}

/** A custom resource carries its own records. */
export function resourcePlace({ kind, namespace, name }: WorkloadKey, annotation: string): Place {
  return {
    ref: { resource: workloadType(kind), namespace, name },
    in: 'annotations',
    field: annotation,
  };
}

/** `dryRun`: everything but the write. */
export async function writeRecord<R = never>(
  cluster: Pick<Cluster, 'get' | 'create' | 'patch'>,
  place: Place,
  { tenant, dryRun = false }: { readonly tenant: string; readonly dryRun?: boolean },
  edit: Edit<R>,
  signal: AbortSignal,
): Promise<{ readonly kind: 'done' } | Declined<R> | RecordFailure> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const read = await cluster.get<Holder>(place.ref, signal);
    if (read.kind !== 'done' && !(read.kind === 'gone' && place.in === 'data')) return read;
    const object = read.kind === 'done' ? read.object : undefined;
    const present = textsOf(object, place)?.[place.field];
    const next = edit(present);
    if (typeof next === 'object' && next !== null) return next;
    if (dryRun || next === (present ?? null)) return { kind: 'done' };
    const result =
      object === undefined
        ? await cluster.create(CONFIG_MAPS, newHolder(tenant, place, next ?? ''), signal)
        : await cluster.patch(place.ref, patchOf(object, place, next), signal);
    if (result.kind === 'done') return { kind: 'done' };
    if (result.kind !== 'conflict' && result.kind !== 'exists') return result;
  }
  return { kind: 'conflict', message: 'it is changed all the time' };
}

/** The present text of the record. */
export async function readRecord(
  cluster: Pick<Cluster, 'get'>,
  place: Place,
  signal: AbortSignal,
): Promise<{ readonly kind: 'done'; readonly text: string | undefined } | ReadFailure> {
  const read = await cluster.get<Holder>(place.ref, signal);
  if (read.kind === 'gone') return { kind: 'done', text: undefined };
  if (read.kind !== 'done') return read;
  return { kind: 'done', text: textsOf(read.object, place)?.[place.field] };
}

/** `configmaps/NAMESPACE/NAME`, for people. */
export function titleOf({ ref: { resource, namespace, name } }: Place): string {
  return `${resource.plural}/${namespace}/${name}`;
}

function textsOf(object: Holder | undefined, place: Place): Readonly<Record<string, string>> | undefined {
  return place.in === 'data' ? object?.data : object?.metadata.annotations;
}

function patchOf(object: Holder, place: Place, text: string | null): readonly PatchOperation[] {
  const parent = place.in === 'data' ? '/data' : '/metadata/annotations';
  const path = `${parent}/${place.field.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const { resourceVersion } = object.metadata;
  return [
    { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
    ...(textsOf(object, place) === undefined ? [{ op: 'add', path: parent, value: {} } as const] : []),
    text === null ? { op: 'remove', path } : { op: 'add', path, value: text },
  ];
}

function newHolder(tenant: string, { ref, field }: Place, text: string): Holder {
  const labels = { [LABEL.managedBy]: LABEL.managedByValue, [LABEL.tenant]: tenant };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: ref.name, namespace: ref.namespace, labels },
    data: { [field]: text },
  };
}
