/**
 * The shell of the election: it owns one timer, the requests and the term, and leaves every decision to
 * `core/election/step.ts`. The state has one mutator, `#handle`; everything that happens becomes an event for it.
 */
import type { ElectionEvent } from '../core/election/events.ts';
import { initialState } from '../core/election/state.ts';
import type {
  Answer,
  Effect,
  ElectionConfig,
  ElectionState,
  Event,
  Hold,
  Moment,
  Request,
} from '../core/election/state.ts';
import { step } from '../core/election/step.ts';
import type { Timing } from '../core/election/timing.ts';
import { viewElection } from '../core/election/view.ts';
import type { ElectionView } from '../core/election/view.ts';
import type { Instant } from '../core/time.ts';
import type { FenceAnchor } from '../ports/fence-anchor.ts';
import type { LockStore } from '../ports/lock-store.ts';
import type { System, Timer } from '../ports/system.ts';
import { HeldTerm } from './held-term.ts';
import type { Leadership } from './term.ts';

export interface ElectorPorts {
  readonly store: LockStore;
  readonly anchor: FenceAnchor;
  readonly system: Pick<System, 'clock' | 'random'>;
  readonly leadership: Leadership;
  /** Called in order, after the state has changed. Must return at once and not throw. */
  readonly observe: (event: ElectionEvent) => void;
}

export interface ElectorOptions {
  /** The name of the lock; one per tenant. */
  readonly name: string;
  /** `<id>/<pod uid or host>/<incarnation uuid>`: unique per process. */
  readonly holder: string;
  readonly timing: Timing;
  /** See `formatFingerprint`. */
  readonly fingerprint: string;
  /** Watches the lock but never contends. */
  readonly remainsFollower?: boolean;
}

export interface Elector {
  /**
   * Takes part in the election until `signal` aborts, then drains, releases and resolves. Rejects only on a broken
   * invariant (a port or `Leadership` that throws), with the term ended and the lock left to its TTL. To be called once.
   */
  run(signal: AbortSignal): Promise<void>;
  /** Leaves the lock to others until then; a leader hands over. A time that has passed: it contends again. */
  standAside(until: Instant): void;
  /** The present situation, for status pages and metrics. */
  view(): ElectionView;
}

/** An elector that does nothing until `run`. */
export function createElector(ports: ElectorPorts, options: ElectorOptions): Elector {
  return new RunningElector(ports, options);
}

class RunningElector implements Elector {
  readonly #ports: ElectorPorts;
  readonly #name: string;
  readonly #config: ElectionConfig;
  #state: ElectionState;
  /** Events that arrived while one was being handled: effects may cause further events at once. */
  readonly #inbox: Event[] = [];
  #isHandling = false;
  #isBroken = false;
  #timer: { readonly at: number; readonly pending: Timer } | undefined;
  #term: HeldTerm | undefined;
  readonly #calls = new Map<number, AbortController>();
  readonly #done = Promise.withResolvers<void>();

  constructor(ports: ElectorPorts, options: ElectorOptions) {
    const { name, holder, timing, fingerprint, remainsFollower = false } = options;
    this.#ports = ports;
    this.#name = name;
    const meetsStrangers = ports.store.meetsStrangers ?? false;
    this.#config = { holder, timing, fingerprint, remainsFollower, meetsStrangers };
    this.#state = initialState(this.#moment(), this.#config);
  }

