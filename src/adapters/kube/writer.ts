/** Preconditioned writes. Every one names our field manager; none of them can force. */
import type {
  ClusterReader,
  ClusterRehearsal,
  ClusterWriter,
  DeletePreconditions,
  Propagation,
  KubeObject,
  ObjectRef,
  PatchOperation,
  Resource,
  WriteResult,
} from '../../ports/cluster.ts';
import { FIELD_MANAGER } from '../../core/workload/names.ts';
import { objectOf, writeResultOf } from './outcome.ts';
import { collectionPath, objectPath } from './path.ts';
import type { Transport } from './transport.ts';

const QUERY = { fieldManager: FIELD_MANAGER };

/**
 * Writes over `transport`. `reader` settles one ambiguity: the server answers 422 when a JSON patch does not fit the
 * object, also when that is because the object changed; the version it has now tells the two apart.
 */
export function openWriter(transport: Transport, reader: ClusterReader): ClusterWriter & ClusterRehearsal {
  return {
    async create<T extends KubeObject>(
      resource: Resource,
      object: T,
      signal: AbortSignal,
    ): Promise<WriteResult<T>> {
      const path = collectionPath(resource, object.metadata.namespace);
      const reply = await transport.call({ method: 'POST', path, query: QUERY, body: object }, signal);
      return writeResultOf(reply, objectOf<T>);
    },

    async replace<T extends KubeObject>(
      resource: Resource,
      object: T,
      signal: AbortSignal,
    ): Promise<WriteResult<T>> {
      const { name, namespace = '', resourceVersion } = object.metadata;
      if (!resourceVersion)
        throw new TypeError('replace needs metadata.resourceVersion: without it nothing is compared');
      const path = objectPath({ resource, namespace, name });
      const reply = await transport.call({ method: 'PUT', path, query: QUERY, body: object }, signal);
      return writeResultOf(reply, objectOf<T>);
    },

    async patch<T extends KubeObject>(
      ref: ObjectRef,
      operations: readonly PatchOperation[],
      signal: AbortSignal,
      subresource?: 'status',
    ): Promise<WriteResult<T>> {
      const call = {
        method: 'PATCH',
        path: objectPath(ref, subresource),
        query: QUERY,
        body: operations,
        contentType: 'application/json-patch+json',
      } as const;
      const result = writeResultOf(await transport.call(call, signal), objectOf<T>);
      if (result.kind !== 'refused' || result.status !== 422) return result;
      return (await staleness(reader, ref, operations, signal)) ?? result;
    },

    async rehearse<T extends KubeObject>(
      ref: ObjectRef,
      operations: readonly PatchOperation[],
      signal: AbortSignal,
    ): Promise<WriteResult<T>> {
      const call = {
        method: 'PATCH',
        path: objectPath(ref),
        query: { ...QUERY, dryRun: 'All' },
        body: operations,
        contentType: 'application/json-patch+json',
      } as const;
      return writeResultOf(await transport.call(call, signal), objectOf<T>);
    },

    async delete(
      ref: ObjectRef,
      preconditions: DeletePreconditions,
      propagation: Propagation,
      signal: AbortSignal,
      grace?: 'none',
    ): Promise<WriteResult> {
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions,
        propagationPolicy: propagation,
        ...(grace === undefined ? {} : { gracePeriodSeconds: 0 }),
      };
      const reply = await transport.call({ method: 'DELETE', path: objectPath(ref), body }, signal);
      // An object removed at once is answered with a Status, which names no object.
      const removed: KubeObject = {
        metadata: { name: ref.name, namespace: ref.namespace, uid: preconditions.uid },
      };
      return writeResultOf(reply, (answer) => objectOf(answer) ?? removed);
    },
  };
}

/** After a 422: a failure that says the object is not the one the patch was made for, or undefined if it is. */
async function staleness(
  reader: ClusterReader,
  ref: ObjectRef,
  operations: readonly PatchOperation[],
  signal: AbortSignal,
): Promise<Extract<WriteResult, { kind: 'conflict' | 'gone' }> | undefined> {
  const pinned = operations.find(({ path, op }) => path === '/metadata/resourceVersion' && op !== 'remove');
  if (pinned === undefined || !('value' in pinned)) return undefined;
  const now = await reader.get(ref, signal);
  if (now.kind === 'gone') return { kind: 'gone' };
  if (now.kind !== 'done' || now.object.metadata.resourceVersion === pinned.value) return undefined;
  return { kind: 'conflict', message: 'the object changed, so the patch does not fit any more' };
}
