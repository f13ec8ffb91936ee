/** Writes one record: an annotation of a custom resource, or an entry of the control ConfigMap. Each is a compare-and-set. */
import { controlName, LABEL } from '../core/workload/names.ts';
import { CONFIG_MAPS, type KubeObject, type ObjectRef, type PatchOperation } from '../ports/cluster.ts';
import { explainFailure, type Asking, type Ended } from './asking.ts';

const ATTEMPTS = 5;

interface ControlMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** The new text of the record, made from the present one; null: none. Equal to the present one: nothing is written. */
export type Edit = (text: string | undefined) => string | null | Ended;

/** Where a record lies. `field`: the annotation, or the entry. */
export interface Place {
  readonly ref: ObjectRef;
  readonly in: 'annotations' | 'data';
  readonly field: string;
}

export function controlPlace({ tenant, controllerNamespace }: Asking, entry: string): Place {
  const ref = { resource: CONFIG_MAPS, namespace: controllerNamespace, name: controlName(tenant) };
  return { ref, in: 'data', field: entry };
}

/** Undefined: done, or nothing to do. With `--dry-run` nothing is sent. */
export async function writeRecord(asking: Asking, place: Place, edit: Edit): Promise<Ended | undefined> {
  const { cluster, parts } = asking;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const read = await cluster.get<ControlMap>(place.ref, parts.signal);
    if (read.kind !== 'done' && !(read.kind === 'gone' && place.in === 'data'))
      return explainFailure(titleOf(place), read);
    const object = read.kind === 'done' ? read.object : undefined;
    const present = textsOf(object, place)?.[place.field];
    const next = edit(present);
    if (typeof next === 'object' && next !== null) return next;
    if (asking.dryRun || next === (present ?? null)) return undefined;
    const result =
      object === undefined
        ? await cluster.create(CONFIG_MAPS, newMap(asking, place, next ?? ''), parts.signal)
        : await cluster.patch(place.ref, patchOf(object, place, next), parts.signal);
    if (result.kind === 'done') return undefined;
    if (result.kind !== 'conflict' && result.kind !== 'exists') return explainFailure(titleOf(place), result);
  }
  return explainFailure(titleOf(place), { kind: 'conflict', message: 'it is changed all the time' });
}

/** The present text of the record. */
export async function readRecord(asking: Asking, place: Place): Promise<string | undefined | Ended> {
  const read = await asking.cluster.get<ControlMap>(place.ref, asking.parts.signal);
  if (read.kind === 'gone') return undefined;
  if (read.kind !== 'done') return explainFailure(titleOf(place), read);
  return textsOf(read.object, place)?.[place.field];
}

function textsOf(object: ControlMap | undefined, place: Place): Readonly<Record<string, string>> | undefined {
  return place.in === 'data' ? object?.data : object?.metadata.annotations;
}

function patchOf(object: ControlMap, place: Place, text: string | null): readonly PatchOperation[] {
  const parent = place.in === 'data' ? '/data' : '/metadata/annotations';
  const path = `${parent}/${place.field.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const { resourceVersion } = object.metadata;
  return [
    { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
    ...(textsOf(object, place) === undefined ? [{ op: 'add', path: parent, value: {} } as const] : []),
    text === null ? { op: 'remove', path } : { op: 'add', path, value: text },
  ];
}

function newMap(
  { tenant }: Asking,
  { ref, field }: Place,
  text: string,
): KubeObject & { readonly data: object } {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: ref.name,
      namespace: ref.namespace,
      labels: { [LABEL.managedBy]: LABEL.managedByValue, [LABEL.tenant]: tenant },
    },
    data: { [field]: text },
  };
}

function titleOf({ ref: { resource, namespace, name } }: Place): string {
  return `${resource.plural}/${namespace}/${name}`;
}
