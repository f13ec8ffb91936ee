/**
 * Where the leader keeps what workloads must remember: the registry for those of the file, finalizer and status for
 * custom resources. The finalizer says that the workload is managed; the status holds the rest. Where the status cannot
 * be written (a definition without that subresource, a missing right) the registry takes it. A workload that moves between
 * file and resource takes its record along.
 */
import type { WorkloadRecord } from '../core/reconcile/observed.ts';
import { protectPatch, unprotectPatch } from '../core/reconcile/patches.ts';
import { decodeStatusRecord, encodeStatusRecord, readStatus } from '../core/reconcile/resource-status.ts';
import { SECOND } from '../core/time.ts';
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import { WORKLOAD_FINALIZER } from '../core/workload/names.ts';
import { canonicalJson } from '../core/workload/template-hash.ts';
import type { GuardedWriter } from './guarded-writer.ts';
import type { Registry } from './registry.ts';
import { refOfResource } from './resource.ts';
import type { Sources } from './sources.ts';
import type { StatusWriter } from './status-writer.ts';
import { settleResourceWrite, WRITTEN, type ResourceWrite } from './resource-write.ts';

/** The records of one term. */
export interface Records {
  /** Keys of workloads that are remembered in the registry. Those of resources are known to the sources. */
  keys(): Iterable<string>;
  get(key: string): WorkloadRecord | undefined;
  /** `written` once the record is durable. */
  remember(key: string, record: WorkloadRecord): Promise<ResourceWrite>;
  /** `written` once nothing of the workload is remembered, and its resource need not wait any more. */
  forget(key: string): Promise<ResourceWrite>;
}

export interface RecordParts {
  readonly registry: Registry;
  readonly sources: Sources;
  readonly writer: GuardedWriter;
  readonly status: StatusWriter;
}

export function openRecords(parts: RecordParts): Records {
  const { registry, sources } = parts;
  return {
    keys: () => registry.keys(),
    get(key) {
      const filed = registry.get(key);
      const known = sources.resource(key);
      // Without its resource in sight nobody can tell that it is gone: it may only be out of reach.
      if (known === undefined) return filed?.managedFrom === 'file' ? filed : undefined;
      return known.shadowed === undefined
        ? recordOfResource(known.object, filed)
        : recordOfShadowed(known.object, filed);
    },
    async remember(key, record) {
      const object = sources.resource(key)?.object;
      if (record.managedFrom === 'resource')
        return object === undefined ? { kind: 'later' } : rememberInResource(parts, key, object, record);
      const result = settleRegistry(await registry.remember(key, record));
      return result === WRITTEN && object !== undefined ? release(parts, object) : result;
    },
    async forget(key) {
      const result = settleRegistry(await registry.forget(key));
      const object = sources.resource(key)?.object;
      return result === WRITTEN && object !== undefined ? release(parts, object) : result;
    },
  };
}

/**
 * What a resource carries. `filed` is either older, from when the file defined the workload, and moves to the resource;
 * or it is what the registry took in place of the status.
 */
function recordOfResource(object: WorkloadResource, filed: WorkloadRecord | undefined): WorkloadRecord {
  if (filed?.managedFrom === 'file') return filed;
  // A resource that is seen to go is evidence enough that what is left of it may go.
  const isHeld = isProtected(object) || object.metadata.deletionTimestamp !== undefined;
  const remembered = filed ?? decodeStatusRecord(readStatus(object)) ?? { restarts: 0 };
  return { ...remembered, managedFrom: isHeld ? 'resource' : 'none' };
}

/** The file defines the workload too. As long as the resource would wait for us, the record has not moved to the file. */
function recordOfShadowed(
  object: WorkloadResource,
  filed: WorkloadRecord | undefined,
): WorkloadRecord | undefined {
  const remembered = filed ?? decodeStatusRecord(readStatus(object));
  return isProtected(object) ? { ...(remembered ?? { restarts: 0 }), managedFrom: 'resource' } : remembered;
}

async function rememberInResource(
  parts: RecordParts,
  key: string,
  object: WorkloadResource,
  record: WorkloadRecord,
): Promise<ResourceWrite> {
  const { registry, status, sources } = parts;
  if (!isProtected(object)) {
    const result = await parts.writer.patch<WorkloadResource>(refOfResource(object), protectPatch(object));
    if (result.kind !== 'done') return settleResourceWrite(result);
    sources.put(result.object);
    object = result.object;
  }
  const stored = encodeStatusRecord(decodeStatusRecord(readStatus(object)));
  const isStored = canonicalJson(stored ?? {}) === canonicalJson(encodeStatusRecord(record) ?? {});
  const result = isStored ? WRITTEN : await status.remember(object, record);
  if (result.kind === 'unsupported') return settleRegistry(await registry.remember(key, record));
  return result === WRITTEN ? settleRegistry(await registry.forget(key)) : result;
}

/** Drops our finalizer, if it is there. */
async function release(parts: RecordParts, object: WorkloadResource): Promise<ResourceWrite> {
  if (!isProtected(object)) return WRITTEN;
  const result = await parts.writer.patch<WorkloadResource>(refOfResource(object), unprotectPatch(object));
  if (result.kind === 'done') {
    const others = (result.object.metadata.finalizers ?? []).length > 0;
    if (result.object.metadata.deletionTimestamp !== undefined && !others) parts.sources.gone(object);
    else parts.sources.put(result.object);
    return WRITTEN;
  }
  return result.kind === 'gone' ? WRITTEN : settleResourceWrite(result);
}

function isProtected({ metadata }: WorkloadResource): boolean {
  return metadata.finalizers?.includes(WORKLOAD_FINALIZER) ?? false;
}

function settleRegistry(isDurable: boolean): ResourceWrite {
  return isDurable ? WRITTEN : { kind: 'later', retryIn: SECOND };
}
