/**
 * The life of one controller process: caches first, then the election, then the work of each term; and the way out in
 * the opposite order. Everything started here is awaited here.
 */
import { standAside } from '../core/control/desk.ts';
import { formatFingerprint } from '../core/election/record.ts';
import type { Timing } from '../core/election/timing.ts';
import type { ElectionView } from '../core/election/view.ts';
import type { Pod } from '../core/manifests/pod.ts';
import type { RuleOutcome } from '../core/reconcile/plan.ts';
import { SECOND, type Duration, type Instant } from '../core/time.ts';
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import type { Workload } from '../core/workload/model.ts';
import type { WorkloadReference } from '../core/workload/reference.ts';
import { NAMESPACES, NODES, PODS, type Cache, type Cluster, type KubeObject } from '../ports/cluster.ts';
import type { FenceAnchor } from '../ports/fence-anchor.ts';
import type { LockStore } from '../ports/lock-store.ts';
import type { ServerFence } from '../ports/server-fence.ts';
import type { System } from '../ports/system.ts';
import type { AskedRecord } from '../core/control/entries.ts';
import { listAsked } from './asked-records.ts';
import { Controls } from './controls.ts';
import { createElector, type Elector } from './elector.ts';
import { Inspection } from './inspection.ts';
import { logEvent } from './event-log.ts';
import { EventRecorder } from './event-recorder.ts';
import { readKeptHistory } from './history-keeper.ts';
import { Hub } from './hub.ts';
import { stripNode, type Node } from './node.ts';
import { LastDrain } from './last-drain.ts';
import { ManagedObjects } from './managed-objects.ts';
import { Observations } from './observations.ts';
import { pause } from './pause.ts';
import { PresenceKeeper } from './presence.ts';
import { stripPod } from './pod.ts';
import { Reconciler } from './reconciler.ts';
import { stripResource, WORKLOAD_TYPES } from './resource.ts';
import { Sources, type ResourceCaches } from './sources.ts';
import { keepConnectionsWarm } from './warm-connections.ts';
import { GO_SELECTOR, resourceScope, tenantSelector } from './world.ts';

export interface SupervisorOptions {
  readonly tenant: string;
  /** The configured id, for people. */
  readonly id: string;
  /** `<id>/<pod uid or host>/<incarnation uuid>`. */
  readonly holder: string;
  readonly clusterName: string;
  /** Of the program, for people. */
  readonly version: string;
  readonly controllerNamespace: string;
  readonly lockName: string;
  readonly timing: Timing;
  readonly remainsFollower: boolean;
  readonly workloads: readonly Workload[];
  /** Entries of the file that stand for a custom resource. */
  readonly references: readonly WorkloadReference[];
}

export interface SupervisorPorts {
  readonly system: System;
  readonly cluster: Cluster;
  readonly store: LockStore;
  readonly anchor: FenceAnchor;
  readonly fence: ServerFence;
  /** Told how long each look at a workload took. */
  readonly onReconciled?: (duration: Duration) => void;
}

export class Supervisor {
  readonly hub: Hub;
  /** The watched objects, for people. */
  readonly inspection: Inspection;
  /** The candidates, as they say themselves. */
  readonly presence: PresenceKeeper;
  readonly #ports: SupervisorPorts;
  readonly #options: SupervisorOptions;
  readonly #pods: Cache<Pod>;
  readonly #goPods: Cache<Pod>;
  readonly #nodes: Cache<Node>;
  /** Not waited for, and no reason not to be ready: the type need not exist. */
  readonly #resources: ResourceCaches;
  /** Neither: a workload whose objects are not known yet waits by itself. */
  readonly #objects: ManagedObjects;
  readonly #observations: Observations;
  readonly #controls: Controls;
  readonly #sources: Sources;
  /** Everything that lives as long as the process. */
  readonly #life = new AbortController();
  readonly #loops: Promise<void>[] = [];
  #elector: Elector | undefined;
  /** The lock was left to others when the records were looked at last. */
  #isAside = false;
  #reconciler: Reconciler | undefined;
  #fatal: Error | undefined;
  #clusterProblem: string | undefined = 'not connected yet';

