/** Writes or removes the record of a pause for somebody who asked over HTTP: read, decide, compare-and-set. */
import { PAUSE_ALL, pauseEntry } from '../core/control/entries.ts';
import type { WorkloadKey } from '../core/workload/model.ts';
import { ANNOTATION, controlName, LABEL } from '../core/workload/names.ts';
import {
  CONFIG_MAPS,
  type Cluster,
  type KubeObject,
  type ObjectRef,
  type PatchOperation,
  type ReadFailure,
  type WriteFailure,
} from '../ports/cluster.ts';
import { WORKLOAD_TYPES } from './resource.ts';

/** The object and the field that hold the record. */
export interface PausePlace {
  readonly ref: ObjectRef;
  readonly in: 'annotations' | 'data';
  readonly field: string;
}

export interface ControlOptions {
  readonly tenant: string;
  readonly controllerNamespace: string;
}

interface Holder extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export type PauseResult = { readonly kind: 'done' } | ReadFailure | WriteFailure;

/** Others write these objects too. */
const ATTEMPTS = 5;

/** `workload` undefined: all of the tenant. A custom resource carries its own record. */
export function pausePlace(
  workload: { readonly key: WorkloadKey; readonly source: 'file' | 'cr' } | undefined,
  { tenant, controllerNamespace }: ControlOptions,
): PausePlace {
  const type = workload?.source === 'cr' ? WORKLOAD_TYPES.get(workload.key.kind) : undefined;
  if (workload !== undefined && type !== undefined) {
    const { namespace, name } = workload.key;
    return { ref: { resource: type, namespace, name }, in: 'annotations', field: ANNOTATION.paused };
  }
  const ref = { resource: CONFIG_MAPS, namespace: controllerNamespace, name: controlName(tenant) };
  return { ref, in: 'data', field: workload === undefined ? PAUSE_ALL : pauseEntry(workload.key) };
}

/** `text` null: no pause. `isSame` tells a record that needs no writing. */
export async function writePause(
  cluster: Cluster,
  { ref, in: where, field }: PausePlace,
  {
    text,
    tenant,
    isSame,
  }: {
    readonly text: string | null;
    readonly tenant: string;
    readonly isSame: (present: string) => boolean;
  },
  signal: AbortSignal,
): Promise<PauseResult> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const read = await cluster.get<Holder>(ref, signal);
    if (read.kind === 'gone' && where === 'data') {
      if (text === null) return { kind: 'done' };
      const created = await cluster.create(CONFIG_MAPS, newHolder(ref, tenant, { [field]: text }), signal);
      if (created.kind !== 'exists') return created.kind === 'done' ? { kind: 'done' } : created;
      continue;
    }
    if (read.kind !== 'done') return read;
    const { metadata, data } = read.object;
    const texts = where === 'data' ? data : metadata.annotations;
    const present = texts?.[field];
    if (text === null ? present === undefined : present !== undefined && isSame(present))
      return { kind: 'done' };
    const parent = where === 'data' ? '/data' : '/metadata/annotations';
    const path = `${parent}/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const operations: readonly PatchOperation[] = [
      { op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
      ...(texts === undefined ? [{ op: 'add', path: parent, value: {} } as const] : []),
      text === null ? { op: 'remove', path } : { op: 'add', path, value: text },
    ];
    const written = await cluster.patch(ref, operations, signal);
    if (written.kind !== 'conflict') return written.kind === 'done' ? { kind: 'done' } : written;
  }
  return { kind: 'conflict', message: 'the object is changed all the time' };
}

function newHolder(ref: ObjectRef, tenant: string, data: Readonly<Record<string, string>>): Holder {
  const labels = { [LABEL.managedBy]: LABEL.managedByValue, [LABEL.tenant]: tenant };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: ref.name, namespace: ref.namespace, labels },
    data,
  };
}
