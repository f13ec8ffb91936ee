/**
 * Runs one pod. Everything that happens (news from the API, the end of a process, a probe, a timer) changes the records
 * and calls `#step`, which compares what is with what should be and does the difference:
 *
 * - *Running*: start what the plan names, wake up when a back-off ends.
 * - *Stopping* (marked for deletion, vanished from the API, or declared terminal there by somebody else): SIGTERM, the
 *   grace period, SIGKILL; sidecars after the main containers.
 * - *Final*: no process is left and none will be started. The last status is written; a pod marked for deletion is then
 *   removed from the API; one that vanished is forgotten.
 * - *Down*: the machine crashed. Nothing happens until `boot`.
 */
import { randomUUID } from 'node:crypto';

import { SECOND } from '../../src/core/time.ts';
import type { Duration, WallTime } from '../../src/core/time.ts';
import { isOlder } from '../../src/adapters/kube/version.ts';
import { afterExit, afterFailedStart, afterMachineLoss, afterStart, fromStatus } from './container-record.ts';
import type { ContainerRecord, Exit } from './container-record.ts';
import type { ContainerRuntime, Launch } from './container.ts';
import type { EventReason, EventWriter } from './event-writer.ts';
import type { PodPlace, Rendered } from './environment.ts';
import type { Link } from './link.ts';
import { planPod, recordOf } from './pod-plan.ts';
import type { PodPlan } from './pod-plan.ts';
import { buildStatus } from './pod-status.ts';
import { apiTime, isSidecar } from './pod.ts';
import type { ContainerSpec, Pod, PodStatus } from './pod.ts';
import { RunningContainer } from './running-container.ts';
import { StatusWriter } from './status-writer.ts';

/** What a worker needs of its node. */
export interface PodHost {
  readonly link: Link;
  readonly runtime: ContainerRuntime;
  /** No processes: no environment, volumes or probes either. */
  readonly simulate: boolean;
  readonly restartBackoff: Duration;
  readonly place: PodPlace;
  prepare(pod: Pod, container: ContainerSpec, attempt: number): Promise<Rendered<Launch>>;
  /** The pod is gone from the API and so are its processes. */
  forget(): void;
  readonly events: Pick<EventWriter, 'tell'>;
  log(line: string): void;
}

const DEFAULT_GRACE = 30;

/** How soon a container whose configuration is missing is tried again. */
const CONFIG_RETRY: Duration = SECOND;