  constructor(ports: SupervisorPorts, options: SupervisorOptions) {
    this.#ports = ports;
    this.#options = options;
    const { clock, log } = ports.system;
    this.hub = new Hub(clock, options.holder);
    this.hub.subscribe((event) => logEvent(log, event));
    this.#pods = ports.cluster.cache<Pod>(PODS, {
      scope: { labelSelector: tenantSelector(options.tenant) },
      strip: stripPod,
    });
    this.#goPods = ports.cluster.cache<Pod>(PODS, {
      scope: { labelSelector: GO_SELECTOR },
      strip: stripPod,
    });
    this.#nodes = ports.cluster.cache<Node>(NODES, { scope: {}, strip: stripNode });
    this.#observations = new Observations(clock, this.#pods, this.#nodes, this.#goPods);
    this.#objects = new ManagedObjects(ports.cluster, tenantSelector(options.tenant));
    this.#controls = new Controls(ports.cluster, clock, options);
    this.presence = new PresenceKeeper(ports.cluster, ports.system, () => this.election(), options);
    this.#resources = new Map(
      [...WORKLOAD_TYPES].map(([kind, type]) => {
        const strip = (object: WorkloadResource): WorkloadResource => stripResource(type, object);
        const scope = resourceScope(options.tenant);
        return [kind, ports.cluster.cache<WorkloadResource>(type, { scope, strip })];
      }),
    );
    this.#sources = new Sources(options, options.tenant, this.#resources, log);
    this.inspection = new Inspection(
      this.#sources,
      this.#observations,
      this.#objects,
      this.#pods,
      ports.cluster,
    );
  }

  /**
   * Runs until `stop` aborts (a graceful stop: drain, release) or an invariant breaks.
   * @throws the broken invariant, after the term was ended.
   */
  async run(stop: AbortSignal): Promise<void> {
    const { cluster, system } = this.#ports;
    const resourceOf = (key: string): WorkloadResource | undefined => this.#sources.resource(key)?.object;
    const options = { ...this.#options, resourceOf, depth: () => this.queue().depth };
    const recorder = new EventRecorder(cluster, system, options, this.#life.signal);
    this.hub.subscribe((event) => recorder.record(event));
    const watched = [
      this.#pods,
      this.#goPods,
      this.#nodes,
      this.#objects,
      this.#controls,
      this.presence.cache,
      ...this.#resources.values(),
    ];
    this.#loops.push(...watched.map((cache) => cache.run(this.#life.signal)));
    try {
      const uid = await this.#identifyCluster(stop);
      if (uid === undefined) return;
      const signal = AbortSignal.any([stop, this.#life.signal]);
      const [kept] = await Promise.all([
        readKeptHistory(cluster, system.clock, this.#options, signal),
        this.#pods.synced(signal),
        this.#nodes.synced(signal),
      ]);
      this.hub.takeInHistory(kept);
      system.log.info('caches are synced');
      const isLeading = (): boolean => this.isLeader();
      this.#loops.push(keepConnectionsWarm(cluster, system.clock, isLeading, this.#life.signal));
      await this.#elect(uid, stop);
    } catch (error) {
      // A stop while the caches were still syncing is a stop, not a failure.
      if (!stop.aborted || this.#fatal !== undefined) throw error;
    } finally {
      await recorder.close();
      await this.#endLoops();
    }
    if (this.#fatal !== undefined) throw this.#fatal;
  }

  /** Ends everything that lives as long as the process. Safe to call twice. */
  async #endLoops(): Promise<void> {
    this.#life.abort();
    await Promise.allSettled(this.#loops);
  }

  /** The same, but a loop that does not end is not waited for. */
  async #endLoopsSoon(): Promise<void> {
    const over = new AbortController();
    const ended = this.#endLoops().then(() => over.abort());
    await Promise.race([ended, pause(this.#ports.system.clock, SECOND, over.signal)]);
  }

  /** The election as it stands; undefined before it began. */
  election(): ElectionView | undefined {
    return this.#elector?.view();
  }

  /** Whether this process may act right now. */
  isLeader(): boolean {
    return this.#reconciler?.isLeading() ?? false;
  }

  /** Workloads waiting to be looked at, and since when the first of them has been. */
  queue(): { readonly depth: number; readonly oldest: Instant | undefined } {
    return this.#reconciler?.queue ?? { depth: 0, oldest: undefined };
  }

  /** Every record in which somebody asks for something. */
  asked(): readonly AskedRecord[] {
    return listAsked(this.#controls, this.#sources, this.#options.tenant);
  }

  /** Why this process is not ready, or undefined: caches synced and watching, store and anchor answering. */
  notReady(): string | undefined {
    const problem = this.clusterProblem();
    if (problem !== undefined) return `cluster health issue: ${problem}`;
    const view = this.election();
    if (view === undefined) return 'the election has not begun yet';
    if (!view.store.up) return `db connection issue: ${view.store.cause}`;
    return view.anchorRefused;
  }

  /** Why what is seen of the cluster may be missing or old, or undefined. */
  clusterProblem(): string | undefined {
    if (this.#clusterProblem !== undefined) return this.#clusterProblem;
    for (const cache of [this.#pods, this.#nodes]) {
      const { synced, problem } = cache.state();
      if (problem !== undefined || !synced) return problem ?? 'caches are not synced yet';
    }
    return undefined;
  }

  /** What each rule says of a workload right now; undefined while this process does not lead. */
  explain(key: string): readonly RuleOutcome[] | undefined {
    return this.#reconciler?.explain(key);
  }

  /**
   * The uid of `kube-system`, which names a cluster whatever address leads to it. Asks until the API server answers;
   * undefined when stopped before.
   */
  async #identifyCluster(stop: AbortSignal): Promise<string | undefined> {
    const { cluster, system } = this.#ports;
    const ref = { resource: NAMESPACES, namespace: '', name: 'kube-system' };
    while (!stop.aborted) {
      const read = await cluster.get<KubeObject>(ref, stop);
      if (read.kind === 'done') {
        this.#clusterProblem = undefined;
        return read.object.metadata.uid;
      }
      const cause =
        read.kind === 'refused'
          ? read.message
          : read.kind === 'gone'
            ? 'no namespace kube-system'
            : read.cause;
      if (cause !== this.#clusterProblem && !stop.aborted)
        system.log.warn('API server not usable yet, trying on', { cluster: cluster.address, cause });
      this.#clusterProblem = cause;
      await pause(system.clock, SECOND, stop);
    }
    return undefined;
  }

  async #elect(clusterUid: string, stop: AbortSignal): Promise<void> {
    const { cluster, store, anchor, fence, system, onReconciled } = this.#ports;
    const { tenant, id, holder, clusterName, controllerNamespace, lockName, timing, remainsFollower } =
      this.#options;
    const fingerprint = formatFingerprint({
      kind: store.kind,
      // The Lease lives in the cluster itself, which has one uid and many addresses.
      address: store.kind === 'lease' ? clusterUid : store.address,
      lockName,
      anchorNamespace: controllerNamespace,
    });
    const broken = new AbortController();
    this.#reconciler = new Reconciler(
      {
        system,
        cluster,
        pods: this.#pods,
        goPods: this.#goPods,
        observations: this.#observations,
        objects: this.#objects,
        sources: this.#sources,
        controls: this.#controls,
        hub: this.hub,
        ...(onReconciled === undefined ? {} : { onReconciled }),
      },
      fence,
      { tenant, controllerNamespace, id, clusterName, fingerprint },
      (error) => {
        this.#fatal ??= error instanceof Error ? error : new Error(String(error));
        broken.abort();
      },
    );
    const leadership = new LastDrain(this.#reconciler, stop, () => this.#endLoopsSoon());
    this.#elector = createElector(
      {
        store,
        anchor,
        system,
        leadership,
        observe: (event) => this.hub.emit({ type: 'election', event }),
      },
      { name: lockName, holder, timing, fingerprint, remainsFollower },
    );
    this.#controls.watch(() => this.#heedControl());
    this.#heedControl();
    this.#loops.push(this.presence.run(this.#life.signal));
    this.hub.subscribe(({ type }) => type === 'election' && this.presence.look());
    await this.#elector.run(AbortSignal.any([stop, broken.signal]));
  }

  /** Whether a person wants this process to lead is looked at with every change of the records. */
  #heedControl(): void {
    const { clock } = this.#ports.system;
    const data = this.#controls.map?.data ?? {};
    const aside = standAside(data, { id: this.#options.id, wall: clock.wall() });
    const isNew = aside > 0 || this.#isAside;
    this.#isAside = aside > 0;
    if (isNew) this.#elector?.standAside(clock.now() + aside);
  }
}
