/**
 * A loopback TCP proxy with faults, for the wire between a client and a server.
 *
 * Bytes pass as they are until a fault is set; faults hold for connections that exist and for new ones, until
 * `restore`. What was held back by `delay`, `cut` or `blackhole` is delivered late or never, and never out of order: a
 * direction that lost bytes stays dead for its connection even after `restore`, as TCP would have it.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

/** As seen by the client: requests go `up`, answers come `down`. */
export type Direction = 'up' | 'down';

/** Where the proxy sends what it receives. */
export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** A running proxy. */
export interface Proxy {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Connections now. */
  readonly connections: number;
  /** Bytes swallowed by faults so far, so that a test can wait until a fault took effect. */
  readonly lostBytes: number;
  /** Bytes arrive this much later, in both directions. */
  delay(milliseconds: number): void;
  /** One direction swallows everything; the other goes on. Neither side is told. */
  cut(direction: Direction): void;
  /** Both directions swallow everything; new connections are accepted and never answered. */
  blackhole(): void;
  /** Ends each connection with a TCP reset; new ones are served. */
  reset(): void;
  /** Resets each connection and each new one at once, until `restore`. */
  refuse(): void;
  /** No fault any more. A connection that lost bytes meanwhile is reset, since it cannot be continued. */
  restore(): void;
  /** Ends everything. Safe to call twice. */
  close(): Promise<void>;
}

interface Faults {
  readonly delayMs: number;
  readonly cut: ReadonlySet<Direction>;
  readonly isRefusing: boolean;
}

const NONE: Faults = { delayMs: 0, cut: new Set(), isRefusing: false };

/** Starts a proxy on a free port. `port` fixes it. */
export async function startProxy(target: ProxyTarget, port = 0): Promise<Proxy> {
  const server = createServer({ allowHalfOpen: true });
  const proxy = new FaultProxy(server, target);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return proxy;
}

class FaultProxy implements Proxy {
  readonly host = '127.0.0.1';
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #faults = NONE;
  #lostBytes = 0;

  constructor(server: Server, target: ProxyTarget) {
    this.#server = server;
    server.on('connection', (client) => {
      if (this.#faults.isRefusing) {
        client.resetAndDestroy();
        return;
      }
      const link = new Link(
        client,
        target,
        () => this.#faults,
        (bytes) => (this.#lostBytes += bytes),
      );
      this.#links.add(link);
      link.onEnd(() => this.#links.delete(link));
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get connections(): number {
    return this.#links.size;
  }

  get lostBytes(): number {
    return this.#lostBytes;
  }

  delay(milliseconds: number): void {
    this.#faults = { ...this.#faults, delayMs: milliseconds };
  }

  cut(direction: Direction): void {
    this.#faults = { ...this.#faults, cut: new Set([...this.#faults.cut, direction]) };
  }

  blackhole(): void {
    this.#faults = { ...this.#faults, cut: new Set(['up', 'down']) };
  }

  reset(): void {
    for (const link of this.#links) link.reset();
  }

  refuse(): void {
    this.#faults = { ...this.#faults, isRefusing: true };
    this.reset();
  }

  restore(): void {
    this.#faults = NONE;
    for (const link of this.#links) if (link.hasLost) link.reset();
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.reset();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/**
 * Ends a connection with a TCP reset. One that is still being made, or that we have ended already, is only closed: libuv
 * refuses to reset a socket that is shutting down, and Node then never closes it, so that the process could not end.
 */
export function resetSocket(socket: Socket): void {
  if (socket.connecting || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** One connection through the proxy: two sockets and, for each direction, what is still to be delivered, in order. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #faults: () => Faults;
  readonly #lose: (bytes: number) => void;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Whether bytes were swallowed. */
  hasLost = false;

  constructor(client: Socket, target: ProxyTarget, faults: () => Faults, lose: (bytes: number) => void) {
    this.#lose = lose;
    this.#client = client;
    this.#faults = faults;
    this.#server = connect({ ...target, allowHalfOpen: true });
    for (const socket of [this.#client, this.#server]) {
      socket.setNoDelay(true);
      // The other end sees what this one saw: a reset for a reset, for a refused connection too.
      socket.on('error', () => this.reset());
    }
    this.#carry('up', this.#client, this.#server);
    this.#carry('down', this.#server, this.#client);
  }

  onEnd(done: () => void): void {
    let open = 2;
    const closed = (): void => {
      open -= 1;
      if (open > 0) return;
      for (const timer of this.#timers) clearTimeout(timer);
      done();
    };
    this.#client.once('close', closed);
    this.#server.once('close', closed);
  }

  reset(): void {
    resetSocket(this.#client);
    resetSocket(this.#server);
  }

  #carry(direction: Direction, from: Socket, to: Socket): void {
    // One queue and one timer: timers of their own may fire late, and then what came later would overtake.
    const waiting: { readonly at: number; readonly act: () => void }[] = [];
    const flush = (): void => {
      for (let next = waiting[0]; next !== undefined && next.at <= performance.now(); next = waiting[0]) {
        waiting.shift();
        next.act();
      }
      if (waiting[0] !== undefined) arm(waiting[0].at);
    };
    const arm = (at: number): void => {
      const timer = setTimeout(
        () => {
          this.#timers.delete(timer);
          flush();
        },
        Math.max(0, at - performance.now()),
      );
      this.#timers.add(timer);
    };
    const deliver = (act: () => void): void => {
      const { delayMs } = this.#faults();
      if (delayMs === 0 && waiting.length === 0) {
        act();
        return;
      }
      const at = Math.max(waiting.at(-1)?.at ?? 0, performance.now() + delayMs);
      waiting.push({ at, act });
      if (waiting.length === 1) arm(at);
    };
    const swallow = (bytes: number): boolean => {
      if (!this.#faults().cut.has(direction)) return false;
      this.hasLost = true;
      this.#lose(bytes);
      return true;
    };
    from.on('data', (bytes) => {
      deliver(() => {
        if (swallow(bytes.length) || to.destroyed || to.write(bytes)) return;
        from.pause();
        to.once('drain', () => from.resume());
      });
    });
    from.on('end', () => {
      deliver(() => {
        if (!swallow(0)) to.end();
      });
    });
  }
}
