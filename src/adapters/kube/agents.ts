/**
 * The sockets of one connection. Calls and watches have separate agents: on a shared one, open watches would occupy the
 * connections that calls wait for, without any error. Certificates that live in files are checked every minute; when
 * one changed, new agents are made and the old ones close after what is in flight.
 */
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { MINUTE, SECOND, type Duration, type Instant } from '../../core/time.ts';
import type { Clock } from '../../ports/system.ts';
import type { Connection, Pem } from './connection.ts';
import { Pool } from './http.ts';
import type { KeyPair } from './identity.ts';

/** How long a connection without a request is kept: an API server closes it after 90 s. */
const KEPT_OPEN: Duration = 85 * SECOND;

export interface AgentPair {
  /** At most 32 requests in flight, kept alive. */
  readonly calls: Pool;
  /** One socket for each watch. A body that is silent for 100 s is a half-open connection: bookmarks come each minute. */
  readonly watches: Pool;
}

export class Agents {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #files: readonly string[];
  #pair: AgentPair | undefined;
  /** That of a plugin, with which the pair was made. */
  #certificate: KeyPair | undefined;
  #stamp = '';
  #checkedAt: Instant = Number.NEGATIVE_INFINITY;
  #opening: Promise<AgentPair> | undefined;
  /** Replaced pairs whose last requests are still in flight. */
  readonly #retiring = new Set<AgentPair>();
  #closed = false;

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.#files = filesOf(connection);
  }

  /**
   * `certificate` is what a plugin gave, if it gave one. Rejects if a certificate cannot be read or used and there was none
   * before, or after `close`.
   */
  async current(certificate?: KeyPair): Promise<AgentPair> {
    if (this.#closed) throw new Error('the connection was closed');
    const isSame = certificate === this.#certificate;
    if (this.#pair && isSame && this.#clock.now() - this.#checkedAt < MINUTE) return this.#pair;
    this.#opening ??= this.#refresh(certificate).finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  /** Ends every connection at once; what was in flight fails. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([this.#opening]);
    const pairs = [...this.#retiring, ...(this.#pair ? [this.#pair] : [])];
    this.#pair = undefined;
    await Promise.all(pairs.flatMap(({ calls, watches }) => [calls.destroy(), watches.destroy()]));
  }

  async #refresh(certificate: KeyPair | undefined): Promise<AgentPair> {
    this.#checkedAt = this.#clock.now();
    const stamp = await stampOf(this.#files);
    const old = this.#pair;
    if (old && stamp === this.#stamp && certificate === this.#certificate) return old;
    try {
      this.#pair = await openPair(this.#connection, certificate);
    } catch (error) {
      // Half-way through a rotation: what we have still works until it expires.
      if (old) return old;
      throw error;
    }
    this.#stamp = stamp;
    this.#certificate = certificate;
    if (old) this.#retire(old);
    return this.#pair;
  }

  /** Closes once idle. Calls end within their deadline and watches within `timeoutSeconds`, so this ends too. */
  #retire(old: AgentPair): void {
    this.#retiring.add(old);
    void Promise.allSettled([old.calls.close(), old.watches.close()]).then(() => this.#retiring.delete(old));
  }
}

async function openPair(connection: Connection, given: KeyPair | undefined): Promise<AgentPair> {
  const { ca, credential } = connection;
  const { origin } = new URL(connection.server);
  const keys =
    credential.kind === 'certificate'
      ? { cert: await pemText(credential.certificate), key: await pemText(credential.key) }
      : given;
  const secrets = { ...(ca && { ca: await pemText(ca) }), ...keys };
  const connect = {
    timeout: 5 * SECOND,
    keepAlive: true,
    keepAliveInitialDelay: 15 * SECOND,
    // Made once: reading keys and certificates is most of what a connection costs us. Throws where certificate and key do
    // not belong together, as half-way through a rotation.
    secureContext: createSecureContext(secrets),
    ...(connection.tlsServerName !== undefined && { servername: connection.tlsServerName }),
    ...(connection.insecureSkipTlsVerify && { rejectUnauthorized: false }),
  };
  // HTTP/1.1 only: over HTTP/2 all watches would share one socket, its flow control and its failures.
  const shared = { connect, allowH2: false, pipelining: 1, headersTimeout: 30 * SECOND };
  return {
    calls: new Pool(origin, { ...shared, connections: 32, keepAliveTimeout: KEPT_OPEN, bodyTimeout: MINUTE }),
    watches: new Pool(origin, { ...shared, connections: null, bodyTimeout: 100 * SECOND }),
  };
}

function filesOf({ ca, credential }: Connection): readonly string[] {
  const pems = [ca, ...(credential.kind === 'certificate' ? [credential.certificate, credential.key] : [])];
  return pems.flatMap((pem) => (pem && 'file' in pem ? [pem.file] : []));
}

async function stampOf(files: readonly string[]): Promise<string> {
  const stamps = await Promise.all(
    files.map(async (file) => {
      const [found] = await Promise.allSettled([stat(file)]);
      return found.status === 'fulfilled'
        ? `${found.value.mtimeMs}/${found.value.size}/${found.value.ino}`
        : 'missing';
    }),
  );
  return stamps.join(' ');
}

function pemText(pem: Pem): Promise<string> {
  return 'pem' in pem ? Promise.resolve(pem.pem) : readFile(pem.file, 'utf8');
}
