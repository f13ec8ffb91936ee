/** One random schedule: a time of faults, then calm in which the promises of liveness are called in. */
import type { Process } from './simulation.ts';
import { LOCK_NAME, Simulation } from './simulation.ts';
import { CALM } from './network.ts';
import type { Weather } from './network.ts';
import { SeededRandom } from './random.ts';
import type { Violation } from './referee.ts';
import { meddle } from './meddling.ts';
import { SIMULATED_WORKLOADS } from './singletons.ts';

export interface ScheduleResult {
  readonly seed: number;
  readonly violation: Violation | undefined;
  /** How many things happened: messages, timers, faults. */
  readonly events: number;
  /** Changes of leader in the time of faults, and in all. */
  readonly takeoversUnderFaults: number;
  readonly takeovers: number;
  /** Replies lost although their request had been applied. */
  readonly lostReplies: number;
  /** How many faults the schedule has, those that were left out included. */
  readonly faults: number;
  /** Instances that were permitted; 0 without singletons. */
  readonly permits: number;
  /** Whether the controllers reconciled workloads. */
  readonly hasSingletons: boolean;
}

export interface ScheduleOptions {
  /** The controllers reconcile workloads, which are meddled with as well. */
  readonly hasSingletons?: boolean;
  readonly trace?: (line: string) => void;
  /** Numbers of the faults that are left out. */
  readonly without?: ReadonlySet<number>;
}

/** Runs the schedule of this seed. The same seed, with the same faults left out, gives the same transcript. */
export async function runSchedule(
  seed: number,
  { trace, hasSingletons = false, without = new Set() }: ScheduleOptions = {},
): Promise<ScheduleResult> {
  const ttl = [1500, 2000, 5000, 8000][seed % 4] ?? 5000;
  const simulation = new Simulation({
    seed,
    ttl,
    hasSingletons,
    ...(trace === undefined
      ? {}
      : {
          onEvent: (at, name, { kind, ...facts }) => {
            const known = Object.entries(facts).map(([key, value]) => ` ${key}=${value}`);
            trace(`${at.toFixed(1).padStart(9)} ${name} ${kind}${known.join('')}`);
          },
        }),
  });
  const schedule = new Schedule({
    simulation,
    seed,
    ttl,
    without,
    trace: (line) => trace?.(`${simulation.world.now.toFixed(1).padStart(9)} ! ${line}`),
  });
  await schedule.run();
  const { referee, world, processes } = simulation;
  const changes = referee.terms.filter(
    ({ name }, index) => index > 0 && referee.terms[index - 1]?.name !== name,
  );
  return {
    seed,
    violation: referee.violation,
    events: world.happened,
    takeoversUnderFaults: changes.filter(({ at }) => at <= schedule.calmSince).length,
    takeovers: changes.length,
    lostReplies: processes.reduce(
      (sum, { paths }) =>
        sum +
        paths.store.traffic.droppedReplies +
        paths.anchor.traffic.droppedReplies +
        paths.objects.traffic.droppedReplies,
      0,
    ),
    faults: schedule.faults,
    hasSingletons,
    permits: simulation.singletons?.referee.permits ?? 0,
  };
}

interface SchedulePlan {
  readonly simulation: Simulation;
  readonly seed: number;
  readonly ttl: number;
  readonly without: ReadonlySet<number>;
  readonly trace: (line: string) => void;
}

class Schedule {
  calmSince = Infinity;
  faults = 0;
  readonly #simulation: Simulation;
  readonly #seed: number;
  readonly #ttl: number;
  readonly #without: ReadonlySet<number>;
  readonly #trace: (line: string) => void;
  #climate: Weather = { ...CALM };
  /** Requests of the time of faults may still arrive. */
  #strays = false;

  constructor({ simulation, seed, ttl, without, trace }: SchedulePlan) {
    this.#simulation = simulation;
    this.#seed = seed;
    this.#ttl = ttl;
    this.#without = without;
    this.#trace = trace;
  }

