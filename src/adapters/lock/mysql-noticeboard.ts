/** The notices that this process owes: for each lock it holds, a named lock that ends when it releases or loses it. */
import { MILLISECOND } from '../../core/time.ts';
import type { Duration } from '../../core/time.ts';
import type { System, Timer } from '../../ports/system.ts';
import type { MysqlConnectOptions } from './mysql-connection.ts';
import { giveNotice } from './mysql-notice.ts';

/**
 * A notice takes a connection, so a lock that is given back at once gets none. Followers look again after three times as
 * long when they found none.
 */
const PUT_UP_AFTER: Duration = 50 * MILLISECOND;

interface Notice {
  readonly putUp: Timer;
  expiry: Timer;
  /** Takes it down, once it was put up. */
  over?: AbortController;
}

/** Owns one task per held lock. */
export class MysqlNoticeboard {
  readonly #options: MysqlConnectOptions;
  readonly #system: System;
  readonly #notices = new Map<string, Notice>();
  readonly #ending = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: MysqlConnectOptions, system: System) {
    this.#options = options;
    this.#system = system;
  }

  /** We hold this lock for so long, if nothing else is said until then. */
  hold(name: string, remaining: Duration): void {
    if (this.#isClosed) return;
    const { clock } = this.#system;
    const expiry = clock.timer(clock.now() + remaining, () => this.drop(name));
    const present = this.#notices.get(name);
    if (present !== undefined) {
      present.expiry.cancel();
      present.expiry = expiry;
      return;
    }
    const putUp = clock.timer(clock.now() + PUT_UP_AFTER, () => this.#putUp(name, notice));
    const notice: Notice = { putUp, expiry };
    this.#notices.set(name, notice);
  }

  /** We hold it no more: who waits is told. */
  drop(name: string): void {
    const notice = this.#notices.get(name);
    notice?.putUp.cancel();
    notice?.expiry.cancel();
    notice?.over?.abort();
    this.#notices.delete(name);
  }

  #putUp(name: string, notice: Notice): void {
    notice.over = new AbortController();
    const ended = giveNotice(this.#options, this.#system, name, notice.over.signal);
    this.#ending.add(ended);
    void ended.finally(() => this.#ending.delete(ended));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const name of this.#notices.keys()) this.drop(name);
    await Promise.all(this.#ending);
  }
}
