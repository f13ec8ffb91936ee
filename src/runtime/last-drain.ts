/**
 * Leadership in a process that is about to end: what else it has to end is ended after the drain and before the release.
 * The successor then begins on a machine that has nothing else to do, and nothing of this process comes after it.
 */
import type { Leadership, Term } from './term.ts';

export class LastDrain implements Leadership {
  readonly #inner: Leadership;
  readonly #stop: AbortSignal;
  readonly #end: () => Promise<void>;

  /** `end` must be bounded: the lock is kept meanwhile. It is called only when `stop` has aborted. */
  constructor(inner: Leadership, stop: AbortSignal, end: () => Promise<void>) {
    this.#inner = inner;
    this.#stop = stop;
    this.#end = end;
  }

  prepareTerm(): void {
    this.#inner.prepareTerm();
  }

  startTerm(term: Term): void {
    this.#inner.startTerm(term);
  }

  async drain(term: Term): Promise<{ readonly clean: boolean }> {
    const drained = await this.#inner.drain(term);
    if (this.#stop.aborted) await this.#end();
    return drained;
  }
}
