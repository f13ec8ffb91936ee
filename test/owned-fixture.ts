/** Services and persistent sets as they stand in a cluster: everything of the current term and spec unless told otherwise. */
import type { ManagedObject } from '../src/core/manifests/managed-object.ts';
import type { Input, Instance } from '../src/core/reconcile/observed.ts';
import { renderBeside, renderOwner, type OwnedWorkload } from '../src/core/reconcile/owner.ts';
import { ANNOTATION } from '../src/core/workload/names.ts';
import { FINGERPRINT, makeInput, makeInstance, TERM, type PodOptions } from './pod-fixture.ts';
import { makePersistent, makeService } from './workload-fixture.ts';

export const RENDER = { tenant: 'default', fingerprint: FINGERPRINT };
export const PORTS = [{ name: 'http', containerPort: 8080, servicePort: 80 }];
export const SERVICE = makeService('small', { ports: PORTS });
export const SET = makePersistent('small');

/** The object as the API server keeps it, claimed for this term. */
export function living(object: ManagedObject, change: Partial<ManagedObject> = {}): ManagedObject {
  const { metadata } = object;
  const annotations = { ...metadata.annotations, [ANNOTATION.term]: String(TERM) };
  return {
    ...object,
    metadata: { ...metadata, uid: `uid-${object.kind}`, resourceVersion: '100', annotations },
    ...change,
  };
}

/** What makes the pods of the workload; `spec` replaces fields of its spec. */
export function livingOwner(
  workload: OwnedWorkload,
  spec: NonNullable<ManagedObject['spec']> = {},
  status: NonNullable<ManagedObject['status']> = {},
): ManagedObject {
  const owner = living(renderOwner(workload, RENDER));
  return { ...owner, spec: { ...owner.spec, ...spec }, status };
}

/** Owner and Services of the workload. */
export function livingObjects(workload: OwnedWorkload): readonly ManagedObject[] {
  return [livingOwner(workload), ...renderBeside(workload, RENDER).map((object) => living(object))];
}

export function deleted(object: ManagedObject): ManagedObject {
  return { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
}

/** A pod of the workload, under the name that a set gives. */
export function podOf(
  { key, templateHash }: OwnedWorkload,
  options: PodOptions = {},
  facts: Partial<Instance> = {},
): Instance {
  return makeInstance({ name: `${key.name}-0`, hash: templateHash, ...options }, facts);
}

/** Everything in place, one pod running. */
export function ownedInput(workload: OwnedWorkload, change: Partial<Input> = {}): Input {
  return makeInput({
    key: workload.key,
    desired: workload,
    objects: livingObjects(workload),
    instances: [podOf(workload)],
    record: { managedFrom: 'file', restarts: 0 },
    ...change,
  });
}

/** The same for a workload that left its source. */
export function removedInput(workload: OwnedWorkload, change: Partial<Input> = {}): Input {
  const { desired: _desired, ...rest } = ownedInput(workload, change);
  return rest;
}
