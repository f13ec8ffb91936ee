/**
 * The ConfigMap `highlander-control-<tenant>`: what people ask of whoever leads, one entry for each target. Workloads that
 * are custom resources carry their records as annotations; every other target has its entry here.
 */
import { decodeRecordKey, encodeRecordKey } from '../reconcile/registry-shard.ts';
import { formatKey, type WorkloadKey } from '../workload/model.ts';

/** Entry of the pause of all workloads of the tenant. */
export const PAUSE_ALL = 'paused';
/** Entry of the request about leadership. */
export const LEADER_REQUEST = 'leader-request';
/** Begins the entries of nodes that are said to be off. */
export const FENCED = 'fenced.';
/** Begins the entries in which candidates say that they are there. */
export const PRESENT = 'present.';
/** Begins the entries of controllers that may not lead. */
export const DRAINED = 'drained.';
const PAUSED = 'paused.';
const REQUEST = 'request.';

export function pauseEntry(key: WorkloadKey): string {
  return `${PAUSED}${encodeRecordKey(key)}`;
}

export function requestEntry(key: WorkloadKey): string {
  return `${REQUEST}${encodeRecordKey(key)}`;
}

/** Which workload (`kind/namespace/name`) an entry is about; undefined if it is about something else, or about all. */
export function workloadOfEntry(entry: string): string | undefined {
  const prefix = [PAUSED, REQUEST].find((text) => entry.startsWith(text));
  const key = prefix === undefined ? undefined : decodeRecordKey(entry.slice(prefix.length));
  return key === undefined ? undefined : formatKey(key);
}
