/**
 * The credential of a plugin, kept fresh. The plugin runs when there is none, when it expires, before that in the
 * background, and once after a 401; runs never overlap, and after one that brought nothing there is a pause.
 */
import { MINUTE, SECOND, type Duration, type Instant, type WallTime } from '../../core/time.ts';
import type { Clock, Log } from '../../ports/system.ts';
import type { ExecPlugin } from './connection.ts';
import { runPlugin } from './exec-plugin.ts';
import type { Identity, IdentitySource } from './identity.ts';
import { boundSignal } from '../../ports/bound-signal.ts';

/** The longest that a plugin may take. */
const RUN_LIMIT: Duration = 30 * SECOND;

/** The least time between the end of a run and the next one that a failure or a 401 asks for. */
const PAUSE: Duration = 5 * SECOND;

/** The last part of a credential's life, in which it is replaced: a fifth, a minute at most. */
const LAST_SHARE = 0.2;

interface Held {
  readonly identity: Identity;
  readonly expiresAt: WallTime;
  readonly renewAt: WallTime;
}

export class ExecCredential implements IdentitySource {
  readonly #plugin: ExecPlugin;
  readonly #clock: Clock;
  readonly #log: Log | undefined;
  readonly #closed = new AbortController();
  #held: Held | undefined;
  #running: Promise<void> | undefined;
  #ranAt: Instant = Number.NEGATIVE_INFINITY;
  #failure: Error | undefined;

  constructor(plugin: ExecPlugin, { clock, log }: { readonly clock: Clock; readonly log?: Log }) {
    this.#plugin = plugin;
    this.#clock = clock;
    this.#log = log;
  }

  async current(signal: AbortSignal): Promise<Identity> {
    const wall = this.#clock.wall();
    const held = this.#held;
    if (held !== undefined && wall < held.expiresAt) {
      if (wall >= held.renewAt && !this.#isPausing()) void this.#run();
      return held.identity;
    }
    if (this.#running === undefined && this.#failure !== undefined && this.#isPausing()) throw this.#failure;
    await unlessAborted(this.#run(), signal);
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#held === undefined) throw new Error('the credential plugin gave no credential');
    return this.#held.identity;
  }

  async replaced(refused: Identity, signal: AbortSignal): Promise<boolean> {
    if (this.#held?.identity === refused && (this.#running !== undefined || !this.#isPausing()))
      await unlessAborted(this.#run(), signal);
    return this.#held !== undefined && this.#held.identity !== refused;
  }

  close(): void {
    this.#closed.abort(new Error('closed'));
  }

  #isPausing(): boolean {
    return this.#clock.now() - this.#ranAt < PAUSE;
  }

  /** One run for all who wait for it. Never rejects. */
  #run(): Promise<void> {
    this.#running ??= this.#runOnce().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #runOnce(): Promise<void> {
    const deadline = this.#clock.now() + RUN_LIMIT;
    const bound = boundSignal(this.#clock, this.#closed.signal, deadline, 'no answer in 30 s');
    try {
      const { identity, expiresAt = Infinity } = await runPlugin(this.#plugin, this.#log, bound.signal);
      const life = Math.max(0, expiresAt - this.#clock.wall());
      const renewAt = expiresAt === Infinity ? Infinity : expiresAt - Math.min(MINUTE, life * LAST_SHARE);
      this.#held = { identity, expiresAt, renewAt };
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      if (!this.#closed.signal.aborted)
        this.#log?.warn('credential plugin failed', { cause: this.#failure.message });
    } finally {
      bound.release();
      this.#ranAt = this.#clock.now();
    }
  }
}

/** @throws when the signal aborts first; the work goes on for the others who wait for it. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(new Error('aborted while waiting for the credential plugin'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
