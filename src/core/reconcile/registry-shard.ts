/** How workload records are laid out in the registry's ConfigMaps: pure encoding, decoding and placement. */
import type { WorkloadKey } from '../workload/model.ts';
import { parseKey } from '../workload/model.ts';
import type { WorkloadRecord } from './observed.ts';

/**
 * Records one ConfigMap takes before the next one is begun: at about 200 bytes each, or 2 KB with the ledger of a cron
 * job, below the 1 MiB limit of an object.
 */
const RECORDS_PER_SHARD = 200;

/** ConfigMap keys allow only `[-._a-zA-Z0-9]`. Kind and namespace contain no dot, so the first two separate. */
export function encodeRecordKey(key: WorkloadKey): string {
  return `${key.kind}.${key.namespace}.${key.name}`;
}

/** The inverse; undefined for an entry that is not ours. */
export function decodeRecordKey(text: string): WorkloadKey | undefined {
  const [kind, namespace, ...name] = text.split('.');
  return parseKey([kind, namespace, name.join('.')].join('/'));
}

export function encodeRecord(record: WorkloadRecord): string {
  return JSON.stringify(record);
}

/** The record, or undefined when the text is not one (written by hand, or by a version that no longer exists). */
export function decodeRecord(text: string): WorkloadRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The optional fields are only ever written by `encodeRecord`, next to the two that are checked here. */
function isRecord(value: unknown): value is WorkloadRecord {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'managedFrom' in value &&
    (value.managedFrom === 'file' || value.managedFrom === 'resource') &&
    'restarts' in value &&
    typeof value.restarts === 'number'
  );
}

/** The first shard with room; a record never moves, so growing does not rewrite anything. */
export function placeRecord(sizes: readonly number[]): number {
  const index = sizes.findIndex((size) => size < RECORDS_PER_SHARD);
  return index === -1 ? sizes.length : index;
}
