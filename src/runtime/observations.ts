/**
 * What this process sees of the pods and nodes of its tenant, with the times at which it saw it (monotonic, local).
 * Fed by the caches on every replica, so that a follower that takes over knows what vanished while it was watching.
 */
import { goWorkloadOf } from '../core/reconcile/go-program.ts';
import { claimedTerm } from '../core/reconcile/permit.ts';
import { findProof, isGated, isTerminal, OUT_OF_SERVICE_TAINT } from '../core/reconcile/proof.ts';
import { gracePeriod } from '../core/reconcile/stopping.ts';
import { STOP_MARGIN, type Instance, type Vanished } from '../core/reconcile/observed.ts';
import type { NodeFacts } from '../core/reconcile/node-facts.ts';
import type { Epoch } from '../core/election/record.ts';
import type { Pod } from '../core/manifests/pod.ts';
import { present } from '../core/present.ts';
import type { Instant } from '../core/time.ts';
import { formatKey, type WorkloadKey } from '../core/workload/model.ts';
import { ANNOTATION } from '../core/workload/names.ts';
import type { Cache, CacheChange } from '../ports/cluster.ts';
import type { Clock } from '../ports/system.ts';
import type { Node } from './node.ts';

interface SeenPod {
  pod: Pod;
  terminatingSince?: Instant;
  readySince?: Instant;
}

/** Told which workload to look at again, and of any term above ours. */
export interface ObservationListener {
  onWorkload(key: string): void;
  /** A node appeared, went, or reported something else than before. */
  onNode(): void;
  onTermSeen(epoch: Epoch): void;
  /** An instance disappeared without proof of its end. */
  onEvidenceRemoved(key: string, pod: Pod): void;
}

export class Observations {
  readonly #clock: Clock;
  readonly #pods: Cache<Pod>;
  readonly #nodes: Cache<Node>;
  readonly #byWorkload = new Map<string, Map<string, SeenPod>>();
  readonly #vanished = new Map<string, Vanished[]>();
  readonly #proven = new Set<string>();
  readonly #notReadySince = new Map<string, Instant>();
  readonly #watchers: ((key: string) => void)[] = [];
  #listener: ObservationListener | undefined;

