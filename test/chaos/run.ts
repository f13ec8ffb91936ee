/**
 * One chaos run: real controllers on the real control plane and a real store, faults by the plan of the seed, and at the
 * end everything heals and must be well again. The facts are collected from outside: the store's witness, the audit log,
 * the logs of the controllers and their answers about themselves.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { tail, type ControllerProcess } from '../../sandbox/controller-process.ts';
import { startProxy, type Proxy } from '../../sandbox/proxy.ts';
import { refereedProcess } from '../../sandbox/referee.ts';
import { ANNOTATION } from '../../src/core/workload/names.ts';
import { openWorld, type World } from '../e2e/world.ts';
import type { Fact, WriteFact } from './history.ts';
import { planFaults, type Plan, type PlannedFault, type Wire } from './schedule.ts';
import { openChaosStore, type ChaosStore } from './stores.ts';
import { microseconds } from './witness.ts';

const TENANT = 'chaos';
const WORKLOADS = ['chaos-one', 'chaos-two', 'chaos-three'];
const SAMPLE_MS = 250;

/** Runs it; `say` is told what happens. The whole world is gone when it resolves. */
export async function runChaos(plan: Plan, say: (text: string) => void): Promise<readonly Fact[]> {
  const world = await openWorld();
  const run = new ChaosRun(plan, world, say);
  try {
    return await run.run();
  } finally {
    await run.close();
    await world.stop();
  }
}

/** A place for a controller: processes follow each other in it, and share its wires. */
interface Slot {
  process: ControllerProcess | undefined;
  readonly api: Proxy;
  incarnation: number;
  /** SIGSTOPped, by as many faults. */
  pauses: number;
}

class ChaosRun {
  readonly #plan: Plan;
  readonly #world: World;
  readonly #say: (text: string) => void;
  readonly #facts: Fact[] = [];
  readonly #slots: Slot[] = [];
  readonly #all: ControllerProcess[] = [];
  /** What ends later by itself: restarts and heals. */
  readonly #pending = new Set<Promise<void>>();
  #store: ChaosStore | undefined;
  #storePauses = 0;
  #isOver = false;

  constructor(plan: Plan, world: World, say: (text: string) => void) {
    this.#plan = plan;
    this.#world = world;
    this.#say = say;
  }

