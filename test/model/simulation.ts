/** Electors, a store, a cluster and the network between them, in virtual time: what schedules and scenarios run on. */
import { createMemoryLocks } from '../../src/adapters/lock/memory.ts';
import type { MemoryLocks } from '../../src/adapters/lock/memory.ts';
import type { ElectionEvent } from '../../src/core/election/events.ts';
import { formatHolder, type Place } from '../../src/core/election/holder-name.ts';
import { planTiming } from '../../src/core/election/timing.ts';
import type { Timing } from '../../src/core/election/timing.ts';
import type { LockStore } from '../../src/ports/lock-store.ts';
import { createElector } from '../../src/runtime/elector.ts';
import type { Elector } from '../../src/runtime/elector.ts';
import type { Leadership } from '../../src/runtime/term.ts';
import { Cluster } from './cluster.ts';
import { FaultyPath } from './network.ts';
import { SeededRandom } from './random.ts';
import { Referee } from './referee.ts';
import { both, openSingletonWorld, superviseSingletons, type SingletonWorld } from './singletons.ts';
import { Host, World } from './world.ts';
import { GuardedWork } from './writer.ts';

export const LOCK_NAME = 'highlander-default';

/** All containers are of one pod: they are told apart by their names. */
const POD = '00000000-0000-4000-8000-000000000000';

export interface ProcessSettings {
  readonly remainsFollower?: boolean;
  readonly fingerprint?: string;
  readonly container?: string;
}

/** One controller process. */
export interface Process {
  readonly id: string;
  readonly container: string | undefined;
  readonly name: string;
  readonly host: Host;
  readonly elector: Elector;
  /** To the lock store, to the anchor, and to the guarded objects. */
  readonly paths: { readonly store: FaultyPath; readonly anchor: FaultyPath; readonly objects: FaultyPath };
  readonly contends: boolean;
  isDone: boolean;
  stop(): void;
  /** Breaks or heals the subscription to the lock. */
  setSubscription(isUp: boolean): void;
}

export interface SimulationOptions {
  readonly seed: number;
  readonly ttl: number;
  readonly objects?: number;
  /** Largest deviation of a host's clock rate from 1. */
  readonly clockError?: number;
  /** Every process reconciles real workloads on a simulated API server as well. */
  readonly hasSingletons?: boolean;
  readonly onEvent?: (at: number, name: string, event: ElectionEvent) => void;
}

