/** What is done with the objects of a workload that left its source, and with pods that have ended. */
import { nameOf, type ManagedObject } from '../manifests/managed-object.ts';
import { SINGLETON_FINALIZER } from '../workload/names.ts';
import type { Input, Instance } from './observed.ts';
import type { Operation } from './patches.ts';
import { findProof } from './proof.ts';
import type { Action, Verdict } from './verdict.ts';

/**
 * Keeps the maker of the pods from making more of them. It is the first step of a removal: whoever made a pod would make
 * another one in place of the one that is stopped.
 */
export function stopMaker(input: Input, owner: ManagedObject, operations: readonly Operation[]): Verdict {
  return (
    leaveAlone(input) ?? {
      reason: 'Removed',
      message: `removed from where it was defined: ${nameOf(owner)} makes no more pods`,
      actions: [{ kind: 'changeObject', object: owner, operations, cause: 'Removed' }],
    }
  );
}

/** Without a record that it was managed, what carries our labels may have been copied by hand. */
function leaveAlone({ record }: Input): Verdict | undefined {
  if ((record?.managedFrom ?? 'none') !== 'none') return undefined;
  return {
    reason: 'Removed',
    message:
      'neither in the file nor a custom resource, and not on record as managed: left alone, delete the objects by hand',
    actions: [],
  };
}

/**
 * Ends what is left: the pods, with proof, then the objects around them, then the record. The maker has been stopped
 * before. Claims stay.
 */
export function clearLeftovers(input: Input): Verdict {
  const { instances, objects = [], record, vanished } = input;
  if (instances.length + objects.length > 0) {
    const left = leaveAlone(input);
    if (left !== undefined) return left;
  }
  const running = instances.filter(({ pod }) => pod.metadata.deletionTimestamp === undefined);
  if (running.length > 0)
    return {
      reason: 'Removed',
      message: 'removed from where it was defined: stopping',
      actions: running.map(({ pod }) => ({ kind: 'delete', pod, cause: 'Removed' })),
    };
  const goneAt = Math.max(0, ...vanished.map((entry) => entry.goneAt));
  if (goneAt > 0)
    return {
      reason: 'Removed',
      message: 'waiting for the last instance to be gone',
      actions: [],
      wakeAt: goneAt,
    };
  const present = objects.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (objects.length > 0)
    return {
      reason: 'Removed',
      message: `removing ${objects.map(nameOf).join(', ')}`,
      actions: present.map((object) => ({ kind: 'deleteObject', object, cause: 'Removed' })),
    };
  return {
    reason: 'Removed',
    message: 'stopped and removed',
    actions: record === undefined ? [] : [{ kind: 'forget' }],
  };
}

/**
 * Pods that are proven ended: first the finalizer goes, then, unless somebody else clears them away (`keep`), the pod.
 * Undefined when nothing is left to do about them.
 */
export function clearFinished(ended: readonly Instance[], keep: boolean): Verdict | undefined {
  const actions = ended.flatMap((instance): readonly Action[] => {
    const { pod } = instance;
    const proof = findProof(instance);
    if (proof === undefined) return [];
    if (pod.metadata.finalizers?.includes(SINGLETON_FINALIZER) === true)
      return [{ kind: 'dropFinalizer', pod, proof }];
    return keep || pod.metadata.deletionTimestamp !== undefined
      ? []
      : [{ kind: 'delete', pod, cause: 'Finished' }];
  });
  if (actions.length === 0) return undefined;
  return {
    reason: 'Starting',
    message: `${ended.map(({ pod }) => pod.metadata.name).join(', ')} ended: clearing it away`,
    actions,
  };
}
