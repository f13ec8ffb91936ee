/** The fence anchor as a ConfigMap of the controller namespace, one key for each field, so that people can read it. */
import type { AnchorRecord } from '../../core/election/record.ts';
import { anchorName, LABEL, labelSafe } from '../../core/workload/names.ts';
import {
  CONFIG_MAPS,
  NAMESPACES,
  type Cluster,
  type KubeObject,
  type ObjectRef,
  type WriteResult,
} from '../../ports/cluster.ts';
import type { AnchorView, FenceAnchor, RaiseReply } from '../../ports/fence-anchor.ts';

export interface FenceAnchorOptions {
  /** The controller namespace. */
  readonly namespace: string;
  readonly tenant: string;
}

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * Needs get, update, patch and watch on the one ConfigMap, create on ConfigMaps, and get on the Namespace itself: the
 * API server answers 404 for an anchor that was never written and for one in a namespace that does not exist.
 */
export function openFenceAnchor(cluster: Cluster, { namespace, tenant }: FenceAnchorOptions): FenceAnchor {
  const ref: ObjectRef = { resource: CONFIG_MAPS, namespace, name: anchorName(tenant) };
  const refusedBy = (
    verb: string,
    { status, message }: { readonly status: number; readonly message: string },
  ) =>
    ({
      kind: 'refused',
      cause: status === 403 ? `may not ${verb}: ${message}` : message,
    }) as const;

  // A raise is a compare-and-set, so while the watch is up its copy is as good as a read, until a raise has failed on it.
  let copy: () => ConfigMap | undefined = () => undefined;
  let isDoubted = false;

  return {
    async read(signal): Promise<AnchorView> {
      const known = isDoubted ? undefined : copy();
      if (known !== undefined) return viewOf(known, ref);
      const result = await cluster.get<ConfigMap>(ref, signal);
      switch (result.kind) {
        case 'done':
          isDoubted = false;
          return viewOf(result.object, ref);
        case 'gone':
          return proveAbsence(cluster, namespace, signal);
        case 'refused':
          return refusedBy(`get configmaps/${ref.name} in ${namespace}`, result);
        case 'unavailable':
          return result;
      }
    },

    async raise(record, version, signal): Promise<RaiseReply> {
      const data = dataOf(record);
      const result =
        version === undefined
          ? await cluster.create(CONFIG_MAPS, newConfigMap(ref, tenant, data), signal)
          : // A patch, not a replacement: labels and annotations that others put there stay.
            await cluster.patch(
              ref,
              [
                { op: 'replace', path: '/metadata/resourceVersion', value: version },
                { op: 'add', path: '/data', value: data },
              ],
              signal,
            );
      isDoubted = result.kind !== 'done';
      if (result.kind === 'gone' && version === undefined) return missing(namespace);
      if (result.kind === 'refused')
        return refusedBy(
          `${version === undefined ? 'create' : 'patch'} configmaps/${ref.name} in ${namespace}`,
          result,
        );
      return raiseReplyOf(result);
    },

    async watch(onChange, signal): Promise<void> {
      const fieldSelector = `metadata.name=${ref.name}`;
      const cache = cluster.cache<ConfigMap>(CONFIG_MAPS, {
        scope: { namespace, fieldSelector },
        strip: (object) => object,
      });
      copy = () => (cache.state().problem === undefined ? cache.get(namespace, ref.name) : undefined);
      let last = '';
      cache.onChange((change) => {
        const record = change.kind === 'changed' ? recordOf(change.object.data) : undefined;
        const text = JSON.stringify(record);
        if (record === undefined || text === last) return;
        last = text;
        onChange(record);
      });
      await cache.run(signal);
    },
  };
}

async function proveAbsence(cluster: Cluster, namespace: string, signal: AbortSignal): Promise<AnchorView> {
  const result = await cluster.get({ resource: NAMESPACES, namespace: '', name: namespace }, signal);
  switch (result.kind) {
    case 'done':
      return { kind: 'absent' };
    case 'gone':
      return missing(namespace);
    case 'refused':
      return { kind: 'refused', cause: `may not get namespaces/${namespace}: ${result.message}` };
    case 'unavailable':
      return result;
  }
}

function missing(namespace: string): { readonly kind: 'refused'; readonly cause: string } {
  return {
    kind: 'refused',
    cause: `the controller namespace ${namespace} does not exist: create it, or set controllerNamespace`,
  };
}

function viewOf(object: ConfigMap, ref: ObjectRef): AnchorView {
  const record = recordOf(object.data);
  const version = object.metadata.resourceVersion;
  if (record === undefined || version === undefined)
    return {
      kind: 'refused',
      cause: `the ConfigMap ${ref.namespace}/${ref.name} is not a fence anchor (was it edited by hand?)`,
    };
  return { kind: 'present', record, version };
}

function raiseReplyOf(result: Exclude<WriteResult, { kind: 'refused' }>): RaiseReply {
  switch (result.kind) {
    case 'done': {
      const version = result.object.metadata.resourceVersion;
      return version === undefined
        ? { kind: 'unavailable', cause: 'the answer has no resourceVersion' }
        : { kind: 'raised', version };
    }
    case 'conflict':
    case 'exists':
    case 'gone':
      return { kind: 'conflict' };
    case 'throttled':
      return { kind: 'unavailable', cause: 'the API server is busy and asks to wait' };
    case 'unknown':
      return { kind: 'unavailable', cause: result.cause };
  }
}

function newConfigMap(ref: ObjectRef, tenant: string, data: Readonly<Record<string, string>>): ConfigMap {
  const labels = {
    [LABEL.managedBy]: LABEL.managedByValue,
    [LABEL.tenant]: labelSafe(tenant),
    [LABEL.role]: LABEL.roleFence,
  };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: ref.namespace, name: ref.name, labels },
    data,
  };
}

function dataOf(record: AnchorRecord): Readonly<Record<string, string>> {
  return {
    epoch: String(record.epoch),
    nonce: record.nonce,
    holder: record.holder,
    fingerprint: record.fingerprint,
    ttl: String(record.ttl),
    storeIdentity: record.storeIdentity,
    ...(record.predecessor !== undefined && { predecessor: record.predecessor }),
  };
}

/** Undefined for anything but a complete record: a floor that cannot be read must not be taken for zero. */
function recordOf(data: ConfigMap['data']): AnchorRecord | undefined {
  const { epoch, nonce, holder, fingerprint, ttl, storeIdentity = '', predecessor } = data ?? {};
  if (nonce === undefined || holder === undefined || fingerprint === undefined) return undefined;
  if (!isNatural(epoch) || !isNatural(ttl)) return undefined;
  return {
    epoch: Number(epoch),
    nonce,
    holder,
    fingerprint,
    ttl: Number(ttl),
    storeIdentity,
    ...(predecessor !== undefined && { predecessor }),
  };
}

function isNatural(text: string | undefined): text is string {
  return /^\d+$/.test(text ?? '') && Number.isSafeInteger(Number(text));
}
