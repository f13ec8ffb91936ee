/**
 * The work of one term. First a consistent read of everything this tenant owns, started after the win; then every
 * workload is looked at once, those without a healthy instance first; then whatever changes. Ends with its term.
 *
 * The workloads of the file need not wait until the custom resources were read, and do not: it is what a hand-over takes.
 */
import { setImmediate } from 'node:timers/promises';
import type { Input } from '../core/reconcile/observed.ts';
import {
  explainWorkload,
  planClaims,
  planWorkload,
  type Plan,
  type RuleOutcome,
} from '../core/reconcile/plan.ts';
import { recordFor, restartDelay } from '../core/reconcile/restarts.ts';
import { viewWorkload } from '../core/reconcile/status.ts';
import type { Action } from '../core/reconcile/verdict.ts';
import { formatKey } from '../core/workload/model.ts';
import type { ApplyContext } from './apply-context.ts';
import { tendControl } from './control-desk.ts';
import { applyAction } from './apply.ts';
import { Dependencies } from './dependencies.ts';
import { EarlyClaims } from './early-claims.ts';
import { GuardedWriter } from './guarded-writer.ts';
import { HistoryKeeper } from './history-keeper.ts';
import { Inputs } from './inputs.ts';
import { insist, untilValid } from './insist.ts';
import { openRecords, type Records } from './records.ts';
import { Registry } from './registry.ts';
import type { SessionDependencies, SessionIdentity } from './session-parts.ts';
import { StatusWriter } from './status-writer.ts';
import { IN_QUESTION, type Term } from './term.ts';
import { Sweep } from './sweep.ts';
import { WorkQueue } from './work-queue.ts';
import { readDefinitions, readWorld, type World } from './world.ts';
import { WorkloadNotes } from './workload-notes.ts';

/** Guarded requests in flight at once. The API server's own flow control is obeyed on top (429). */
const CONCURRENCY = 32;
const CONTROL = 'control'; // the key of the records that are about no workload
/** Steps one key may take in a row before others get a turn. */
const MAX_STEPS = 8;

export class TermSession {
  readonly #deps: SessionDependencies;
  readonly #identity: SessionIdentity;
  readonly #term: Term;
  readonly #queue: WorkQueue;
  readonly #writer: GuardedWriter;
  readonly #registry: Registry;
  readonly #records: Records;
  readonly #status: StatusWriter;
  readonly #notes: WorkloadNotes;
  readonly #dependencies: Dependencies;
  readonly #context: ApplyContext;
  readonly #inputs: Inputs;
  readonly #early = new EarlyClaims();
  readonly #onFatal: (error: unknown) => void;
  readonly #sweep: Sweep;
  /** Keys whose custom resource was not told yet: it waits until every workload was looked at. */
  readonly #unreported = new Set<string>();
  /** Ends what is done beside the queue. */
  readonly #ending = new AbortController();
  #keeping: Promise<void> = Promise.resolve();
  #stopped: Promise<{ readonly clean: boolean }> | undefined;
  /** The custom resources are known as they are in this term. Until then only workloads of the file are decided about. */
  #areDefined = false;
  #tokens = 0;