  view(): ElectionView {
    return viewElection(this.#state, this.#config);
  }

  standAside(until: Instant): void {
    this.#handle({ kind: 'stand-aside', until });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { store, anchor } = this.#ports;
    const listening = new AbortController();
    const stop = (): void => this.#handle({ kind: 'stop' });
    const listeners = [
      store.subscribe(
        this.#name,
        (hint) => this.#handle({ kind: 'hint', hint }),
        (up) => this.#handle({ kind: 'subscription', up }),
        listening.signal,
      ),
      anchor.watch((record) => this.#handle({ kind: 'anchor-seen', record }), listening.signal),
    ];
    for (const listener of listeners) listener.catch((error: unknown) => this.#fail(error));
    this.#handle({ kind: 'started' });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
    try {
      await this.#done.promise;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#timer?.pending.cancel();
      listening.abort();
      await Promise.allSettled(listeners);
    }
  }

  #moment(): Moment {
    const { clock, random } = this.#ports.system;
    return { now: clock.now(), wall: clock.wall(), uniform: random.uniform(), nonce: random.uuid() };
  }

  /** The only place that changes the state. */
  #handle(event: Event): void {
    if (this.#isBroken) return;
    this.#inbox.push(event);
    if (this.#isHandling) return;
    this.#isHandling = true;
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
        const { state, effects, wakeAt } = step(this.#state, next, this.#moment(), this.#config);
        this.#state = state;
        this.#arm(wakeAt);
        for (const effect of effects) this.#carryOut(effect);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isHandling = false;
    }
  }

  #carryOut(effect: Effect): void {
    const { leadership, observe } = this.#ports;
    switch (effect.kind) {
      case 'call':
        return this.#call(effect.id, effect.request);
      case 'cancel':
        this.#calls.get(effect.id)?.abort();
        this.#calls.delete(effect.id);
        return;
      case 'prepare-term':
        return leadership.prepareTerm();
      case 'start-term':
        this.#term = this.#openTerm(effect.hold);
        return leadership.startTerm(this.#term);
      case 'end-term':
        return this.#term?.end();
      case 'drain':
        return this.#drain();
      case 'emit':
        return observe(effect.event);
      case 'finish':
        return this.#done.resolve();
    }
  }

  /** One timer serves everything; it is armed anew only when its instant changes. */
  #arm(at: number): void {
    if (this.#timer?.at === at) return;
    this.#timer?.pending.cancel();
    this.#timer = undefined;
    if (at === Infinity) return;
    const fire = (): void => {
      this.#timer = undefined;
      this.#handle({ kind: 'wake', due: at });
    };
    this.#timer = { at, pending: this.#ports.system.clock.timer(at, fire) };
  }

  #call(id: number, request: Request): void {
    const call = new AbortController();
    this.#calls.set(id, call);
    const finish = async (): Promise<void> => {
      const answer = await this.#ask(request, call.signal);
      this.#calls.delete(id);
      this.#handle({ kind: 'answer', id, answer });
    };
    finish().catch((error: unknown) => this.#fail(error));
  }

  async #ask(request: Request, signal: AbortSignal): Promise<Answer> {
    const { store, anchor } = this.#ports;
    const { holder, timing } = this.#config;
    const name = this.#name;
    const { op } = request;
    switch (op) {
      case 'acquire': {
        const { nonce, floor, supersedes } = request;
        const dead = supersedes && { supersedes };
        const reply = await store.acquire({ name, holder, nonce, ttl: timing.ttl, floor, ...dead }, signal);
        return { op, reply };
      }
      case 'renew': {
        const { nonce, epoch } = request;
        return { op, reply: await store.renew({ name, nonce, epoch, ttl: timing.ttl }, signal) };
      }
      case 'release': {
        const { nonce, epoch } = request;
        return { op, reply: await store.release({ name, nonce, epoch }, signal) };
      }
      case 'read':
        return { op, reply: await store.read(name, signal) };
      case 'read-anchor':
        return { op, reply: await anchor.read(signal) };
      case 'raise-anchor':
        return { op, reply: await anchor.raise(request.record, request.version, signal) };
    }
  }

  #openTerm({ nonce, epoch, predecessor }: Hold): HeldTerm {
    return new HeldTerm({
      epoch,
      predecessor,
      nonce,
      clock: this.#ports.system.clock,
      timing: this.#config.timing,
      state: () => this.#state,
      send: (event) => this.#handle(event),
    });
  }

  #drain(): void {
    const term = this.#term;
    if (term === undefined) return;
    const finish = async (): Promise<void> => {
      const { clean } = await this.#ports.leadership.drain(term);
      this.#handle({ kind: 'drained', isClean: clean });
    };
    finish().catch((error: unknown) => this.#fail(error));
  }

  /** A port or the work broke its contract: nothing more is decided, nothing is released, the owner ends the process. */
  #fail(error: unknown): void {
    this.#isBroken = true;
    this.#timer?.pending.cancel();
    this.#term?.end();
    for (const call of this.#calls.values()) call.abort();
    this.#done.reject(error);
  }
}
