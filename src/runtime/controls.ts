/**
 * What people ask for, as every replica sees it: the control ConfigMap of the tenant, and the annotations of custom
 * resources. Nothing here is carried out; a decision gets to see it.
 */
import { FENCED, PAUSE_ALL, pauseEntry, requestEntry, workloadOfEntry } from '../core/control/entries.ts';
import { endOfPause, longestPause, readPause, type Pause } from '../core/control/pause.ts';
import { readNodeFence, type NodeFence } from '../core/control/node-fence.ts';
import { endOfRequest, isSettled, readRequest, type Request } from '../core/control/request.ts';
import type { OpenRequest, PauseFacts } from '../core/reconcile/observed.ts';
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import { parseKey } from '../core/workload/model.ts';
import { ANNOTATION, controlName } from '../core/workload/names.ts';
import {
  CONFIG_MAPS,
  type Cache,
  type CacheChange,
  type Cluster,
  type KubeObject,
  type ObjectRef,
} from '../ports/cluster.ts';
import type { Clock } from '../ports/system.ts';

export interface ControlMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface ControlScope {
  readonly tenant: string;
  readonly controllerNamespace: string;
}

/** What is asked of one workload. */
export interface Asked {
  readonly pause?: PauseFacts;
  readonly request?: OpenRequest;
  readonly fences: readonly NodeFence[];
  /** See `Input.ignored`. */
  readonly ignored?: string;
}

/** Told which workload to look at again; undefined: all of them. */
export type ControlListener = (key: string | undefined) => void;

export function controlRef({ tenant, controllerNamespace }: ControlScope): ObjectRef {
  return { resource: CONFIG_MAPS, namespace: controllerNamespace, name: controlName(tenant) };
}

export class Controls {
  readonly #clock: Clock;
  /** The ConfigMap. */
  readonly ref: ObjectRef;
  readonly #cache: Cache<ControlMap>;
  readonly #watchers: (() => void)[] = [];
  #listener: ControlListener | undefined;

  constructor(cluster: Pick<Cluster, 'cache'>, clock: Clock, scope: ControlScope) {
    this.#clock = clock;
    this.ref = controlRef(scope);
    const { namespace, name } = this.ref;
    this.#cache = cluster.cache<ControlMap>(CONFIG_MAPS, {
      scope: { namespace, fieldSelector: `metadata.name=${name}` },
      strip: ({ metadata, data }) => ({ metadata, ...(data === undefined ? {} : { data }) }),
    });
    this.#cache.onChange((change) => this.#onChange(change));
  }

  /** Watches until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#cache.run(signal);
  }

  /** At most one listener; undefined removes it. */
  listen(listener: ControlListener | undefined): void {
    this.#listener = listener;
  }

  /** Told of every change, for as long as the process lives. */
  watch(watcher: () => void): void {
    this.#watchers.push(watcher);
  }

  /** The ConfigMap as it is known, or was read. */
  get map(): ControlMap | undefined {
    return this.#cache.get(this.ref.namespace, this.ref.name);
  }

  /** A consistent read, or the reply of a write. */
  put(map: ControlMap): void {
    this.#cache.put(map);
  }

  /** `resource`: the custom resource of the workload, if it has one. */
  of(key: string, resource: WorkloadResource | undefined): Asked {
    const parsed = parseKey(key);
    if (parsed === undefined) return { fences: [] };
    const data = this.map?.data ?? {};
    const pauses: Pause[] = [];
    const faults: string[] = [];
    const take = (text: string, place: string): void => {
      const read = readPause(text);
      if (read === undefined) return;
      if ('fault' in read) faults.push(`${place}: ${read.fault}`);
      else if (endOfPause(read) > this.#clock.wall()) pauses.push(read);
    };
    const annotated = resource?.metadata.annotations?.[ANNOTATION.paused];
    if (annotated !== undefined) take(annotated, `annotation ${ANNOTATION.paused}`);
    for (const entry of [PAUSE_ALL, pauseEntry(parsed)]) {
      const text = data[entry];
      if (text !== undefined) take(text, `entry ${entry} of ConfigMap ${this.ref.name}`);
    }
    const asked =
      openRequest(resource?.metadata.annotations?.[ANNOTATION.request]) ??
      openRequest(data[requestEntry(parsed)]);
    const longest = longestPause(pauses);
    return {
      fences: this.#fences(),
      ...(asked === undefined ? {} : { request: this.#requestFacts(asked) }),
      ...(longest === undefined ? {} : { pause: this.#factsOf(longest) }),
      ...(faults.length === 0 ? {} : { ignored: faults.join('; ') }),
    };
  }

  #requestFacts(request: Request): OpenRequest {
    return { ...request, expiresAt: this.#clock.now() + (endOfRequest(request) - this.#clock.wall()) };
  }

  #fences(): readonly NodeFence[] {
    return Object.entries(this.map?.data ?? {}).flatMap(([entry, text]) => {
      const fence = entry.startsWith(FENCED) ? readNodeFence(text) : undefined;
      return fence === undefined || 'fault' in fence ? [] : [fence];
    });
  }

  #factsOf(pause: Pause): PauseFacts {
    const { reason, by, until } = pause;
    const endsAt = this.#clock.now() + (endOfPause(pause) - this.#clock.wall());
    return { reason, by, endsAt, ...(until === undefined ? {} : { until }) };
  }

  #onChange(change: CacheChange<ControlMap>): void {
    const before = change.kind === 'changed' ? (change.previous?.data ?? {}) : (change.object.data ?? {});
    const after = change.kind === 'changed' ? (change.object.data ?? {}) : {};
    const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
      (entry) => before[entry] !== after[entry],
    );
    for (const watcher of this.#watchers) watcher();
    const keys = changed.map(workloadOfEntry);
    if (keys.includes(undefined)) this.#listener?.(undefined);
    else for (const key of keys) this.#listener?.(key);
  }
}

/** The request in a text, if something is left to do about it. */
export function openRequest(text: string | undefined): Request | undefined {
  const request = text === undefined ? undefined : readRequest(text);
  return request === undefined || 'fault' in request || isSettled(request) ? undefined : request;
}