  /** `onFatal` is told of a broken invariant while a key was worked on. */
  constructor(
    deps: SessionDependencies,
    identity: SessionIdentity,
    term: Term,
    onFatal: (error: unknown) => void,
  ) {
    const { clock, log } = deps.system;
    this.#deps = deps;
    this.#identity = identity;
    this.#term = term;
    this.#onFatal = onFatal;
    this.#writer = new GuardedWriter(deps.cluster, term, clock, () =>
      deps.hub.emit({ type: 'write-fenced', term: term.epoch }),
    );
    this.#sweep = new Sweep(clock, ({ workloads, duration }) => {
      const durationMs = Math.round(duration);
      deps.hub.emit({ type: 'sweep-done', term: term.epoch, workloads, durationMs });
      for (const key of this.#unreported) this.#queue.add(key, 'routine');
      this.#unreported.clear();
    });
    const work = (key: string): Promise<void> => this.#reconcile(key).catch(onFatal);
    this.#queue = new WorkQueue(clock, {
      concurrency: CONCURRENCY,
      work,
      ...(deps.onReconciled === undefined ? {} : { onWorked: deps.onReconciled }),
    });
    const { tenant, controllerNamespace, id, clusterName, fingerprint } = identity;
    this.#registry = new Registry(
      { tenant, namespace: controllerNamespace },
      deps.cluster,
      this.#writer,
      term,
      log,
    );
    const shared = { sources: deps.sources, writer: this.#writer };
    this.#status = new StatusWriter({ ...shared, term, reader: deps.cluster, clock, log });
    this.#records = openRecords({ ...shared, registry: this.#registry, status: this.#status });
    this.#notes = new WorkloadNotes(tenant);
    const { sources, observations, hub } = deps;
    this.#dependencies = new Dependencies({
      desired: (key) => sources.get(key).desired,
      view: (key) => hub.snapshot.workloads.get(key),
      exists: (key) => observations.instances(key).length + observations.vanished(key).length > 0,
    });
    this.#context = {
      term,
      leader: { term: term.epoch, id, clusterName, fingerprint },
      render: { tenant, fingerprint },
      clock,
      reader: deps.cluster,
      writer: this.#writer,
      pods: deps.pods,
      goPods: deps.goPods,
      objects: deps.objects,
      records: this.#records,
      notes: this.#notes,
      sources: deps.sources,
      controls: deps.controls,
      proven: (uid) => deps.observations.proven(uid),
      nextToken: () => (this.#tokens += 1),
      emit: (event) => deps.hub.emit(event),
    };
    const { predecessor } = term;
    const fingerprints = new Set([fingerprint, ...(predecessor === undefined ? [] : [predecessor])]);
    const remembered = { records: this.#records, notes: this.#notes, dependencies: this.#dependencies };
    this.#inputs = new Inputs(
      { ...deps, ...remembered, clock },
      { term: term.epoch, fingerprints, render: this.#context.render },
    );
  }

  /** Keys waiting to be looked at now, and since when the first of them has been. */
  get queue(): Pick<WorkQueue, 'depth' | 'oldest'> {
    return this.#queue;
  }

  /**
   * Reads the world (unless it was read ahead), then works until the term ends. Resolves once everything is queued, or the
   * term is over.
   */
  async start(readAhead?: Promise<World | string>): Promise<void> {
    const { cluster } = this.#deps;
    const { signal } = this.#term;
    this.#claimEarly();
    let first = readAhead;
    const world = await insist(this.#deps.system, this.#term, () => {
      const read = first ?? readWorld(cluster, this.#identity, signal);
      first = undefined;
      return read;
    });
    if (world === undefined || !(await this.#goesOn())) return;
    this.#takeIn(world);
    const parts = { ...this.#deps, writer: this.#writer, epoch: this.#term.epoch };
    this.#keeping = new HistoryKeeper(parts, this.#identity).run(this.#ending.signal);
    this.#deps.sources.listen((key) => this.#queue.add(key));
    this.#deps.controls.listen((key) => this.#askedAgain(key));
    this.#deps.observations.listen({
      onWorkload: (key) => this.#queue.add(key),
      onNode: () => this.#queue.add(CONTROL),
      onTermSeen: (epoch) => this.#checkTerm(epoch),
      onEvidenceRemoved: (key, pod) =>
        this.#deps.hub.emit({
          type: 'evidence-removed',
          key,
          pod: pod.metadata.name,
          uid: pod.metadata.uid ?? '',
        }),
    });
    this.#deps.objects.listen({
      onWorkload: (key) => this.#queue.add(key),
      onTermSeen: (epoch) => this.#checkTerm(epoch),
    });
    this.#checkTerms();
    await this.#rememberNew();
    this.#queue.add(CONTROL);
    this.#look(this.#deps.sources.filed());
    // Not before the first writes are on their way.
    await setImmediate();
    const definitions = await insist(this.#deps.system, this.#term, () => this.#define());
    if (definitions === undefined || !(await this.#goesOn())) return;
    this.#look(this.#keys());
    this.#sweep.seal();
  }

  /** What each rule says of the workload right now; undefined for a text that is no key. */
  explain(key: string): readonly RuleOutcome[] | undefined {
    const input = this.#inputs.gather(key);
    return input === undefined ? undefined : explainWorkload(input);
  }

  /** Ends the work: nothing more is sent, replies of what was sent are awaited. The same promise when called again. */
  stop(): Promise<{ readonly clean: boolean }> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<{ readonly clean: boolean }> {
    this.#deps.observations.listen(undefined);
    this.#deps.objects.listen(undefined);
    this.#deps.sources.listen(undefined);
    this.#deps.controls.listen(undefined);
    this.#ending.abort();
    const drained = await this.#writer.drain();
    await Promise.all([this.#queue.close(), this.#early.ended(), this.#keeping]);
    return drained;
  }

  /** Waits while the right to act is in question; false once there is nothing more to do in this term. */
  async #goesOn(): Promise<boolean> {
    const isOn = await untilValid(this.#deps.system.clock, this.#term);
    return isOn && this.#stopped === undefined;
  }

  #takeIn(world: World): void {
    const { pods, goPods, controls } = this.#deps;
    for (const pod of world.pods) pods.put(pod);
    if (world.control !== undefined) controls.put(world.control);
    for (const pod of world.goPods) goPods.put(pod);
    this.#registry.load(world.shards);
  }

  /** Takes in the custom resources as they are now. Answers the cause when they could not be read, or not completely. */
  async #define(): Promise<object | string> {
    const { sources, cluster, system } = this.#deps;
    const { signal } = this.#term;
    const definitions = await readDefinitions(cluster, this.#identity, signal);
    if (typeof definitions === 'string') return definitions;
    const { resources, refused } = definitions;
    for (const [kind, cause] of refused)
      system.log.warn('custom resources cannot be read; their workloads are left as they are', {
        kind,
        cause,
      });
    const cause = await sources.confirm(resources, refused, cluster, signal);
    if (cause !== undefined) return cause;
    this.#areDefined = true;
    return definitions;
  }

  /** Puts new entries of the file on record together, a write for some hundred; one that fails is tried again with its key. */
  async #rememberNew(): Promise<void> {
    const { sources } = this.#deps;
    const fresh = [...sources.keys()].flatMap((key) => {
      const { desired } = sources.get(key);
      const isNew = desired?.source.from === 'file' && this.#records.get(key) === undefined;
      return isNew ? [this.#records.remember(key, recordFor(desired, undefined))] : [];
    });
    await Promise.all(fresh);
  }

  /** Every workload that is defined, or of which something is left. */
  #keys(): ReadonlySet<string> {
    const { observations, objects, sources } = this.#deps;
    const found = [...observations.keys(), ...objects.keys(), ...this.#records.keys()];
    return new Set([...sources.keys(), ...found]);
  }

  /** Somebody asks for something else, of this workload or of all. */
  #askedAgain(key: string | undefined): void {
    this.#queue.add(CONTROL);
    for (const asked of key === undefined ? this.#keys() : [key]) this.#queue.add(asked, 'routine');
  }

  /** For the first time in this term. */
  #look(keys: Iterable<string>): void {
    const { observations } = this.#deps;
    for (const key of this.#sweep.add(keys))
      this.#queue.add(key, observations.isRunning(key) ? 'routine' : 'urgent');
  }

  /** Of the workloads of the file: those without a healthy instance first. */
  #claimEarly(): void {
    const { observations, sources } = this.#deps;
    this.#checkTerms();
    if (!this.#term.isValid()) return;
    const known = Map.groupBy(sources.filed(), (key) => observations.isRunning(key));
    this.#early.begin([...(known.get(false) ?? []), ...(known.get(true) ?? [])], (key) => {
      const input = this.#inputs.gather(key);
      const actions = input === undefined ? [] : planClaims(input);
      return actions.length === 0 ? undefined : this.#apply(key, actions).catch(this.#onFatal);
    });
  }

  async #apply(key: string, actions: readonly Action[]): Promise<void> {
    for (const action of actions) await applyAction(this.#context, key, action);
  }

  #checkTerms(): void {
    const { observations, objects } = this.#deps;
    this.#checkTerm(Math.max(observations.highestTerm(), objects.highestTerm()));
  }

  #checkTerm(epoch: number): void {
    if (epoch > this.#term.epoch) this.#term.demote(epoch);
  }

  /** Before the workloads: what they may do depends on it. */
  async #tendControl(): Promise<void> {
    const at = await tendControl(this.#context, this.#deps.observations, this.#deps.system.log);
    if (at !== undefined) this.#queue.addAt(CONTROL, at);
  }

  async #reconcile(key: string): Promise<void> {
    if (key === CONTROL) return this.#tendControl();
    // It is looked at once the resources are known, whatever happens to it until then.
    if (!this.#areDefined && !this.#deps.sources.isFiled(key)) return;
    await this.#early.settled(key);
    for (let step = 0; step < MAX_STEPS; step++) {
      // Where it is not over, nothing else would bring the key back.
      if (!this.#term.isValid()) return this.#queue.addAt(key, this.#deps.system.clock.now() + IN_QUESTION);
      this.#queue.look(key);
      const input = this.#inputs.gather(key);
      if (input === undefined) return;
      // It was read for one decision; the next one reads it again.
      this.#notes.clearRemains(key);
      const plan = planWorkload(input);
      this.#publish(input, plan);
      const done = await this.#carryOut(key, input, plan);
      if (done) {
        await this.#report(key, input, plan);
        return this.#sweep.leave(key);
      }
    }
    this.#queue.addAt(key, this.#deps.system.clock.now() + 100);
  }

  /** Applies the plan's actions. True: nothing more to do until something changes or a time comes. */
  async #carryOut(key: string, input: Input, plan: Plan): Promise<boolean> {
    const { clock } = this.#deps.system;
    if (plan.wakeAt !== undefined) this.#queue.addAt(key, plan.wakeAt);
    if (plan.actions.length === 0) {
      this.#notes.succeeded(key);
      return true;
    }
    for (const action of plan.actions) {
      if (action.kind === 'remember' && action.record.restarts > (input.record?.restarts ?? 0))
        this.#notes.delayStart(
          key,
          action.record.hash ?? '',
          clock.now() + restartDelay(action.record.restarts),
        );
      const outcome = await applyAction(this.#context, key, action);
      if (outcome.kind === 'reread') return false;
      if (outcome.kind === 'wait') {
        if (outcome.retryIn !== undefined)
          this.#queue.addAt(key, clock.now() + Math.max(outcome.retryIn, this.#notes.failed(key)));
        return true;
      }
    }
    return false;
  }

  /** Shows the decision in the custom resource of the workload. */
  async #report(key: string, input: Input, plan: Plan): Promise<void> {
    const { sources, system } = this.#deps;
    if (sources.resource(key) === undefined) return;
    if (!this.#sweep.isOver) {
      this.#unreported.add(key);
      return;
    }
    const result = await this.#status.report(key, input, viewWorkload(input, plan));
    if (result.kind === 'later' && result.retryIn !== undefined)
      this.#queue.addAt(key, system.clock.now() + result.retryIn);
    if (result.kind === 'refused')
      system.log.warn('status refused', { workload: key, detail: result.message });
  }

  #publish(input: Input, plan: Plan): void {
    const { hub } = this.#deps;
    const { desired, invalid, instances, vanished } = input;
    const isAbsent = desired === undefined && invalid === undefined;
    const gone = isAbsent && instances.length + vanished.length + (input.objects?.length ?? 0) === 0;
    const key = formatKey(input.key);
    const before = hub.snapshot.workloads.get(key);
    if (gone) hub.removeWorkload(key);
    else hub.setWorkload(viewWorkload(input, plan));
    // Who waits for it to be ready, or to be gone, has to hear of it.
    if (before?.healthy !== hub.snapshot.workloads.get(key)?.healthy)
      for (const other of this.#dependencies.around(key)) this.#queue.add(other);
  }
}
