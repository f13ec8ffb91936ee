/**
 * The node's wire to the API server, which can be cut. Between `open` and `cut` there is one session with sockets of its
 * own; a cut aborts what is in flight, closes the sockets, and lets nothing out until the next `open`.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Connection } from '../../src/adapters/kube/connect.ts';
import { openReader } from '../../src/adapters/kube/reader.ts';
import { Reflector } from '../../src/adapters/kube/reflector.ts';
import { Transport } from '../../src/adapters/kube/transport.ts';
import type { Call, Reply } from '../../src/adapters/kube/transport.ts';
import { SECOND } from '../../src/core/time.ts';
import type { Duration } from '../../src/core/time.ts';
import { PODS } from '../../src/ports/cluster.ts';
import type { CacheChange } from '../../src/ports/cluster.ts';
import type { System } from '../../src/ports/system.ts';
import { Lane } from '../../src/runtime/lane.ts';
import type { Pod } from './pod.ts';

/** What is sent at the same time, at most; further calls wait here, so that none grows old in a socket's queue. */
const IN_FLIGHT = 32;

/** A node looks for its API server more eagerly than a controller: it is what tests wait for. */
const WATCH_BACKOFF = { base: 0.1 * SECOND, cap: SECOND };

const CUT: Reply = { kind: 'failed', cause: 'not sent: the node is cut off', code: 'CUT' };

interface Session {
  readonly transport: Transport;
  readonly controller: AbortController;
}

export class Link {
  readonly #connection: Connection;
  readonly #system: System;
  readonly #userAgent: string;
  #session: Session | undefined;
  #opened = Promise.withResolvers<void>();
  #delay: Duration = 0;
  readonly #lane = new Lane(IN_FLIGHT);

  constructor(connection: Connection, system: System, userAgent: string) {
    this.#connection = connection;
    this.#system = system;
    this.#userAgent = userAgent;
  }

  get isOpen(): boolean {
    return this.#session !== undefined;
  }

  /** Begins a session unless there is one. Its signal ends with it. */
  open(): AbortSignal {
    this.#session ??= {
      transport: new Transport(this.#connection, { clock: this.#system.clock, userAgent: this.#userAgent }),
      controller: new AbortController(),
    };
    this.#opened.resolve();
    return this.#session.controller.signal;
  }

  /** Resolves when the sockets are closed. What was already on the wire may still take effect. */
  async cut(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    this.#session = undefined;
    this.#opened = Promise.withResolvers<void>();
    session.controller.abort(new Error('the node was cut off'));
    await session.transport.close();
  }

  /** Every request, and the news of every pod, is late by this much from now on. */
  slow(delay: Duration): void {
    this.#delay = delay;
  }

  /** Resolves when there is a session. Rejects when the signal aborts first. */
  async whenOpen(signal: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(new Error('aborted'));
    signal.throwIfAborted();
    signal.addEventListener('abort', abort, { once: true });
    try {
      while (this.#session === undefined) await Promise.race([this.#opened.promise, promise]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** One request. Never rejects; without a session, or when it is cut on the way, the answer is `failed`. */
  async call(call: Call): Promise<Reply> {
    const session = this.#session;
    if (session === undefined) return CUT;
    return this.#lane.run(() => this.#send(call, session));
  }

  /** As `call`, but does not wait behind other calls: a Lease must be renewed in time. */
  async callAtOnce(call: Call): Promise<Reply> {
    const session = this.#session;
    return session === undefined ? CUT : this.#send(call, session);
  }

  /**
   * Tells every pod bound to the node, and what happens to it, until the session ends. `complete` is called with the uids
   * of the first complete state: a pod that is not among them no longer exists.
   */
  async watchPods(
    node: string,
    changed: (change: CacheChange<Pod>) => void,
    complete: (uids: ReadonlySet<string>) => void,
  ): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    const { transport, controller } = session;
    const pods = new Reflector<Pod>({
      transport,
      reader: openReader(transport),
      resource: PODS,
      system: this.#system,
      scope: { fieldSelector: `spec.nodeName=${node}` },
      strip: withoutManagers,
      backoff: WATCH_BACKOFF,
    });
    let late = 0;
    let turn: Promise<void> = Promise.resolve();
    // Once something is late, what follows waits its turn behind it.
    const later = (tell: () => void): void => {
      if (this.#delay === 0 && late === 0) return tell();
      late += 1;
      const due = sleep(this.#delay);
      const before = turn;
      turn = (async (): Promise<void> => {
        await before;
        await due;
        late -= 1;
        if (!controller.signal.aborted) tell();
      })();
    };
    pods.onChange((change) => later(() => changed(change)));
    const first = pods.synced(controller.signal).then(
      () => later(() => complete(new Set([...pods.values()].map((pod) => pod.metadata.uid)))),
      () => undefined,
    );
    await Promise.all([pods.run(controller.signal), first]);
  }

  async #send(call: Call, session: Session): Promise<Reply> {
    const { signal } = session.controller;
    if (this.#delay > 0) await sleep(this.#delay, undefined, { signal }).catch(() => undefined);
    return session.transport.call(call, signal);
  }
}

/** The bulk of a pod that nobody here reads: who set which field. */
function withoutManagers(pod: Pod): Pod {
  const metadata = { ...pod.metadata, managedFields: undefined };
  return { ...pod, metadata };
}