export class PodWorker {
  readonly #host: PodHost;
  readonly #records = new Map<string, ContainerRecord>();
  readonly #running = new Map<string, RunningContainer>();
  /** Starts under way, by container. */
  readonly #starting = new Map<string, Promise<void>>();
  readonly #over = new AbortController();
  readonly #writer: StatusWriter;
  readonly #startTime: string;
  #pod: Pod;
  #vanished = false;
  #down = false;
  /** Raised by a crash: what began before it is void. */
  #life = 0;
  #stopBy: WallTime | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(host: PodHost, pod: Pod) {
    this.#host = host;
    this.#pod = pod;
    this.#startTime = pod.status?.startTime ?? apiTime(Date.now());
    const known = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
    for (const status of known) this.#records.set(status.name, fromStatus(status));
    this.#writer = new StatusWriter(
      host.link,
      {
        pod: () => this.#pod,
        status: () => this.#status(),
        isRemovable: () => this.#isFinal(this.#plan()) && this.#pod.metadata.deletionTimestamp !== undefined,
        seen: (seen) => this.#take(seen),
      },
      this.#over.signal,
    );
  }

  get pod(): Pod {
    return this.#pod;
  }

  get records(): ReadonlyMap<string, ContainerRecord> {
    return this.#records;
  }

  /** After a crash, until `boot`. */
  get isDown(): boolean {
    return this.#down;
  }

  /** Process id of a running container's command. */
  pid(container: string): number | undefined {
    return this.#running.get(container)?.pid;
  }

  /**
   * First call: the node begins to look after the pod. Containers that the API says are running are not: a node's
   * processes end with it.
   */
  boot(): void {
    this.#down = false;
    for (const [name, record] of this.#records) this.#records.set(name, afterMachineLoss(record, Date.now()));
    // A new machine means a new sandbox for the pod, and that is initialized again, unless there is nothing left to run.
    if (this.#plan().outcome === undefined)
      for (const container of this.#pod.spec.initContainers ?? [])
        if (!isSidecar(container)) this.#forgetEnd(container.name);
    this.#step();
  }

  /** News from the API. */
  update(pod: Pod): void {
    if (this.#take(pod)) this.#step();
  }

  /** The API has no such pod any more. */
  vanish(): void {
    this.#vanished = true;
    this.#step();
  }

  /** The machine dies under the pod. Resolves when no process is left. */
  async crash(): Promise<void> {
    this.#down = true;
    this.#life += 1;
    clearTimeout(this.#timer);
    const dying = [...this.#running.values()];
    for (const running of dying) running.stop(0);
    for (const [name, record] of this.#records) this.#records.set(name, afterMachineLoss(record, Date.now()));
    this.#running.clear();
    await Promise.allSettled([...dying.map((running) => running.exited), ...this.#starting.values()]);
  }

  /** Ends everything at once and writes no more. Resolves when no process is left. */
  async close(): Promise<void> {
    this.#over.abort();
    await this.crash();
  }

  /** True when `pod` is news. */
  #take(pod: Pod): boolean {
    if (isOlder(pod.metadata.resourceVersion, this.#pod.metadata.resourceVersion)) return false;
    this.#pod = pod;
    return true;
  }

  #forgetEnd(name: string): void {
    const record = this.#records.get(name);
    if (record?.state.terminated === undefined) return;
    this.#records.set(name, {
      ...record,
      lastState: record.state,
      state: { waiting: { reason: 'PodInitializing' } },
    });
  }

  #plan(): PodPlan {
    return planPod(this.#pod.spec, this.#records, Date.now());
  }

  #isStopping(): boolean {
    const phase = this.#pod.status?.phase;
    return (
      this.#vanished ||
      this.#pod.metadata.deletionTimestamp !== undefined ||
      phase === 'Succeeded' ||
      phase === 'Failed'
    );
  }

  #isFinal(plan: PodPlan): boolean {
    const stopping = this.#isStopping() || plan.outcome !== undefined;
    return stopping && this.#running.size === 0 && this.#starting.size === 0;
  }

  #step(): void {
    if (this.#down || this.#over.signal.aborted) return;
    clearTimeout(this.#timer);
    const plan = this.#plan();
    if (this.#isStopping()) this.#stop(this.#grace());
    else if (plan.outcome !== undefined) this.#stop(this.#specGrace());
    else {
      for (const container of plan.start) if (!this.#starting.has(container.name)) this.#begin(container);
      if (plan.wakeAt !== undefined)
        this.#timer = setTimeout(() => this.#step(), Math.max(plan.wakeAt - Date.now(), 1));
    }
    if (this.#vanished && this.#isFinal(plan)) {
      this.#over.abort();
      this.#host.forget();
    } else this.#writer.touch();
  }

  #specGrace(): Duration {
    return (this.#pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE) * SECOND;
  }

  /**
   * A pod that vanished without a deletion that we saw (a forced delete while we were cut off) is given its own grace
   * period, as a kubelet does: its process lives on for that long. One that we saw is what the API says, down to 0.
   */
  #grace(): Duration {
    const seconds = this.#pod.metadata.deletionGracePeriodSeconds;
    return seconds === undefined ? this.#specGrace() : seconds * SECOND;
  }

  #stop(grace: Duration): void {
    this.#stopBy = Math.min(this.#stopBy ?? Infinity, Date.now() + grace);
    const left = Math.max(this.#stopBy - Date.now(), 0);
    const all = [...this.#running.values()];
    const mains = all.filter((running) => !isSidecar(running.container));
    for (const running of mains.length > 0 && left > 0 ? mains : all)
      if (running.stop(left))
        this.#tell(running.container, 'Killing', `Stopping container ${running.container.name}`);
  }

  #tell(container: ContainerSpec, reason: EventReason, message: string): void {
    this.#host.events.tell(this.#pod, container, reason, message);
  }

  #begin(container: ContainerSpec): void {
    this.#starting.set(container.name, this.#attempt(container));
  }

  async #attempt(container: ContainerSpec): Promise<void> {
    try {
      await this.#start(container, this.#life);
    } catch (error) {
      this.#refuse(container, 'CreateContainerError', String(error));
    }
    this.#starting.delete(container.name);
    this.#step();
  }

  #refuse(container: ContainerSpec, reason: string, message: string): void {
    const record = recordOf(this.#records, container);
    // It is tried again every second, and told once.
    if (record.state.waiting?.message !== message) this.#tell(container, 'Failed', `Error: ${message}`);
    this.#records.set(container.name, afterFailedStart(record, reason, message, Date.now() + CONFIG_RETRY));
  }

  async #start(container: ContainerSpec, life: number): Promise<void> {
    const { host, attempt } = { host: this.#host, attempt: recordOf(this.#records, container).starts };
    const launch = await host.prepare(this.#pod, container, attempt);
    const isVoid = (): boolean => life !== this.#life || this.#isStopping();
    if (isVoid()) return;
    if (launch.kind === 'missing')
      return this.#refuse(container, 'CreateContainerConfigError', launch.message);
    this.#tell(container, 'Pulled', `Container image "${container.image ?? ''}" already present on machine`);
    const process = await host.runtime.start(launch.value);
    if (life !== this.#life) {
      process.terminate(0);
      await process.exited;
      return;
    }
    this.#tell(container, 'Created', `Created container: ${container.name}`);
    this.#tell(container, 'Started', `Started container ${container.name}`);
    const probed = {
      startup: !host.simulate && container.startupProbe !== undefined,
      readiness: !host.simulate && container.readinessProbe !== undefined,
    };
    const record = afterStart(
      recordOf(this.#records, container),
      `sandbox://${randomUUID()}`,
      Date.now(),
      probed,
    );
    this.#records.set(container.name, record);
    const running = new RunningContainer(container, process, launch.value, host);
    this.#running.set(container.name, running);
    void running.exited.then((exit) => this.#ended(running, exit));
    if (!host.simulate) this.#probe(running);
  }

  #probe(running: RunningContainer): void {
    const { name } = running.container;
    const note = (change: Partial<ContainerRecord>): void => {
      const record = this.#records.get(name);
      if (record === undefined || this.#running.get(name) !== running) return;
      this.#records.set(name, { ...record, ...change });
      this.#step();
    };
    running.probe({
      started: () => note({ started: true, ready: running.container.readinessProbe === undefined }),
      ready: (ready) => note({ ready }),
      unhealthy: (probe) => {
        this.#host.log(`${probe} probe of ${this.#pod.metadata.name}/${name} failed, container is restarted`);
        if (running.stop(this.#specGrace()))
          this.#tell(
            running.container,
            'Killing',
            `Container ${name} failed ${probe} probe, will be restarted`,
          );
      },
    });
  }

  #ended(running: RunningContainer, exit: Exit): void {
    const { name } = running.container;
    if (this.#running.get(name) !== running) return;
    this.#running.delete(name);
    const record = recordOf(this.#records, running.container);
    this.#records.set(name, afterExit(record, exit, Date.now(), this.#host.restartBackoff));
    this.#step();
  }

  #status(): PodStatus {
    const plan = this.#plan();
    return buildStatus({
      pod: this.#pod,
      place: this.#host.place,
      records: this.#records,
      plan,
      final: this.#isFinal(plan),
      startTime: this.#startTime,
      now: Date.now(),
    });
  }
}