  /** `goPods`: those that may be of the Go program; they count as instances before they are adopted. */
  constructor(clock: Clock, pods: Cache<Pod>, nodes: Cache<Node>, goPods?: Cache<Pod>) {
    this.#clock = clock;
    this.#pods = pods;
    this.#nodes = nodes;
    pods.onChange((change) => this.#onPod(change));
    goPods?.onChange((change) => this.#onGoPod(change));
    nodes.onChange((change) => this.#onNode(change));
  }

  /** At most one listener; undefined removes it. */
  listen(listener: ObservationListener | undefined): void {
    this.#listener = listener;
  }

  /** Told of every workload whose pods or nodes changed, for as long as the process lives. */
  watch(watcher: (key: string) => void): void {
    this.#watchers.push(watcher);
  }

  /** Keys of all workloads that have pods, or had one that vanished. */
  keys(): Iterable<string> {
    return new Set([...this.#byWorkload.keys(), ...this.#vanished.keys()]);
  }

  /** One permitted instance, as it should be: only its claim is outstanding. */
  isRunning(key: string): boolean {
    const [instance, ...others] = this.instances(key);
    if (instance === undefined || others.length > 0) return false;
    const { pod } = instance;
    return !isGated(pod) && !isTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
  }

  instances(key: string): readonly Instance[] {
    return [...(this.#byWorkload.get(key)?.values() ?? [])].map((seen) => this.#instance(seen));
  }

  /** What the Go program runs in `default` under the kind and name of a workload of another namespace. */
  elsewhere({ kind, namespace, name }: WorkloadKey): readonly Instance[] {
    if (namespace === 'default') return [];
    const there = this.instances(formatKey({ kind, namespace: 'default', name }));
    return there.filter(({ pod }) => goWorkloadOf(pod) !== undefined);
  }

  /** The leader has let this pod go, for a reason that the pod itself does not show. */
  proven(uid: string): void {
    this.#proven.add(uid);
  }

  /** Instances of this workload that vanished unproven and do not count as gone yet. */
  vanished(key: string): readonly Vanished[] {
    const now = this.#clock.now();
    const rest = (this.#vanished.get(key) ?? []).filter((entry) => entry.goneAt > now);
    if (rest.length === 0) this.#vanished.delete(key);
    else this.#vanished.set(key, rest);
    return rest;
  }

  /** The highest term on any pod of the tenant; 0 when none carries one. */
  highestTerm(): Epoch {
    let highest = 0;
    for (const pods of this.#byWorkload.values())
      for (const { pod } of pods.values()) highest = Math.max(highest, claimedTerm(pod) ?? 0);
    return highest;
  }

  #instance({ pod, terminatingSince, readySince }: SeenPod): Instance {
    const on = pod.spec.nodeName ?? '';
    return {
      pod,
      node: on === '' ? { kind: 'absent' } : this.nodeFacts(on),
      ...(terminatingSince === undefined ? {} : { terminatingSince }),
      ...(readySince === undefined ? {} : { readySince }),
    };
  }

  /** What is known of a node. */
  nodeFacts(name: string): NodeFacts {
    const node = this.#nodes.get('', name);
    if (node === undefined) return { kind: 'absent' };
    const taints = new Set((node.spec?.taints ?? []).map((taint) => taint.key));
    const since = this.#notReadySince.get(name);
    const bootId = node.status?.nodeInfo?.bootID;
    const heartbeat = heartbeatOf(node);
    const { uid } = node.metadata;
    return {
      kind: 'present',
      ready: isReady(node),
      suspect: SUSPECT_TAINTS.some((taint) => taints.has(taint)),
      outOfService: taints.has(OUT_OF_SERVICE_TAINT),
      ...present({ notReadySince: since, uid, bootId, heartbeat }),
    };
  }

  #onPod(change: CacheChange<Pod>): void {
    this.#onInstance(change, change.object.metadata.annotations?.[ANNOTATION.workload]);
  }

  /**
   * A pod that was adopted leaves this cache for the other one. If that one knows it already, it is right; if not yet, the
   * pod looks as if it had vanished, until it turns up there.
   */
  #onGoPod(change: CacheChange<Pod>): void {
    const { metadata } = change.object;
    const adopted = this.#pods.get(metadata.namespace ?? '', metadata.name);
    if (adopted?.metadata.uid === metadata.uid) return;
    const key = goWorkloadOf(change.object);
    this.#onInstance(change, key === undefined ? undefined : formatKey(key));
  }

  #onInstance(change: CacheChange<Pod>, key: string | undefined): void {
    const { object: pod } = change;
    const uid = pod.metadata.uid;
    if (key === undefined || uid === undefined) return;
    if (change.kind === 'changed') this.#remember(key, uid, pod);
    else this.#forget(key, uid, pod);
    this.#listener?.onTermSeen(claimedTerm(pod) ?? 0);
    this.#announce(key);
  }

  #announce(key: string): void {
    this.#listener?.onWorkload(key);
    for (const watcher of this.#watchers) watcher(key);
  }

  #remember(key: string, uid: string, pod: Pod): void {
    const pods = this.#byWorkload.get(key) ?? new Map<string, SeenPod>();
    // One name is one object: another uid under it means that the earlier one is gone.
    for (const [other, { pod: old }] of pods)
      if (other !== uid && old.metadata.name === pod.metadata.name) this.#forget(key, other);
    this.#reappear(key, uid);
    const seen = pods.get(uid) ?? { pod };
    pods.set(uid, seen);
    this.#byWorkload.set(key, pods);
    seen.pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined) seen.terminatingSince ??= this.#clock.now();
    if (isPodReady(pod)) seen.readySince ??= this.#clock.now();
    else delete seen.readySince;
  }

  #reappear(key: string, uid: string): void {
    const entries = this.#vanished.get(key);
    if (entries === undefined) return;
    const rest = entries.filter((entry) => entry.uid !== uid);
    if (rest.length === 0) this.#vanished.delete(key);
    else this.#vanished.set(key, rest);
  }

  /** `last`: the state it was removed in, which may be the first to show a proof. */
  #forget(key: string, uid: string, last?: Pod): void {
    const pods = this.#byWorkload.get(key);
    const seen = pods?.get(uid);
    if (pods === undefined || seen === undefined) return;
    const instance = this.#instance({ ...seen, pod: last ?? seen.pod });
    pods.delete(uid);
    if (pods.size === 0) this.#byWorkload.delete(key);
    if (this.#proven.delete(uid) || findProof(instance) !== undefined) return;
    const goneAt = this.#clock.now() + gracePeriod(instance) + STOP_MARGIN;
    const entry = { uid, node: seen.pod.spec.nodeName ?? '', goneAt };
    this.#vanished.set(key, [...(this.#vanished.get(key) ?? []), entry]);
    // What the Go program made had no finalizer that could have been taken away.
    if (goWorkloadOf(seen.pod) === undefined) this.#listener?.onEvidenceRemoved(key, seen.pod);
  }

  #onNode(change: CacheChange<Node>): void {
    const { name } = change.object.metadata;
    if (change.kind === 'removed' || isReady(change.object)) this.#notReadySince.delete(name);
    else if (!this.#notReadySince.has(name)) this.#notReadySince.set(name, this.#clock.now());
    if (
      change.kind === 'changed' &&
      change.previous !== undefined &&
      sameFacts(change.object, change.previous)
    )
      return;
    this.#listener?.onNode();
    for (const [key, pods] of this.#byWorkload)
      for (const { pod } of pods.values()) if (pod.spec.nodeName === name) this.#announce(key);
  }
}

const SUSPECT_TAINTS = [
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
  OUT_OF_SERVICE_TAINT,
];

function isReady(node: Node): boolean {
  return (
    node.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ??
    false
  );
}

function isPodReady(pod: Pod): boolean {
  return (
    pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ??
    false
  );
}

function sameFacts(a: Node, b: Node): boolean {
  const taints = (node: Node): string => (node.spec?.taints ?? []).map((taint) => taint.key).join();
  return (
    isReady(a) === isReady(b) &&
    taints(a) === taints(b) &&
    a.status?.nodeInfo?.bootID === b.status?.nodeInfo?.bootID &&
    // Of a node that is ready, its kubelet says the same every few minutes.
    (isReady(a) || heartbeatOf(a) === heartbeatOf(b))
  );
}

function heartbeatOf(node: Node): string | undefined {
  return node.status?.conditions?.find(({ type }) => type === 'Ready')?.lastHeartbeatTime;
}
