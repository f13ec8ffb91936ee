/** Connects the elector to the work: one session per term, drained before the lock may be released. */
import type { SessionDependencies, SessionIdentity } from './session-parts.ts';
import type { RuleOutcome } from '../core/reconcile/plan.ts';
import type { ServerFence } from '../ports/server-fence.ts';
import { askServerFencing } from './server-fencing.ts';
import type { Leadership, Term } from './term.ts';
import { readWorld, type World } from './world.ts';
import { TermSession } from './term-session.ts';

export class Reconciler implements Leadership {
  readonly #deps: SessionDependencies;
  readonly #fence: ServerFence;
  readonly #identity: SessionIdentity;
  /** A broken invariant inside a session: the process must not go on. */
  readonly #onFatal: (error: unknown) => void;
  #session: TermSession | undefined;
  #term: Term | undefined;
  /** Reads begun between winning the lock and the start of the term. They never reject. */
  #readAhead: Promise<World | string> | undefined;
  #preparing: AbortController | undefined;
  /** The question about the fence of the API server in this term. */
  #asking: { readonly end: AbortController; readonly done: Promise<void> } | undefined;

  constructor(
    deps: SessionDependencies,
    fence: ServerFence,
    identity: SessionIdentity,
    onFatal: (error: unknown) => void,
  ) {
    this.#deps = deps;
    this.#fence = fence;
    this.#identity = identity;
    this.#onFatal = onFatal;
  }

  /** Keys waiting in the current term, and since when the first of them has been; undefined without a term. */
  get queue(): TermSession['queue'] | undefined {
    return this.#session?.queue;
  }

  /** Whether a term is valid right now; evaluated at each call. */
  isLeading(): boolean {
    return this.#term?.isValid() ?? false;
  }

  /** What each rule of the chain says of a workload right now; undefined while this process does not lead. */
  explain(key: string): readonly RuleOutcome[] | undefined {
    return this.isLeading() ? this.#session?.explain(key) : undefined;
  }

  prepareTerm(): void {
    this.#preparing?.abort();
    this.#preparing = new AbortController();
    this.#readAhead = readWorld(this.#deps.cluster, this.#identity, this.#preparing.signal);
  }

  startTerm(term: Term): void {
    this.#term = term;
    const readAhead = this.#readAhead;
    this.#readAhead = undefined;
    const session = new TermSession(this.#deps, this.#identity, term, this.#onFatal);
    this.#session = session;
    // An involuntary end leaves no drain: stop at the signal, delete nothing, wait for nobody.
    term.signal.addEventListener('abort', () => void session.stop().catch(this.#onFatal), { once: true });
    session.start(readAhead).catch(this.#onFatal);
    const end = new AbortController();
    this.#asking = { end, done: this.#askFencing(term, end.signal).catch(this.#onFatal) };
  }

  async drain(): Promise<{ readonly clean: boolean }> {
    this.#asking?.end.abort();
    const [drained] = await Promise.all([this.#session?.stop(), this.#asking?.done]);
    return drained ?? { clean: true };
  }

  async #askFencing({ epoch, signal }: Term, end: AbortSignal): Promise<void> {
    const { hub, system } = this.#deps;
    const until = AbortSignal.any([signal, end]);
    const fencing = await askServerFencing(this.#fence, epoch, system.clock, until);
    if (fencing !== undefined) hub.emit({ type: 'server-fencing', term: epoch, fencing });
  }
}