  async run(): Promise<readonly Fact[]> {
    const { seed, store, ttl, controllers, duration } = this.#plan;
    const minutes = duration / 60_000;
    this.#facts.push({ kind: 'run', at: Date.now(), store, seed, ttl, controllers, minutes });
    const pids = (): readonly number[] => this.#slots.map(({ process }) => process?.pid ?? -1);
    this.#store = await openChaosStore(store, { world: this.#world, tenant: TENANT, controllers, pids });
    const { hostname: host, port } = new URL(this.#world.sandbox.server);
    for (let number = 0; number < controllers; number += 1) {
      const api = await startProxy({ host, port: Number(port) });
      this.#slots.push({ process: undefined, api, incarnation: 0, pauses: 0 });
      await this.#start(number);
    }
    for (const name of WORKLOADS) await this.#world.running(name, 90_000);
    const sampling = this.#sample();
    await this.#cause(planFaults(this.#plan));
    await this.#heal();
    this.#isOver = true;
    await sampling;
    this.#readLogs();
    await this.#readWrites();
    this.#facts.push(...(await this.#store.facts()));
    for (const text of this.#world.referee.violations())
      this.#facts.push({ kind: 'objection', at: Date.now(), invariant: 'I8', text });
    return this.#facts;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#store?.resume();
    await Promise.all(this.#all.map((controller) => controller.destroy()));
    await Promise.all(this.#slots.map(({ api }) => api.close()));
    await this.#store?.stop();
  }

  /** A new process has a name and a user of its own, so that each write has one author. */
  async #start(number: number): Promise<void> {
    const slot = this.#slot(number);
    slot.incarnation += 1;
    const id = `c${number + 1}-${slot.incarnation}`;
    const workloads = {
      processes: WORKLOADS.map((name) => refereedProcess(name, this.#world.referee.dir)),
    };
    const config = {
      tenant: TENANT,
      leaderLockTTL: `${this.#plan.ttl}ms`,
      workloads,
      ...this.#store?.config,
    };
    const server = `https://127.0.0.1:${slot.api.port}`;
    slot.process = await this.#world.controller(id, config, { server });
    slot.pauses = 0;
    this.#all.push(slot.process);
  }

  async #cause(faults: readonly PlannedFault[]): Promise<void> {
    const begin = performance.now();
    for (const fault of faults) {
      await sleep(Math.max(0, begin + fault.at - performance.now()));
      this.#apply(fault);
    }
    await sleep(Math.max(0, begin + this.#plan.duration - performance.now()));
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #apply(fault: PlannedFault): void {
    const number = this.#victim(fault);
    const slot = this.#slot(number);
    const { process } = slot;
    if (process === undefined) return;
    switch (fault.kind) {
      case 'pause':
        this.#note(fault, process.id, false);
        slot.pauses += 1;
        process.kill('SIGSTOP');
        return this.#after(fault.lasts, () => {
          if (slot.process !== process) return;
          slot.pauses -= 1;
          if (slot.pauses === 0) process.kill('SIGCONT');
        });
      case 'kill':
        return this.#kill(fault, number, process);
      case 'terminate':
        this.#note(fault, process.id, false);
        process.kill('SIGTERM');
        return this.#after(fault.lasts, async () => {
          // One that is stopped, or cannot drain, is helped; it keeps the lock until its time is up.
          await Promise.race([process.exited, sleep(2 * this.#plan.ttl)]);
          if (slot.process !== process) return;
          await process.destroy();
          await this.#start(number);
        });
      case 'store-wire':
        return this.#breakWire(fault, this.#store?.door?.wires[number], process.id, false);
      case 'api-wire':
        return this.#breakWire(fault, slot.api, process.id, true);
      case 'store-pause':
        this.#note(fault, 'store', this.#store?.isApiServer ?? false);
        this.#storePauses += 1;
        if (this.#storePauses === 1) this.#store?.pause();
        return this.#after(fault.lasts, () => this.#resumeStore());
      case 'store-restart':
        return this.#restartStore(fault);
      case 'pod-delete':
      case 'pod-delete-by-force':
        return this.#deletePod(fault, number);
    }
  }

  #kill(fault: PlannedFault, number: number, process: ControllerProcess): void {
    const slot = this.#slot(number);
    const term = leadingTerm(process);
    const { id } = process;
    this.#note(fault, id, false);
    slot.process = undefined;
    process.kill('SIGKILL');
    this.#facts.push({ kind: 'killed', at: Date.now(), who: id, ...(term === undefined ? {} : { term }) });
    this.#after(fault.lasts, async () => {
      await process.exited;
      await this.#start(number);
    });
  }

  #breakWire(fault: PlannedFault, wire: Proxy | undefined, who: string, delaysWrites: boolean): void {
    if (wire === undefined) return;
    this.#note(fault, who, delaysWrites);
    breakWire(wire, fault.wire, this.#plan.ttl / 10);
    this.#after(fault.lasts, () => wire.restore());
  }

  #resumeStore(): void {
    this.#storePauses -= 1;
    if (this.#storePauses === 0) this.#store?.resume();
  }

  #restartStore(fault: PlannedFault): void {
    const store = this.#store;
    if (store?.restart === undefined || this.#storePauses > 0) return;
    this.#note(fault, 'store', false);
    this.#storePauses += 1; // nobody stops it meanwhile
    if (store.forgets) this.#facts.push({ kind: 'data-lost', at: Date.now() });
    const restart = async (): Promise<void> => {
      await store.restart?.();
      this.#storePauses -= 1;
    };
    this.#track(restart());
  }

  #deletePod(fault: PlannedFault, number: number): void {
    const name = WORKLOADS[number % WORKLOADS.length] ?? '';
    this.#note(fault, name, false);
    const path = `/api/v1/namespaces/default/pods/${name}-pod`;
    const body = fault.kind === 'pod-delete' ? {} : { gracePeriodSeconds: 0 };
    // An API server that is stopped just now does not answer: then it was not deleted, which is as well.
    const remove = async (): Promise<void> => {
      await this.#world.sandbox.api.request('DELETE', path, { body }).catch(() => {});
    };
    this.#track(remove());
  }

  #victim({ victim }: PlannedFault): number {
    if (victim !== 'leader') return victim;
    const leading = this.#slots.findIndex(
      ({ process }) => process !== undefined && leadingTerm(process) !== undefined,
    );
    return Math.max(0, leading);
  }