  async run(): Promise<void> {
    const { random, world } = this.#simulation;
    this.#climate = {
      ...CALM,
      latency: random.pick([5, 20, this.#ttl * 0.05, this.#ttl * 0.15]),
      dropRequest: random.pick([0, 0.02, 0.1]),
      dropReply: random.pick([0, 0.02, 0.1]),
      straggle: random.pick([0, 0.02, 0.1]),
      straggleUpTo: this.#ttl * random.pick([0.3, 1, 3]),
    };
    const processes = 2 + Math.floor(random.uniform() * 4);
    for (let index = 0; index < processes; index += 1)
      world.at(random.between(0, this.#ttl), () => this.#start());
    const end = this.#ttl * random.between(4, 8);
    for (let at = this.#ttl * 1.2; at < end; at += this.#ttl * random.between(0.1, 1.2)) {
      // Each with chances of its own, so that it stays what it is when another one is left out.
      const chances = new SeededRandom(this.#seed * 1000 + this.faults);
      if (!this.#without.has(this.faults)) world.at(at, () => this.#fault(chances));
      this.faults += 1;
    }
    if (!(await this.#simulation.run(end))) return;
    await this.#calm();
  }

  #start(remainsFollower = this.#simulation.random.chance(0.03)): void {
    // Few ids for many processes: equal ids must exclude each other like different ones.
    const id = this.#simulation.random.pick(['a', 'b', 'c']);
    const container = `c${this.#simulation.processes.length}`;
    const process = this.#simulation.start(id, { remainsFollower, container });
    this.#weather(process);
    this.#trace(`start ${process.name}${remainsFollower ? ', remains follower' : ''}`);
  }

  #weather({ paths }: Process): void {
    for (const path of Object.values(paths)) path.weather = { ...this.#climate };
  }

  /** Mostly the leader: that is where faults hurt. */
  #victim(random: SeededRandom): Process | undefined {
    const { alive, leader } = this.#simulation;
    if (leader !== undefined && random.chance(0.6)) return leader;
    return alive.length === 0 ? undefined : random.pick(alive);
  }

  #fault(random: SeededRandom): void {
    const simulation = this.#simulation;
    const { world, referee } = simulation;
    const victim = this.#victim(random);
    if (victim === undefined) return;
    const lasts = this.#ttl * random.between(0.1, 2.2);
    const later = (run: () => void): void => {
      world.at(world.now + lasts, run);
    };
    const say = (what: string): void => this.#trace(`${what} ${victim.name} for ${lasts.toFixed(0)} ms`);
    const faults: (() => void)[] = [
      () => {
        const isSuspended = random.chance(0.4);
        say(isSuspended ? 'suspend' : 'pause');
        victim.host.freeze(isSuspended);
        later(() => simulation.thaw(victim));
      },
      () => {
        say('crash');
        victim.host.crash();
        if (random.chance(0.5)) return later(() => this.#start());
        world.at(world.now + this.#ttl * random.between(0.05, 1.5), () => {
          this.#trace(`restart in place of ${victim.name}`);
          this.#weather(simulation.restartInPlace(victim));
        });
      },
      () => {
        say('stop');
        victim.stop();
        later(() => this.#start());
      },
      () => {
        say('cut off from the store');
        const cut = random.pick([{ dropRequest: 1 }, { dropReply: 1 }, { isRefusing: true }]);
        victim.paths.store.weather = { ...this.#climate, ...cut };
        later(() => {
          victim.paths.store.weather = { ...this.#climate };
        });
      },
      () => {
        say('cut off from the cluster');
        const cut = random.pick([{ dropRequest: 1 }, { dropReply: 1 }, { straggle: 1 }]);
        for (const path of [victim.paths.anchor, victim.paths.objects])
          path.weather = { ...this.#climate, ...cut };
        later(() => {
          for (const path of [victim.paths.anchor, victim.paths.objects]) path.weather = { ...this.#climate };
          simulation.cluster.redeliver();
        });
      },
      () => {
        say('store down, not only for');
        for (const { paths } of simulation.alive)
          paths.store.weather = { ...this.#climate, isRefusing: true };
        later(() => {
          for (const { paths } of simulation.alive) paths.store.weather = { ...this.#climate };
        });
      },
      () => {
        say('wall clock jumps on');
        // Set while the machine sleeps, it could hide the sleep: no process can tell.
        if (victim.host.isRunning) victim.host.jumpWall(random.between(-1, 1) * this.#ttl);
      },
      () => {
        say('subscription down on');
        victim.setSubscription(false);
        later(() => victim.setSubscription(true));
      },
      () => {
        say('namespace missing, noticed not only by');
        simulation.cluster.isNamespaceMissing = true;
        later(() => {
          simulation.cluster.isNamespaceMissing = false;
        });
      },
      () => {
        if (random.chance(0.5)) {
          this.#trace('the store evicts the lock');
          return simulation.locks.evict(LOCK_NAME);
        }
        this.#trace('the store loses its data');
        return referee.loseData();
      },
      ...meddle(simulation, random, lasts, {
        trace: this.#trace,
        climate: this.#climate,
        restart: () => this.#start(),
      }),
    ];
    random.pick(faults)();
  }

  /** Everything heals; what is still on its way may arrive. Then somebody must lead, and replace whoever stops leading. */
  async #calm(): Promise<void> {
    const simulation = this.#simulation;
    const { random, referee, world } = simulation;
    this.#trace('calm');
    this.calmSince = world.now;
    simulation.cluster.isNamespaceMissing = false;
    const { straggle, straggleUpTo } = this.#climate;
    this.#strays = straggle > 0;
    this.#climate = { ...CALM };
    for (const process of simulation.alive) {
      simulation.thaw(process);
      world.at(world.now + 1, () => process.setSubscription(true));
      for (const path of Object.values(process.paths)) path.weather = { ...CALM };
    }
    while (simulation.alive.filter(({ contends }) => contends).length < 2) this.#start(false);
    // A request that strays may take the lock for a process long dead, and a refused one may be resting.
    const stragglers = straggle === 0 ? 0 : 2 * straggleUpTo + this.#ttl;
    const isRefused = simulation.alive.some(({ elector }) => elector.view().anchorRefused !== undefined);
    const first = await simulation.runUntil(
      () => simulation.leader !== undefined,
      2 * this.#ttl + 500 + stragglers + (isRefused ? 30_000 : 0),
    );
    if (first === undefined) return referee.fail('I9', 'nobody leads though everything is healthy');
    if (!(await simulation.run(random.between(0.2, 1) * this.#ttl))) return;
    if (!(await this.#expectInstances())) return;
    return random.chance(0.5) ? this.#expectTakeover() : this.#expectHandover();
  }

  /** Every workload has an instance again, within a minute: what is stopped may take its time. */
  async #expectInstances(): Promise<boolean> {
    const { singletons, referee } = this.#simulation;
    if (singletons === undefined) return true;
    const isBack = (): boolean => singletons.referee.running === SIMULATED_WORKLOADS.length;
    const took = await this.#simulation.runUntil(isBack, 60_000);
    if (took === undefined) referee.fail('I9', 'a workload has no instance though everything is healthy');
    return referee.violation === undefined;
  }

  /** A crash in quiet times: the lock expires, or its container runs again, and the next one leads about 100 ms later. */
  async #expectTakeover(): Promise<void> {
    const simulation = this.#simulation;
    const { leader, referee, locks } = simulation;
    if (leader === undefined || !this.#isQuiet()) return;
    this.#trace(`crash ${leader.name}`);
    leader.host.crash();
    const isProven = simulation.random.chance(0.5);
    if (isProven) this.#weather(simulation.restartInPlace(leader));
    const crashedAt = simulation.world.now;
    // Not `crash + T`: a renewal that strays may still prolong the lock of the dead.
    const isLate = (): boolean =>
      simulation.world.now >
      (isProven && !this.#strays ? crashedAt : (locks.peek(LOCK_NAME)?.until ?? 0)) +
        500 +
        this.#amnesiaWait();
    await simulation.runUntil(() => simulation.leader !== undefined || isLate(), 5 * this.#ttl);
    if (simulation.leader === undefined)
      referee.fail('I9', 'no leader 500 ms after the lock of the dead expired, or its container ran again');
  }

  /** A stop in quiet times: drained, released, and the next one leads within half a second of the release. */
  async #expectHandover(): Promise<void> {
    const simulation = this.#simulation;
    const { leader, referee, locks } = simulation;
    if (leader === undefined || !this.#isQuiet()) return;
    this.#trace(`stop ${leader.name}`);
    leader.stop();
    await simulation.runUntil(() => leader.isDone, this.#ttl);
    // An attempt that strays may take the lock for a caller that gave it up.
    if (locks.peek(LOCK_NAME)?.isReleased !== true || this.#strays) return;
    const took = await simulation.runUntil(() => simulation.leader !== undefined, 500 + this.#amnesiaWait());
    if (took === undefined) referee.fail('I9', 'no leader within 500 ms of a release');
  }

  /** A follower that saw epochs which the store forgot waits one TTL more when it wins. */
  #amnesiaWait(): number {
    return this.#simulation.referee.lostDataAt === -Infinity ? 0 : this.#ttl;
  }

  /** Faults are long over, so that bounds for healthy times apply: nobody is backing off, nothing strays. */
  #isQuiet(): boolean {
    const { alive, leader } = this.#simulation;
    return alive.some((process) => {
      const view = process.elector.view();
      return (
        process !== leader &&
        process.contends &&
        view.role === 'follower' &&
        view.store.up &&
        view.anchorRefused === undefined
      );
    });
  }
}