export class Simulation {
  readonly world = new World();
  readonly random: SeededRandom;
  readonly timing: Timing;
  readonly locks: MemoryLocks;
  readonly cluster: Cluster;
  readonly referee: Referee;
  readonly processes: Process[] = [];
  /** The API server, the machines around it and who looks on; only with singletons. */
  readonly singletons: SingletonWorld | undefined;
  readonly #options: SimulationOptions;
  #started = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.random = new SeededRandom(options.seed);
    const plan = planTiming(options.ttl);
    if ('problem' in plan) throw new Error(plan.problem.message);
    this.timing = plan.timing;
    this.locks = createMemoryLocks({ now: () => this.world.now });
    this.cluster = new Cluster(options.objects ?? 2);
    this.referee = new Referee(this.world, this.locks, LOCK_NAME, this.cluster);
    if (options.hasSingletons === true)
      this.singletons = openSingletonWorld(this.world, this.random, (...violation) =>
        this.referee.fail(...violation),
      );
  }

  /** Ends a process, and starts another one in its container, as a kubelet does: the death of the first is proven. */
  restartInPlace(process: Process): Process {
    const { id, container } = process;
    if (container === undefined) throw new Error(`${process.name} does not run in a container`);
    this.referee.dead.add(process.name);
    return this.start(id, { container });
  }

  /** Starts a process, in this container if one is named. Two of one `id` are two processes all the same. */
  start(id: string, settings: ProcessSettings = {}): Process {
    const { world, random, timing, cluster, referee } = this;
    this.#started += 1;
    const { container } = settings;
    const place: Place =
      container === undefined
        ? { kind: 'named', name: 'host' }
        : { kind: 'container', podUid: POD, container };
    const name = formatHolder(id, place, String(this.#started));
    const deviation = this.#options.clockError ?? 0.01;
    const host = new Host(world, 1 + random.between(-deviation, deviation), random.between(0, 1e6));
    const paths = {
      store: new FaultyPath(world, host, random, referee.witness),
      anchor: new FaultyPath(world, host, random),
      objects: new FaultyPath(world, host, random),
    };
    const subscription = new Subscription();
    const stopping = new AbortController();
    const elector = createElector(
      {
        store: this.#connect(paths.store, subscription),
        anchor: cluster.anchorVia(paths.anchor),
        system: { clock: host.clock, random: { uniform: () => random.uniform(), uuid: () => this.#uuid() } },
        leadership: this.#work(name, host, paths.objects),
        observe: (event) => {
          if (event.kind === 'leadership-lost') referee.losses += 1;
          this.#options.onEvent?.(world.now, name, event);
        },
      },
      {
        name: LOCK_NAME,
        holder: name,
        timing,
        fingerprint: settings.fingerprint ?? 'memory|simulated',
        remainsFollower: settings.remainsFollower ?? false,
      },
    );
    const process: Process = {
      id,
      container,
      name,
      host,
      elector,
      paths,
      contends: settings.remainsFollower !== true,
      isDone: false,
      stop: () => host.deliver(() => stopping.abort()),
      setSubscription: (isUp) => host.deliver(() => subscription.set(isUp)),
    };
    this.processes.push(process);
    const run = async (): Promise<void> => {
      try {
        await elector.run(stopping.signal);
        process.isDone = true;
      } catch (error) {
        referee.fail('run', describe(error));
      }
    };
    void run();
    return process;
  }

  /** Processes that are up, in whatever condition. */
  get alive(): Process[] {
    return this.processes.filter(({ host, isDone }) => !host.isDead && !isDone);
  }

  /** The process that may act now. */
  get leader(): Process | undefined {
    const actor = this.referee.actor();
    return this.processes.find(({ name }) => name === actor);
  }

  /** Lets time pass; false when an invariant broke. */
  async run(duration: number): Promise<boolean> {
    await this.world.runUntil(this.world.now + duration, () => this.referee.check());
    return this.referee.violation === undefined;
  }

  /** Lets time pass until `isTrue`, at most `limit`; how long it took, or undefined. */
  async runUntil(isTrue: () => boolean, limit: number): Promise<number | undefined> {
    const begin = this.world.now;
    let isReached = isTrue();
    if (!isReached)
      await this.world.runUntil(begin + limit, () => {
        isReached = isTrue();
        return this.referee.check() && !isReached;
      });
    return isReached ? this.world.now - begin : undefined;
  }

  thaw(process: Process): void {
    process.host.thaw((items) => {
      const rest = [...items];
      const shuffled: (() => void)[] = [];
      while (rest.length > 0)
        shuffled.push(...rest.splice(Math.floor(this.random.uniform() * rest.length), 1));
      return shuffled;
    });
  }

  #work(name: string, host: Host, path: FaultyPath): Leadership {
    const { world, random, cluster, referee, timing, singletons } = this;
    const guarded = new GuardedWork({ name, host, cluster, path, random, referee, rest: timing.ttl / 4 });
    if (singletons === undefined) return guarded;
    const { server } = singletons;
    const onFatal = (error: unknown): void => referee.fail('run', describe(error));
    return both(guarded, superviseSingletons({ name, host, world, server, path, random, onFatal }));
  }

  #connect(path: FaultyPath, subscription: Subscription): LockStore {
    const client = this.locks.connect(path);
    return {
      ...client,
      acquire: async (request, signal) => {
        this.referee.sendsAcquire(request.nonce);
        return client.acquire(request, signal);
      },
      subscribe: async (name, onHint, onState, signal) => {
        subscription.onState = onState;
        await client.subscribe(
          name,
          (hint) => {
            if (subscription.isUp) path.push(() => onHint(hint));
          },
          onState,
          signal,
        );
      },
    };
  }

  #uuid(): string {
    const word = (): string =>
      Math.floor(this.random.uniform() * 2 ** 32)
        .toString(16)
        .padStart(8, '0');
    return word() + word();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

class Subscription {
  isUp = true;
  onState: (up: boolean) => void = () => {};

  set(isUp: boolean): void {
    this.isUp = isUp;
    this.onState(isUp);
  }
}
