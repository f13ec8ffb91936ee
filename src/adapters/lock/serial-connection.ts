/**
 * A connection to a server with sharp deadlines, for one request after the other. A request that fails for any reason
 * takes its connection along: a late reply reaches nobody, no request stands behind one that hangs, and behind the same
 * name there may be another server by now. The request behind it finds that out before it begins, and connects anew.
 *
 * Nothing reconnects on its own: the elector asks again on a schedule of its own.
 */
import type { Duration } from '../../core/time.ts';
import type { Clock } from '../../ports/system.ts';
import { within } from './deadline.ts';

export interface SerialConnectionOptions<Session> {
  readonly clock: Clock;
  /** The bound of one request, waiting for its turn and connecting included. */
  readonly timeout: Duration;
  /** Connects. The session ends when the signal aborts; `onEnd` is to be called when it ends by itself. */
  readonly open: (signal: AbortSignal, onEnd: () => void) => Promise<Session>;
}

/** One session at a time, made when it is needed. */
export class SerialConnection<Session> {
  readonly #options: SerialConnectionOptions<Session>;
  #session: Promise<Session> | undefined;
  /** Settles when the requests before have been answered, or their session left. */
  #queue: Promise<unknown> = Promise.resolve();
  /** Ends the present session; an aborted one is being left. */
  #scope = new AbortController();

  constructor(options: SerialConnectionOptions<Session>) {
    this.#options = options;
  }

  /** @throws what the client throws, or an Error that says that time ran out or the caller gave up. */
  request<Reply>(ask: (session: Session) => Promise<Reply>, signal: AbortSignal): Promise<Reply> {
    const before = this.#queue;
    const reply = this.#ask(before, ask, signal);
    // One that gives up while it waits does not let the next one pass those before it.
    this.#queue = Promise.allSettled([before, reply]).then(() => undefined);
    return reply;
  }

  /** Ends the present session, and with it what is asked on it; the next request makes a new one. */
  drop(): void {
    this.#leave(this.#scope);
  }

  async #ask<Reply>(
    before: Promise<unknown>,
    ask: (session: Session) => Promise<Reply>,
    signal: AbortSignal,
  ): Promise<Reply> {
    // Which session is decided when it is our turn: the one of a request that was given up is gone by then.
    const turn: { scope?: AbortController; isOver: boolean } = { isOver: false };
    const work = async (): Promise<Reply> => {
      await before;
      if (turn.isOver) throw new Error('the caller gave up');
      const scope = (turn.scope = this.#scope);
      return ask(await (this.#session ??= this.#open(scope)));
    };
    try {
      return await within(this.#options.clock, this.#options.timeout, signal, work);
    } catch (error) {
      turn.isOver = true;
      if (turn.scope !== undefined) this.#leave(turn.scope);
      throw error;
    }
  }

  async #open(scope: AbortController): Promise<Session> {
    try {
      return await this.#options.open(scope.signal, () => this.#leave(scope));
    } catch (error) {
      this.#leave(scope);
      throw error;
    }
  }

  #leave(scope: AbortController): void {
    scope.abort(new Error('the connection was closed'));
    if (this.#scope !== scope) return;
    this.#scope = new AbortController();
    this.#session = undefined;
  }
}
