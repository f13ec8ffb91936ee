/**
 * The real reconciliation of a service and a process in every simulated controller, on a simulated API server, and the
 * check of I8: by the order of the API server, no two instances of one workload could be running at once.
 */
import type { Node } from '../../src/runtime/node.ts';
import type { Pod } from '../../src/core/manifests/pod.ts';
import type { WorkloadResource } from '../../src/core/workload/custom-resource.ts';
import type { Workload } from '../../src/core/workload/model.ts';
import { ANNOTATION } from '../../src/core/workload/names.ts';
import { NODES, PODS } from '../../src/ports/cluster.ts';
import type { Log } from '../../src/ports/system.ts';
import { Controls } from '../../src/runtime/controls.ts';
import { Hub } from '../../src/runtime/hub.ts';
import { ManagedObjects } from '../../src/runtime/managed-objects.ts';
import { stripNode } from '../../src/runtime/node.ts';
import { Observations } from '../../src/runtime/observations.ts';
import { stripPod } from '../../src/runtime/pod.ts';
import { Reconciler } from '../../src/runtime/reconciler.ts';
import { WORKLOAD_TYPES } from '../../src/runtime/resource.ts';
import { Sources } from '../../src/runtime/sources.ts';
import type { Leadership, Term } from '../../src/runtime/term.ts';
import { GO_SELECTOR, tenantSelector } from '../../src/runtime/world.ts';
import { makeProcess, makeService } from '../workload-fixture.ts';
import { connectClient } from './api-client.ts';
import { ApiServer, isBound, isEnded, type Change, type Stored } from './api-server.ts';
import { Machines } from './machines.ts';
import type { FaultyPath } from './network.ts';
import type { SeededRandom } from './random.ts';
import type { Host, World } from './world.ts';

const TENANT = 'default';
const CONTROLLER_NAMESPACE = 'k8-highlander';

/** What every controller has in its file. */
export const SIMULATED_WORKLOADS: readonly Workload[] = [
  makeService('small', { terminationGracePeriod: 1000 }),
  makeProcess('small', { terminationGracePeriod: 1000 }),
];

const SILENT: Log = { error() {}, warn() {}, info() {}, debug() {}, with: () => SILENT };

/** What the controllers of a simulation share. */
export interface SingletonWorld {
  readonly server: ApiServer;
  readonly machines: Machines;
  readonly referee: InstanceReferee;
}

/** An API server without workloads, its machines, and who looks on. */
export function openSingletonWorld(
  world: World,
  random: SeededRandom,
  fail: (invariant: string, message: string) => void,
): SingletonWorld {
  const server = new ApiServer();
  return {
    server,
    machines: new Machines(world, server, random),
    referee: new InstanceReferee(server, fail),
  };
}

export interface SingletonParts {
  readonly name: string;
  readonly host: Host;
  readonly world: World;
  readonly server: ApiServer;
  readonly path: FaultyPath;
  readonly random: SeededRandom;
  readonly onFatal: (error: unknown) => void;
}

/** The work of one controller process; its caches live as long as its host. */
export function superviseSingletons(parts: SingletonParts): Leadership {
  const { name, host, random } = parts;
  const { clock } = host;
  const cluster = connectClient(parts);
  const uuid = (): string => `${name}-${Math.floor(random.uniform() * 1e9)}`;
  const system = { clock, random: { uniform: () => random.uniform(), uuid }, log: SILENT };
  const scope = { labelSelector: tenantSelector(TENANT) };
  const pods = cluster.cache<Pod>(PODS, { scope, strip: stripPod });
  const goPods = cluster.cache<Pod>(PODS, { scope: { labelSelector: GO_SELECTOR }, strip: stripPod });
  const nodes = cluster.cache<Node>(NODES, { scope: {}, strip: stripNode });
  const where = { tenant: TENANT, controllerNamespace: CONTROLLER_NAMESPACE };
  const resources = new Map(
    [...WORKLOAD_TYPES].map(([kind, type]) => [
      kind,
      cluster.cache<WorkloadResource>(type, { scope: {}, strip: (object) => object }),
    ]),
  );
  const objects = new ManagedObjects(cluster, scope.labelSelector);
  const controls = new Controls(cluster, clock, where);
  const life = new AbortController();
  for (const watched of [pods, goPods, nodes, objects, controls, ...resources.values()])
    void watched.run(life.signal);
  const hub = new Hub(clock, name);
  ((globalThis as any).hubs ??= []).push(hub);
  const reconciler = new Reconciler(
    {
      system,
      cluster,
      pods,
      goPods,
      observations: new Observations(clock, pods, nodes, goPods),
      objects,
      sources: new Sources({ workloads: SIMULATED_WORKLOADS, references: [] }, TENANT, resources, SILENT),
      controls,
      hub,
    },
    { tryLowering: () => Promise.resolve({ state: 'unknown', because: 'simulated' }) },
    { ...where, id: name, clusterName: 'simulated', fingerprint: 'simulated' },
    parts.onFatal,
  );
  return reconciler;
}

/** One process does both kinds of work in its term, and has drained when both have. */
export function both(first: Leadership, second: Leadership): Leadership {
  return {
    prepareTerm() {
      first.prepareTerm();
      second.prepareTerm();
    },
    startTerm(term: Term) {
      first.startTerm(term);
      second.startTerm(term);
    },
    async drain(term) {
      const drained = await Promise.all([first.drain(term), second.drain(term)]);
      return { clean: drained.every(({ clean }) => clean) };
    },
  };
}

/** Which instances could be running, by the order of the API server. */
class InstanceReferee {
  /** Permits in all. */
  permits = 0;
  readonly #couldRun = new Map<string, Set<string>>();
  readonly #fail: (invariant: string, message: string) => void;

  constructor(server: ApiServer, fail: (invariant: string, message: string) => void) {
    this.#fail = fail;
    server.onChange((change) => this.#check(change));
  }

  /** Workloads of which an instance could be running. */
  get running(): number {
    return [...this.#couldRun.values()].filter((uids) => uids.size > 0).length;
  }

  #check({ plural, kind, object }: Change): void {
    const workload = object.metadata.annotations?.[ANNOTATION.workload];
    if (plural !== 'pods' || workload === undefined) return;
    const { uid = '', name } = object.metadata;
    const running = this.#couldRun.get(workload) ?? new Set<string>();
    this.#couldRun.set(workload, running);
    if (!couldRun(object)) return void running.delete(uid);
    // Removed without a word of its kubelet: it may be running for ever.
    if (kind === 'removed' || running.has(uid)) return;
    this.permits += 1;
    running.add(uid);
    if (running.size > 1)
      this.#fail('I8', `${workload}: ${name} may run while another instance of it could be running`);
  }
}

/** The gate is off and no kubelet has reported its end; one that is being deleted without a node is never bound. */
function couldRun(pod: Stored): boolean {
  if ((pod.spec?.schedulingGates ?? []).length > 0 || isEnded(pod)) return false;
  return isBound(pod) || pod.metadata.deletionTimestamp === undefined;
}
