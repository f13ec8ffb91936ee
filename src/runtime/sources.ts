/**
 * What should run, by workload key: the workloads of the file and the custom resources of this tenant. Where both define
 * the same one the file wins; an entry that only refers to a resource is the same workload as the resource. A resource that cannot be used keeps its last valid state, as long as this process knows
 * one. Fed by a cache on every replica, so that a follower that takes over has it at hand.
 */
import {
  explainProblems,
  explainShadowed,
  readResource,
  tenantOfResource,
  type ResourceReading,
  type WorkloadResource,
} from '../core/workload/custom-resource.ts';
import { KINDS } from '../core/workload/kinds.ts';
import { formatKey, type Workload, type WorkloadKind } from '../core/workload/model.ts';
import type { WorkloadReference } from '../core/workload/reference.ts';
import { canonicalJson } from '../core/workload/template-hash.ts';
import type { Cache, CacheChange, ClusterReader } from '../ports/cluster.ts';
import type { Log } from '../ports/system.ts';
import { keyOf, refOfResource } from './resource.ts';

/** What is asked for. Nothing at all: the workload is to be stopped, or was never ours. */
export interface Wanted {
  readonly desired?: Workload;
  /** Why the resource cannot be used as it is; `desired` is then its last valid state, if one is known. */
  readonly invalid?: string;
}

/** What the file says. */
export interface Filed {
  readonly workloads: readonly Workload[];
  /** Entries that stand for a custom resource: one workload with it, under its key. */
  readonly references: readonly WorkloadReference[];
}

/** The custom resource behind a key. */
export interface KnownResource {
  readonly object: WorkloadResource;
  /** The file defines the workload too, and wins: why the resource has no effect. */
  readonly shadowed?: string;
}

interface Seen {
  readonly object: WorkloadResource;
  readonly reading: ResourceReading;
  readonly lastValid: Workload | undefined;
}

/** A cache for each kind of workload. */
export type ResourceCaches = ReadonlyMap<WorkloadKind, Cache<WorkloadResource>>;

export class Sources {
  readonly #file: ReadonlyMap<string, Workload>;
  readonly #references: ReadonlyMap<string, WorkloadReference>;
  readonly #tenant: string;
  readonly #caches: ResourceCaches;
  readonly #resources = new Map<string, Seen>();
  /** Uids known to be gone although the watch has not said so yet. */
  readonly #gone = new Set<string>();
  readonly #log: Log;
  readonly #watchers: ((key: string) => void)[] = [];
  #listener: ((key: string) => void) | undefined;

