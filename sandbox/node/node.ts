/**
 * A stand-in for a kubelet: it registers a Node with a real API server and runs the containers of the pods bound to it
 * as local processes. It keeps a kubelet's promises, and it can be made to break down in the ways that machines do:
 *
 * - `partition`: it can say and hear nothing; processes run on, and are restarted.
 * - `crash`: its processes die with it, silently.
 * - `reboot`: as a crash, and then it is back with a new boot id and starts the pods that are still bound to it.
 * - `slow`: everything it says and hears is late.
 *
 * What differs from a kubelet: images are names for commands (images.ts), volumes are folders named in the environment
 * (volumes.ts), pods share the machine's network under addresses of their own (addresses.ts), there are no service
 * account tokens, post-start hooks, ephemeral containers or resource limits, and a deletion grace of 0 seconds
 * kills at once.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { isConnectProblem, readKubeconfig } from '../../src/adapters/kube/connect.ts';
import type { Connection } from '../../src/adapters/kube/connect.ts';
import { createSystem } from '../../src/adapters/system.ts';
import { SECOND } from '../../src/core/time.ts';
import type { Duration } from '../../src/core/time.ts';
import type { Log } from '../../src/ports/system.ts';
import type { CacheChange } from '../../src/ports/cluster.ts';
import { HOST_ADDRESS, PodAddresses } from './addresses.ts';
import { detectIsolation, processRuntime, simulatedRuntime } from './container.ts';
import type { ContainerRuntime } from './container.ts';
import { done } from './environment.ts';
import type { ImageMap } from './images.ts';
import { logFile, prepareLaunch } from './launch.ts';
import type { NodeFolders } from './launch.ts';
import { EventWriter } from './event-writer.ts';
import { Link } from './link.ts';
import { PodWorker } from './pod-worker.ts';
import type { PodHost } from './pod-worker.ts';
import type { ContainerSpec, Pod } from './pod.ts';
import { keepAlive, registerNode } from './registration.ts';
import type { Capacity, NodeIdentity } from './registration.ts';
import { SourceReader } from './sources.ts';

export interface NodeOptions {
  readonly name: string;
  /** Where the API server is, or the path of a kubeconfig. The user needs what a kubelet may do. */
  readonly connection: Connection | string;
  /** Run no processes; write the status of pods as if. Default false. */
  readonly simulate?: boolean;
  /** Default 110 pods (10,100 when simulated), 1,000 CPUs, 4 Ti of memory: only the number of pods limits. */
  readonly capacity?: Partial<Capacity>;
  /** Where volumes and logs go. Without it: a private folder, removed on stop. */
  readonly dir?: string;
  /** What images run, besides the well-known shell images. */
  readonly images?: ImageMap;
  /** First wait of a container that keeps failing; a kubelet's is 10 s. Default 1 s. */
  readonly restartBackoff?: Duration;
  /** How long the node counts as alive after a renewal of its Lease. Default 8 s; renewed four times as often. */
  readonly lease?: Duration;
  /** Told what happens, for people. */
  readonly log?: (line: string) => void;
}

/** One container, for tests. */
export interface ContainerView {
  readonly name: string;
  readonly state: 'waiting' | 'running' | 'terminated';
  /** Process id of the command; 0 when it does not run, or is simulated. */
  readonly pid: number;
  readonly restarts: number;
  /** Output of the present, or last, run. */
  readonly log: string;
}

export interface PodView {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly containers: readonly ContainerView[];
}

export interface SandboxNode {
  readonly name: string;
  /** What keeps a container's processes together; `none` when simulated. */
  readonly isolation: ContainerRuntime['isolation'];
  /** Changes with a reboot. */
  readonly bootID: string;
  /** Nothing is said or heard any more, in-flight requests included. Processes run on. */
  partition(): Promise<void>;
  /** Ends a partition. Resolves when the node has caught up with the API. */
  heal(): Promise<void>;
  /** Power off: resolves when every process is dead. The node stays silent until `reboot`. */
  crash(): Promise<void>;
  /** Power off, if it is on, and on again. Resolves when the node has caught up with the API. */
  reboot(): Promise<void>;
  /** Every request and every piece of news is late by `delay` from now on; 0 ends it. */
  slow(delay: Duration): void;
  /** Ends the node and its processes; its Node object stays, and goes NotReady. Safe to call twice. */
  stop(): Promise<void>;
  /** What the node looks after now, whatever the API says. */
  pods(): readonly PodView[];
}