  #slot(number: number): Slot {
    const slot = this.#slots[number];
    if (slot === undefined) throw new Error(`no controller ${number}`);
    return slot;
  }

  #note({ kind, lasts, wire }: PlannedFault, on: string, delaysWrites: boolean): void {
    const at = Date.now();
    const fault = kind.endsWith('wire') ? `${kind} ${wire}` : kind;
    this.#facts.push({ kind: 'fault', at, until: at + lasts, fault, on, delaysWrites });
    this.#say(`${fault} ${on} for ${lasts.toFixed(0)} ms`);
  }

  #after(duration: number, act: () => void | Promise<void>): void {
    this.#track(sleep(duration).then(act));
  }

  #track(work: Promise<void>): void {
    const watch = async (): Promise<void> => {
      try {
        await work;
      } catch (error) {
        this.#facts.push({ kind: 'objection', at: Date.now(), invariant: 'run', text: String(error) });
      } finally {
        this.#pending.delete(done);
      }
    };
    const done = watch();
    this.#pending.add(done);
  }

  /** Everything is whole again: somebody must lead and each workload run once. */
  async #heal(): Promise<void> {
    this.#say('everything heals');
    const live = this.#slots.flatMap(({ process }) => process ?? []);
    try {
      await this.#world.leader(live, 20 * this.#plan.ttl);
      for (const name of WORKLOADS) await this.#world.running(name, 90_000);
    } catch (error) {
      const logs = live.map(({ id, log }) => `${id}:\n${tail(log)}`).join('\n');
      const text = `not well again after the faults: ${String(error)}\n${logs}`;
      this.#facts.push({ kind: 'objection', at: Date.now(), invariant: 'I9', text });
    }
  }

  /** Asks who leads until the run is over. */
  async #sample(): Promise<void> {
    while (!this.#isOver) {
      await Promise.all(this.#slots.map(({ process }) => this.#sampleOne(process)));
      await sleep(SAMPLE_MS);
    }
  }

  async #sampleOne(process: ControllerProcess | undefined): Promise<void> {
    if (process === undefined || leadingTerm(process) === undefined) return;
    const at = Date.now();
    // One that sleeps does not answer.
    const answer = await Promise.race([process.get('/api/v1/leader').catch(() => {}), sleep(SAMPLE_MS)]);
    if (answer === undefined || answer.status !== 200) return;
    const { isSelf, term, lease } = JSON.parse(answer.body) as LeaderAnswer;
    if (isSelf && term !== null && lease.remainingMs !== null)
      this.#facts.push({ kind: 'validity', at, who: process.id, term, remaining: lease.remainingMs });
  }

  #readLogs(): void {
    const kinds = {
      'leader-elected': 'elected',
      'leadership-lost': 'lost',
      'leadership-released': 'released',
    };
    for (const { id, log } of this.#all)
      for (const { msg, time, term } of log) {
        const kind = kinds[msg as keyof typeof kinds] as 'elected' | 'lost' | 'released' | undefined;
        if (kind !== undefined) this.#facts.push({ kind, at: Date.parse(time), who: id, term: Number(term) });
      }
  }

  /** Events and the lock itself are no guarded writes. */
  async #readWrites(): Promise<void> {
    const users = new Set(this.#all.map(({ id }) => id));
    const changes = new Set(['create', 'update', 'patch', 'delete']);
    for await (const event of this.#world.sandbox.audit()) {
      const { verb, user, responseStatus, objectRef = {}, requestObject, requestURI } = event;
      if (!users.has(user.username) || !changes.has(verb) || (responseStatus?.code ?? 500) >= 300) continue;
      const { resource = '', subresource, namespace = '', name = '' } = objectRef;
      if (resource === 'events' || resource === 'leases' || requestURI.includes('dryRun=All')) continue;
      const carries = termIn(resource, name, requestObject);
      const object = [resource, namespace, name, ...(subresource === undefined ? [] : [subresource])].join(
        '/',
      );
      const fact: WriteFact = {
        kind: 'write',
        at: microseconds(event.requestReceivedTimestamp),
        done: microseconds(event.stageTimestamp),
        who: user.username,
        verb,
        object,
        ...(carries === undefined ? {} : { carries }),
      };
      this.#facts.push(fact);
    }
  }
}

interface LeaderAnswer {
  readonly isSelf: boolean;
  readonly term: number | null;
  readonly lease: { readonly remainingMs: number | null };
}

/** The term in which this process leads, by its own log. */
function leadingTerm({ log }: ControllerProcess): number | undefined {
  const last = log.findLast(({ msg }) =>
    ['leader-elected', 'leadership-lost', 'leadership-draining'].includes(msg),
  );
  return last?.msg === 'leader-elected' ? Number(last['term']) : undefined;
}

/** The term on a pod, or the epoch of the anchor. */
function termIn(resource: string, name: string, object: unknown): number | undefined {
  const isAnchor = resource === 'configmaps' && name.startsWith('highlander-fence-');
  if (resource !== 'pods' && !isAnchor) return undefined;
  const text = JSON.stringify(object ?? null).replaceAll('\\', '');
  const key = isAnchor ? '"epoch"' : `${ANNOTATION.term.replaceAll('.', '\\.').replace('/', '(?:~1|/)')}"`;
  const [, term] = new RegExp(`${key}[^0-9]{1,20}(\\d+)`).exec(text) ?? [];
  return term === undefined ? undefined : Number(term);
}

function breakWire(wire: Proxy, how: Wire, delay: number): void {
  switch (how) {
    case 'delay':
      return wire.delay(delay);
    case 'cut-up':
      return wire.cut('up');
    case 'cut-down':
      return wire.cut('down');
    case 'blackhole':
      return wire.blackhole();
    case 'reset':
      return wire.reset();
    case 'refuse':
      return wire.refuse();
  }
}