  constructor({ workloads, references }: Filed, tenant: string, resources: ResourceCaches, log: Log) {
    this.#log = log;
    this.#references = new Map(references.map((reference) => [formatKey(reference.target), reference]));
    this.#file = new Map(workloads.map((workload) => [formatKey(workload.key), workload]));
    this.#tenant = tenant;
    this.#caches = resources;
    for (const cache of resources.values()) cache.onChange((change) => this.#onChange(change));
  }

  /** At most one listener, told which workload to look at again; undefined removes it. */
  listen(listener: ((key: string) => void) | undefined): void {
    this.#listener = listener;
  }

  /** Told of every workload whose definition changed, for as long as the process lives. */
  watch(watcher: (key: string) => void): void {
    this.#watchers.push(watcher);
  }

  /** The workloads that the file itself defines. */
  filed(): Iterable<string> {
    return this.#file.keys();
  }

  isFiled(key: string): boolean {
    return this.#file.has(key);
  }

  keys(): Iterable<string> {
    return new Set([...this.#file.keys(), ...this.#references.keys(), ...this.#resources.keys()]);
  }

  get(key: string): Wanted {
    const filed = this.#file.get(key);
    if (filed !== undefined) return { desired: filed };
    const seen = this.#resources.get(key);
    if (seen === undefined) return wantedOf(this.#references.get(key));
    if (seen.object.metadata.deletionTimestamp !== undefined) return {};
    const { reading, lastValid } = seen;
    return {
      ...(lastValid === undefined ? {} : { desired: lastValid }),
      ...(reading.workload === undefined ? { invalid: explainProblems(reading.problems) } : {}),
    };
  }

  /** What the workload was the last time it could be read, also when it is to be stopped. */
  lastValid(key: string): Workload | undefined {
    return this.#file.get(key) ?? this.#resources.get(key)?.lastValid;
  }

  resource(key: string): KnownResource | undefined {
    const object = this.#resources.get(key)?.object;
    if (object === undefined) return undefined;
    return this.#file.has(key) ? { object, shadowed: explainShadowed(keyOf(object)) } : { object };
  }

  /** The reply of one of our own writes. */
  put(object: WorkloadResource): void {
    this.#caches.get(keyOf(object).kind)?.put(object);
  }

  /** This resource is gone for good, whatever the watch may still say. */
  gone(object: WorkloadResource): void {
    const { uid = '' } = object.metadata;
    this.#gone.add(uid);
    this.#remove(formatKey(keyOf(object)), uid);
  }

  /**
   * Takes in a complete and consistent list. What is known and not in it is asked for one by one: the watch may be behind
   * the list, or ahead of it. Resources of a kind that may not be read (`refused`) stay as they are known. Answers the
   * cause when one could not be asked for.
   */
  async confirm(
    listed: readonly WorkloadResource[],
    refused: ReadonlyMap<WorkloadKind, string>,
    reader: ClusterReader,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    for (const object of listed) this.put(object);
    const present = new Set(listed.map(({ metadata }) => metadata.uid));
    for (const { object } of this.#resources.values()) {
      const { uid } = object.metadata;
      if (present.has(uid) || refused.has(keyOf(object).kind)) continue;
      const read = await reader.get<WorkloadResource>(refOfResource(object), signal);
      if (read.kind === 'unavailable') return read.cause;
      if (read.kind === 'refused') return read.message;
      if (read.kind === 'gone' || read.object.metadata.uid !== uid) this.gone(object);
    }
    return undefined;
  }

  #onChange(change: CacheChange<WorkloadResource>): void {
    const { object } = change;
    const { uid = '' } = object.metadata;
    const key = formatKey(keyOf(object));
    if (change.kind === 'removed') this.#gone.delete(uid);
    if (change.kind === 'removed' || tenantOfResource(object) !== this.#tenant) this.#remove(key, uid);
    else if (!this.#gone.has(uid)) this.#observe(key, object);
  }

  #observe(key: string, object: WorkloadResource): void {
    const known = this.#resources.get(key);
    const before = known?.object.metadata.uid === object.metadata.uid ? known : undefined;
    const { generation } = object.metadata;
    const isRead =
      before !== undefined && generation !== undefined && generation === before.object.metadata.generation;
    const reading = isRead ? before.reading : readResource(object, keyOf(object).kind);
    if (!isRead && reading.workload !== undefined)
      for (const { path, message, hint } of reading.problems)
        this.#log.warn('a value of a custom resource has no effect', { workload: key, path, message, hint });
    this.#resources.set(key, { object, reading, lastValid: reading.workload ?? before?.lastValid });
    // A status is written by ourselves: it changes nothing about what should run.
    if (!isRead || !isSameLife(before.object, object)) this.#announce(key);
  }

  #remove(key: string, uid: string): void {
    if (this.#resources.get(key)?.object.metadata.uid !== uid) return;
    this.#resources.delete(key);
    this.#announce(key);
  }

  #announce(key: string): void {
    this.#listener?.(key);
    for (const watcher of this.#watchers) watcher(key);
  }
}

/** What is asked for while the resource that an entry of the file stands for is not there. */
function wantedOf(reference: WorkloadReference | undefined): Wanted {
  if (reference === undefined) return {};
  const { target, fallback } = reference;
  if (fallback !== undefined) return { desired: fallback };
  return {
    invalid: `workloadCRDRef: ${KINDS[target.kind].resourceKind} ${target.namespace}/${target.name} is not there; create it, or write image beside the reference as a fall-back`,
  };
}

/** Neither its deletion nor its finalizers changed, nor what people ask for on it. */
function isSameLife(a: WorkloadResource, b: WorkloadResource): boolean {
  return (
    a.metadata.deletionTimestamp === b.metadata.deletionTimestamp &&
    canonicalJson(a.metadata.annotations ?? {}) === canonicalJson(b.metadata.annotations ?? {}) &&
    a.metadata.finalizers?.join() === b.metadata.finalizers?.join()
  );
}
