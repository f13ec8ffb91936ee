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

/** What somebody asked for, as its record stands. */
export interface AskedRecord {
  readonly is: 'pause' | 'request' | 'fence' | 'drain';
  readonly of: { readonly is: 'workload' | 'tenant' | 'controller' | 'node'; readonly name: string };
  /** Entry of the control ConfigMap; of a custom resource, the one that it would be. */
  readonly entry: string;
  /** It is an annotation of the workload's custom resource. */
  readonly isAnnotation: boolean;
  readonly text: string;
}

/** Undefined for an entry that asks for nothing. `tenant`: whose ConfigMap it is. */
export function recordOfEntry(entry: string, text: string, tenant: string): AskedRecord | undefined {
  const record = (is: AskedRecord['is'], of: AskedRecord['of']): AskedRecord => ({
    is,
    of,
    entry,
    isAnnotation: false,
    text,
  });
  if (entry === PAUSE_ALL) return record('pause', { is: 'tenant', name: tenant });
  if (entry === LEADER_REQUEST) return record('request', { is: 'tenant', name: tenant });
  if (entry.startsWith(FENCED)) return record('fence', { is: 'node', name: entry.slice(FENCED.length) });
  if (entry.startsWith(DRAINED))
    return record('drain', { is: 'controller', name: entry.slice(DRAINED.length) });
  const key = workloadOfEntry(entry);
  if (key === undefined) return undefined;
  return record(entry.startsWith(PAUSED) ? 'pause' : 'request', { is: 'workload', name: key });
}
