/**
 * What stands around the pods of the workloads of this tenant, by workload key: fed by a watch per kind, on every replica.
 * These caches need not be as new as the list of pods at the start of a term: nothing in them lets a program start, and
 * whatever is written after a look at them is a compare-and-set, or a create that meets what exists.
 */
import type { Epoch } from '../core/election/record.ts';
import {
  MANAGED_KINDS,
  podTemplateOf,
  type ManagedKind,
  type ManagedObject,
  type PodTemplate,
} from '../core/manifests/managed-object.ts';
import { present } from '../core/present.ts';
import { claimedTerm } from '../core/reconcile/permit.ts';
import { parseKey, type WorkloadKind } from '../core/workload/model.ts';
import { ANNOTATION, LABEL } from '../core/workload/names.ts';
import {
  CRON_JOBS,
  DEPLOYMENTS,
  JOBS,
  SERVICES,
  STATEFUL_SETS,
  type Cache,
  type CacheChange,
  type Cluster,
  type ObjectRef,
  type Resource,
} from '../ports/cluster.ts';

const RESOURCES: Readonly<Record<ManagedKind, Resource>> = {
  Deployment: DEPLOYMENTS,
  StatefulSet: STATEFUL_SETS,
  CronJob: CRON_JOBS,
  Job: JOBS,
  Service: SERVICES,
};

/** What must be known to decide about a workload of a kind. */
const AROUND: Readonly<Record<WorkloadKind, readonly ManagedKind[]>> = {
  process: [],
  cronjob: ['CronJob', 'Job'],
  service: ['Deployment', 'Service'],
  persistent: ['StatefulSet', 'Service'],
};

export interface ManagedListener {
  onWorkload(key: string): void;
  onTermSeen(epoch: Epoch): void;
}

export class ManagedObjects {
  readonly #caches: ReadonlyMap<ManagedKind, Cache<ManagedObject>>;
  /** By workload key, then by kind and name. */
  readonly #byWorkload = new Map<string, Map<string, ManagedObject>>();
  readonly #watchers: ((key: string) => void)[] = [];
  #listener: ManagedListener | undefined;

  constructor(cluster: Pick<Cluster, 'cache'>, labelSelector: string) {
    this.#caches = new Map(
      MANAGED_KINDS.map((kind) => {
        const cache = cluster.cache<ManagedObject>(RESOURCES[kind], {
          scope: { labelSelector },
          strip: (object) => stripManaged(kind, object),
        });
        cache.onChange((change) => this.#onChange(kind, change));
        return [kind, cache];
      }),
    );
  }

  /** Watches until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#caches.values()].map((cache) => cache.run(signal)));
  }

  /** At most one listener; undefined removes it. Told of every known workload again once a kind has been read. */
  listen(listener: ManagedListener | undefined): void {
    this.#listener = listener;
  }

  /** Told of every workload whose objects changed, for as long as the process lives. */
  watch(watcher: (key: string) => void): void {
    this.#watchers.push(watcher);
  }

  keys(): Iterable<string> {
    return this.#byWorkload.keys();
  }

  of(key: string): readonly ManagedObject[] {
    return [...(this.#byWorkload.get(key)?.values() ?? [])];
  }

  /** Why what stands around this workload is not known, or undefined. */
  unobserved(key: string): string | undefined {
    const parsed = parseKey(key);
    for (const kind of parsed === undefined ? [] : AROUND[parsed.kind]) {
      const { synced, problem } = this.#caches.get(kind)?.state() ?? { synced: false };
      if (!synced)
        return `${RESOURCES[kind].plural} have not been read yet${problem === undefined ? '' : `: ${problem}`}`;
    }
    return undefined;
  }

  /** The reply of one of our own writes, or of a read. */
  put(object: ManagedObject): void {
    this.#caches.get(object.kind)?.put(object);
  }

  highestTerm(): Epoch {
    let highest = 0;
    for (const objects of this.#byWorkload.values())
      for (const object of objects.values()) highest = Math.max(highest, claimedTerm(object) ?? 0);
    return highest;
  }

  #onChange(kind: ManagedKind, change: CacheChange<ManagedObject>): void {
    const { object } = change;
    const key = object.metadata.annotations?.[ANNOTATION.workload];
    if (key === undefined) return;
    const objects = this.#byWorkload.get(key) ?? new Map<string, ManagedObject>();
    const name = `${kind}/${object.metadata.name}`;
    if (change.kind === 'changed') objects.set(name, object);
    else objects.delete(name);
    if (objects.size === 0) this.#byWorkload.delete(key);
    else this.#byWorkload.set(key, objects);
    this.#listener?.onTermSeen(claimedTerm(object) ?? 0);
    this.#listener?.onWorkload(key);
    for (const watcher of this.#watchers) watcher(key);
  }
}

/** Where the object lives. */
export function refOfManaged({ kind, metadata }: ManagedObject): ObjectRef {
  return { resource: RESOURCES[kind], namespace: metadata.namespace ?? '', name: metadata.name };
}

export function resourceOfManaged({ kind }: Pick<ManagedObject, 'kind'>): Resource {
  return RESOURCES[kind];
}

/** Drops what no decision and no status page looks at. Items of a list arrive without their kind. */
function stripManaged(kind: ManagedKind, { metadata, spec, status }: ManagedObject): ManagedObject {
  const { name, namespace, uid, resourceVersion, generation, deletionTimestamp } = metadata;
  const { creationTimestamp, labels, annotations, finalizers, ownerReferences } = metadata;
  const template = stripTemplate(podTemplateOf(present({ spec })));
  const { replicas, paused, strategy, updateStrategy } = spec ?? {};
  const { suspend, concurrencyPolicy, schedule, timeZone } = spec ?? {};
  return present({
    kind,
    metadata: present({
      name,
      namespace,
      uid,
      resourceVersion,
      generation,
      creationTimestamp,
      deletionTimestamp,
      labels,
      annotations,
      finalizers,
      ownerReferences,
    }),
    spec: present({
      replicas,
      paused,
      strategy,
      updateStrategy,
      suspend,
      concurrencyPolicy,
      schedule,
      timeZone,
      ...(kind === 'CronJob' ? { jobTemplate: { spec: present({ template }) } } : { template }),
    }),
    status,
  });
}

function stripTemplate(template: PodTemplate | undefined): PodTemplate | undefined {
  if (template === undefined) return undefined;
  const { labels, annotations } = template.metadata ?? {};
  return {
    metadata: present({
      labels: pick(labels, [LABEL.managedBy, LABEL.tenant]),
      annotations: pick(annotations, [ANNOTATION.templateHash, ANNOTATION.workload]),
      finalizers: template.metadata?.finalizers,
    }),
    spec: present({ schedulingGates: template.spec?.schedulingGates }),
  };
}

/** The named entries that are there; undefined if there is none. */
function pick(
  entries: Readonly<Record<string, string>> | undefined,
  keys: readonly string[],
): Readonly<Record<string, string>> | undefined {
  const kept = Object.entries(entries ?? {}).filter(([key]) => keys.includes(key));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}