/** Starts a node; resolves when it is registered and knows its pods. Throws when the kubeconfig cannot be used. */
export async function startNode(options: NodeOptions): Promise<SandboxNode> {
  const connection =
    typeof options.connection === 'string' ? await readKubeconfig(options.connection) : options.connection;
  if (isConnectProblem(connection)) throw new Error(connection.message);
  const isolation = options.simulate === true ? 'none' : await detectIsolation();
  const runtime = isolation === 'none' ? simulatedRuntime() : processRuntime(isolation);
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'k8-highlander-node-')));
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const log = options.log ?? ((): void => undefined);
  const system = createSystem({ level: 'error', format: 'text', fields: {} });
  const link = new Link(connection, { ...system, log: lineLog(log) }, `sandbox-node/${options.name}`);
  log(`node ${options.name}: containers are kept together by: ${isolation}`);
  const node = new LocalNode(options, runtime, link, dir);
  await node.heal();
  return node;
}

/** Warnings and errors as lines. */
function lineLog(line: (text: string) => void): Log {
  const tell = (message: string, fields = {}): void => line(`${message} ${JSON.stringify(fields)}`);
  const silent = (): void => undefined;
  return { error: tell, warn: tell, info: silent, debug: silent, with: () => lineLog(line) };
}

class LocalNode implements SandboxNode {
  readonly name: string;
  readonly isolation: ContainerRuntime['isolation'];
  bootID: string = randomUUID();
  readonly #options: NodeOptions;
  readonly #runtime: ContainerRuntime;
  readonly #link: Link;
  readonly #dir: string;
  readonly #folders: NodeFolders;
  readonly #addresses: PodAddresses;
  readonly #events: EventWriter;
  readonly #workers = new Map<string, PodWorker>();
  /** The loops of the present session. */
  #session: Promise<void> = Promise.resolve();
  #isOn = true;
  /** The boot id under which the Node object was made or updated. */
  #registeredAs: string | undefined;

  constructor(options: NodeOptions, runtime: ContainerRuntime, link: Link, dir: string) {
    this.name = options.name;
    this.isolation = runtime.isolation;
    this.#options = options;
    this.#runtime = runtime;
    this.#link = link;
    this.#dir = dir;
    this.#folders = { pods: join(dir, 'pods'), logs: join(dir, 'logs'), claims: join(dir, 'claims') };
    this.#events = new EventWriter(link, options.name);
    this.#addresses = new PodAddresses(options.name, options);
  }

  async partition(): Promise<void> {
    await this.#link.cut();
    await this.#session;
  }

  async heal(): Promise<void> {
    if (!this.#isOn) throw new Error(`node ${this.name} is off: reboot it`);
    if (this.#link.isOpen) return;
    const signal = this.#link.open();
    const { promise: cut, reject } = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => reject(new Error(`node ${this.name} was cut off`)), {
      once: true,
    });
    const registered = Promise.withResolvers<void>();
    const complete = Promise.withResolvers<void>();
    const pods = this.#link.watchPods(
      this.name,
      (change) => this.#changed(change),
      (uids) => {
        this.#forgetAllBut(uids);
        complete.resolve();
      },
    );
    const registration = this.#register(signal, registered.resolve);
    this.#session = Promise.all([pods, registration]).then(() => undefined);
    await Promise.race([Promise.all([registered.promise, complete.promise]), cut]);
  }

