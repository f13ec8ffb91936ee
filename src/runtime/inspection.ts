/** The watched objects as people look at them: the same on every replica, whoever leads. Nothing here decides. */
import type { Pod } from '../core/manifests/pod.ts';
import { isGated, isTerminal } from '../core/reconcile/proof.ts';
import {
  viewSeen,
  type SeenObject,
  type SeenWorkload,
  type WorkloadDefinition,
} from '../core/reconcile/seen.ts';
import { MAIN_CONTAINER } from '../core/workload/names.ts';
import { PODS, type Cache, type ClusterReader } from '../ports/cluster.ts';
import type { ManagedObjects } from './managed-objects.ts';
import type { Observations } from './observations.ts';
import type { Sources } from './sources.ts';

export class Inspection {
  readonly #sources: Sources;
  readonly #observations: Observations;
  readonly #around: ManagedObjects;
  readonly #pods: Cache<Pod>;
  readonly #reader: ClusterReader;

  /** `around`: the objects around the pods. */
  constructor(
    sources: Sources,
    observations: Observations,
    around: ManagedObjects,
    pods: Cache<Pod>,
    reader: ClusterReader,
  ) {
    this.#around = around;
    this.#sources = sources;
    this.#observations = observations;
    this.#pods = pods;
    this.#reader = reader;
  }

  /** Told of every workload whose definition or objects changed, for as long as the process lives. */
  watch(watcher: (key: string) => void): void {
    this.#sources.watch(watcher);
    this.#observations.watch(watcher);
    this.#around.watch(watcher);
  }

  /** Every workload that is defined or has objects. */
  keys(): ReadonlySet<string> {
    return new Set([...this.#sources.keys(), ...this.#observations.keys(), ...this.#around.keys()]);
  }

  /** As the caches show it. */
  seen(key: string): SeenWorkload {
    return viewSeen(key, this.#observations.instances(key), this.#around.of(key));
  }

  /** Why `seen` may be wrong for this workload alone, or undefined. */
  unobserved(key: string): string | undefined {
    return this.#around.unobserved(key);
  }

  /** All of `keys` as the caches show them, in the order of the keys. */
  all(): readonly SeenWorkload[] {
    return [...this.keys()].toSorted().map((key) => this.seen(key));
  }

  definition(key: string): WorkloadDefinition | undefined {
    const { desired, invalid } = this.#sources.get(key);
    const resource = this.#sources.resource(key)?.object;
    if (desired === undefined && resource === undefined) return undefined;
    const spec = desired?.spec;
    const { uid, generation, creationTimestamp, labels } = resource?.metadata ?? {};
    const isFiled = desired?.source.from === 'file';
    return {
      source: isFiled ? 'file' : 'cr',
      ...(isFiled || uid === undefined ? {} : { uid }),
      ...(isFiled || generation === undefined ? {} : { generation }),
      ...(isFiled || creationTimestamp === undefined ? {} : { createdAt: creationTimestamp }),
      labels: { ...(isFiled ? {} : labels), ...spec?.labels },
      ...(spec === undefined ? {} : { image: spec.image }),
      ...(spec !== undefined && 'schedule' in spec ? { schedule: spec.schedule } : {}),
      ...(spec !== undefined && 'maxRestarts' in spec ? { maxRestarts: spec.maxRestarts } : {}),
      ...(invalid === undefined ? {} : { invalid }),
    };
  }

  /** The custom resource, the objects around the pods, and the pods. */
  objects(key: string): readonly SeenObject[] {
    const resource = this.#sources.resource(key);
    const made = [
      ...this.#around
        .of(key)
        .map(({ kind, metadata }) =>
          describe(kind, metadata, metadata.deletionTimestamp === undefined ? 'Present' : 'Terminating'),
        ),
      ...this.#observations.instances(key).map(({ pod }) => viewObject(pod)),
    ];
    if (resource === undefined) return made;
    const { kind = '', metadata } = resource.object;
    const state = resource.shadowed === undefined ? 'InUse' : 'Shadowed';
    return [
      describe(kind, metadata, metadata.deletionTimestamp === undefined ? state : 'Terminating'),
      ...made,
    ];
  }

  /** The instances of this tenant as last seen, in all namespaces. */
  managedPods(): Iterable<Pod> {
    return this.#pods.values();
  }

  /** Every pod of one namespace, asked of the API server; or why it cannot be. */
  async podsOf(namespace: string, signal: AbortSignal): Promise<readonly Pod[] | { readonly cause: string }> {
    const listed = await this.#reader.list<Pod>(PODS, { namespace }, signal);
    if (listed.kind === 'done') return listed.items;
    return { cause: listed.kind === 'refused' ? listed.message : listed.cause };
  }
}

function viewObject(pod: Pod): SeenObject {
  const { metadata, spec, status } = pod;
  const main = status?.containerStatuses?.find(({ name }) => name === MAIN_CONTAINER);
  const state =
    metadata.deletionTimestamp !== undefined
      ? 'Terminating'
      : isGated(pod)
        ? 'AwaitingPermit'
        : isTerminal(pod)
          ? (status?.phase ?? 'Unknown')
          : (main?.state?.waiting?.reason ?? status?.phase ?? 'Unknown');
  return { ...describe('Pod', metadata, state), ...(spec.nodeName ? { node: spec.nodeName } : {}) };
}

function describe(
  kind: string,
  { namespace = '', name, uid = '', creationTimestamp }: Pod['metadata'],
  state: string,
): SeenObject {
  return {
    kind,
    namespace,
    name,
    uid,
    state,
    ...(creationTimestamp === undefined ? {} : { createdAt: creationTimestamp }),
  };
}
