/**
 * The ConfigMap `highlander-control-<tenant>`: what people ask of whoever leads, one entry for each target. Workloads that
 * are custom resources carry their records as annotations; every other target has its entry here.
 */
import { decodeRecordKey, encodeRecordKey } from '../reconcile/registry-shard.ts';
import { formatKey, type WorkloadKey } from '../workload/model.ts';

/** Entry of the pause of all workloads of the tenant. */
export const PAUSE_ALL = 'paused';
const PAUSED = 'paused.';

export function pauseEntry(key: WorkloadKey): string {
  return `${PAUSED}${encodeRecordKey(key)}`;
}

/** Which workload (`kind/namespace/name`) an entry is about; undefined if it is about something else, or about all. */
export function workloadOfEntry(entry: string): string | undefined {
  const prefix = [PAUSED].find((text) => entry.startsWith(text));
  const key = prefix === undefined ? undefined : decodeRecordKey(entry.slice(prefix.length));
  return key === undefined ? undefined : formatKey(key);
}