  /** A kubelet makes its Node object once, when it starts: one that was deleted since is not made again. */
  async #register(signal: AbortSignal, registered: () => void): Promise<void> {
    const identity = this.#identity();
    if (this.#registeredAs !== this.bootID && !(await registerNode(this.#link, identity, signal))) return;
    this.#registeredAs = this.bootID;
    registered();
    await keepAlive(this.#link, identity, signal);
  }

  async crash(): Promise<void> {
    this.#isOn = false;
    // Silent first: nothing of the dying may be reported.
    const silent = this.partition();
    await Promise.all([silent, ...[...this.#workers.values()].map((worker) => worker.crash())]);
  }

  async reboot(): Promise<void> {
    await this.crash();
    this.bootID = randomUUID();
    this.#isOn = true;
    await this.heal();
  }

  slow(delay: Duration): void {
    this.#link.slow(delay);
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    await Promise.all([this.partition(), ...[...this.#workers.values()].map((worker) => worker.close())]);
    this.#workers.clear();
    if (this.#options.dir === undefined) await rm(this.#dir, { recursive: true, force: true });
  }

  pods(): readonly PodView[] {
    return [...this.#workers.values()].map((worker) => ({
      namespace: worker.pod.metadata.namespace,
      name: worker.pod.metadata.name,
      uid: worker.pod.metadata.uid,
      containers: this.#containers(worker),
    }));
  }

  #containers(worker: PodWorker): readonly ContainerView[] {
    const { initContainers = [], containers } = worker.pod.spec;
    return [...initContainers, ...containers].map(({ name }) => {
      const record = worker.records.get(name);
      const restarts = Math.max((record?.starts ?? 0) - 1, 0);
      const state = record?.state ?? {};
      return {
        name,
        state:
          state.running !== undefined ? 'running' : state.terminated !== undefined ? 'terminated' : 'waiting',
        pid: worker.pid(name) ?? 0,
        restarts,
        log: logFile(this.#folders, worker.pod, name, restarts),
      };
    });
  }

  #identity(): NodeIdentity {
    const { simulate, capacity, lease } = this.#options;
    const pods = simulate === true ? 10_100 : 110;
    return {
      name: this.name,
      hostIP: HOST_ADDRESS,
      bootID: this.bootID,
      capacity: { pods, cpu: '1000', memory: '4Ti', ...capacity },
      lease: lease ?? 8 * SECOND,
    };
  }

  #changed(change: CacheChange<Pod>): void {
    const { uid } = change.object.metadata;
    const known = this.#workers.get(uid);
    if (change.kind === 'removed') return known?.vanish();
    if (known !== undefined) {
      known.update(change.object);
      if (known.isDown) known.boot();
      return;
    }
    const worker = new PodWorker(this.#hostOf(change.object), change.object);
    this.#workers.set(uid, worker);
    worker.boot();
  }

  /** What vanished while nothing was heard. */
  #forgetAllBut(uids: ReadonlySet<string>): void {
    for (const [uid, worker] of this.#workers) {
      if (uids.has(uid)) continue;
      worker.vanish();
      // Without this, one that the crash took would be waited for.
      if (worker.isDown) worker.boot();
    }
  }

  #hostOf(pod: Pod): PodHost {
    const { uid } = pod.metadata;
    const place = {
      nodeName: this.name,
      hostIP: HOST_ADDRESS,
      podIP: this.#addresses.take(uid, pod.status?.podIP),
    };
    const sources = new SourceReader(this.#link);
    const simulate = this.#options.simulate === true;
    return {
      link: this.#link,
      runtime: this.#runtime,
      simulate,
      restartBackoff: this.#options.restartBackoff ?? SECOND,
      place,
      prepare: (present, container, attempt) =>
        simulate
          ? Promise.resolve(done({ argv: [], env: plainEnv(container), cwd: '/' }))
          : prepareLaunch({
              pod: present,
              container,
              place,
              images: this.#options.images ?? {},
              folders: this.#folders,
              sources,
              attempt,
            }),
      forget: () => void this.#forget(uid),
      events: this.#events,
      log: (line) => this.#options.log?.(`node ${this.name}: ${line}`),
    };
  }

  async #forget(uid: string): Promise<void> {
    this.#workers.delete(uid);
    this.#addresses.release(uid);
    if (this.#options.simulate !== true)
      await rm(join(this.#folders.pods, uid), { recursive: true, force: true });
  }
}

/** The variables with a value of their own: a simulated container needs no others. */
function plainEnv({ env = [] }: ContainerSpec): Readonly<Record<string, string>> {
  return Object.fromEntries(
    env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const])),
  );
}
