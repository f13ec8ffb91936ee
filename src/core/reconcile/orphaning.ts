/**
 * `deletionPolicy: Orphan`: when the workload leaves its source, what stands runs on, and is ours no more. What is being
 * deleted is first let go with proof, as ever. Then each object loses the marks by which our watches find it, and each pod
 * our finalizer; a pod that waits for its permit keeps its gate, for a lifted one would start a program. New pods of a
 * StatefulSet or CronJob are born without gate and finalizer: a template of theirs touches no pod that exists. The template
 * of a Deployment is left as it is, since another one would replace the pod that runs.
 */
import { podTemplateOf, type ManagedObject } from '../manifests/managed-object.ts';
import type { PodMeta } from '../manifests/pod.ts';
import { ANNOTATION, LABEL, PERMIT_GATE, SINGLETON_FINALIZER } from '../workload/names.ts';
import type { Input } from './observed.ts';
import { removeEntry, type Operation } from './patches.ts';
import { isGated } from './proof.ts';
import { checkStopping } from './stopping.ts';
import type { Action, Verdict } from './verdict.ts';

export function checkOrphaned(input: Input): Verdict | undefined {
  const { desired, invalid, deletionPolicy, instances, objects = [], record } = input;
  if (desired !== undefined || invalid !== undefined || deletionPolicy !== 'Orphan') return undefined;
  if ((record?.managedFrom ?? 'none') === 'none') return undefined;
  const ending = checkStopping(input);
  if (ending !== undefined) return ending;
  const gated = instances.filter(({ pod }) => isGated(pod)).map(({ pod }) => pod.metadata.name);
  const note =
    gated.length === 0 ? '' : `; ${gated.join(', ')} had no permit and will not start: delete it by hand`;
  if (instances.length + objects.length === 0)
    return { reason: 'Removed', message: 'let go', actions: [{ kind: 'forget' }] };
  return {
    reason: 'Removed',
    message: `removed from where it was defined, with deletionPolicy Orphan: it runs on, unmanaged${note}`,
    actions: [
      ...objects.map((object): Action => ({
        kind: 'letGo',
        target: object,
        operations: [...removeMarks('', object.metadata), ...freeTemplate(object)],
        cause: 'Orphaned',
      })),
      ...instances.map(({ pod }): Action => ({
        kind: 'letGo',
        target: { kind: 'Pod', metadata: pod.metadata },
        operations: [...removeMarks('', pod.metadata), ...removeFinalizer('', pod.metadata.finalizers)],
        cause: isGated(pod) ? 'OrphanedAtGate' : 'Orphaned',
      })),
    ],
  };
}

/** `path`: of what has the metadata. */
function removeMarks(path: string, metadata: Pick<PodMeta, 'labels' | 'annotations'>): readonly Operation[] {
  return [
    ...removeEntry({ metadata }, 'labels', LABEL.managedBy, path),
    ...removeEntry({ metadata }, 'labels', LABEL.tenant, path),
    ...removeEntry({ metadata }, 'annotations', ANNOTATION.workload, path),
  ];
}

function removeFinalizer(path: string, finalizers: readonly string[] = []): readonly Operation[] {
  if (!finalizers.includes(SINGLETON_FINALIZER)) return [];
  const value = finalizers.filter((name) => name !== SINGLETON_FINALIZER);
  return [{ op: 'replace', path: `${path}/metadata/finalizers`, value }];
}

function freeTemplate(object: ManagedObject): readonly Operation[] {
  const path = TEMPLATE_OF.get(object.kind);
  const template = podTemplateOf(object);
  if (path === undefined || template === undefined) return [];
  const { metadata = {}, spec: { schedulingGates = [] } = {} } = template;
  const at = schedulingGates.findIndex(({ name }) => name === PERMIT_GATE);
  return [
    ...removeMarks(path, metadata),
    ...removeFinalizer(path, metadata.finalizers),
    ...(at === -1 ? [] : [{ op: 'remove', path: `${path}/spec/schedulingGates/${at}` } as const]),
  ];
}

/** Where the template is of which pods are made one day; the pods that exist are not touched by it. */
const TEMPLATE_OF: ReadonlyMap<ManagedObject['kind'], string> = new Map([
  ['StatefulSet', '/spec/template'],
  ['CronJob', '/spec/jobTemplate/spec/template'],
]);
