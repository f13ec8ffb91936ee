/**
 * A proxy between one controller and the API server that understands what passes: plain HTTP in front, the controller's own
 * certificate behind. It holds single requests back and forwards them when a test says so, whether or not anybody still
 * waits for the answer; and it keeps watch events of chosen objects back. Everything else passes as it is.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { Agent, request as send, type Dispatcher } from 'undici';
import { readKubeconfig, isConnectProblem } from '../../src/adapters/kube/connect.ts';
import type { KubeObject } from '../../src/ports/cluster.ts';

export interface ApiRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly body: string;
}

/** One request that is held back. */
export interface Held {
  /** Resolves when it has come. */
  readonly arrived: Promise<ApiRequest>;
  /** Resolves when the client has given it up. */
  readonly abandoned: Promise<void>;
  /** Sends it on, and the answer back if somebody waits for it. Resolves with the status. Call it once, after `arrived`. */
  forward(): Promise<number>;
}

export interface ApiProxy {
  /** Its address. */
  readonly server: string;
  /** Holds back the next request that `accept` takes. */
  hold(accept: (request: ApiRequest) => boolean): Held;
  /** Watch events about these objects are kept back until `show`, which brings them in order. */
  hide(accept: (object: KubeObject) => boolean): { show(): void };
  close(): Promise<void>;
}

interface Hold {
  readonly accept: (request: ApiRequest) => boolean;
  readonly take: (request: ApiRequest, response: ServerResponse, go: () => Promise<number>) => void;
}

interface Veil {
  readonly accept: (object: KubeObject) => boolean;
  readonly kept: (() => void)[];
}

/** Opens one for the user of a kubeconfig that the sandbox wrote. */
export async function openApiProxy(kubeconfig: string): Promise<ApiProxy> {
  const connection = await readKubeconfig(kubeconfig);
  if (isConnectProblem(connection)) throw new Error(connection.message);
  const { ca, credential } = connection;
  if (ca === undefined || !('pem' in ca) || credential.kind !== 'certificate')
    throw new Error(`${kubeconfig} was not written by a sandbox`);
  const { certificate, key } = credential;
  if (!('pem' in certificate) || !('pem' in key)) throw new Error(`${kubeconfig} has no certificate inline`);
  const dispatcher = new Agent({
    connect: { ca: ca.pem, cert: certificate.pem, key: key.pem },
    bodyTimeout: 0,
    headersTimeout: 0,
  });
  const holds = new Set<Hold>();
  const veils = new Set<Veil>();
  const upstream = new Upstream(connection.server, dispatcher, veils);
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    const go = (): Promise<number> => upstream.pass(request, body, response);
    const seen = { method: request.method ?? 'GET', path: pathOf(request), body };
    const hold = [...holds].find(({ accept }) => accept(seen));
    if (hold === undefined) {
      await go();
      return;
    }
    holds.delete(hold);
    hold.take(seen, response, go);
  };
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  // Longer than any client keeps an idle connection: no request meets one that is being closed.
  server.keepAliveTimeout = 600_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: (accept) => startHold(holds, accept),
    hide(accept) {
      const veil: Veil = { accept, kept: [] };
      veils.add(veil);
      return {
        show() {
          veils.delete(veil);
          for (const bring of veil.kept.splice(0)) bring();
        },
      };
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await dispatcher.destroy();
    },
  };
}

function startHold(holds: Set<Hold>, accept: Hold['accept']): Held {
  const arrived = Promise.withResolvers<ApiRequest>();
  const abandoned = Promise.withResolvers<void>();
  let forward: (() => Promise<number>) | undefined;
  holds.add({
    accept,
    take(request, response, go) {
      response.once('close', () => {
        if (!response.writableEnded) abandoned.resolve();
      });
      forward = go;
      arrived.resolve(request);
    },
  });
  return {
    arrived: arrived.promise,
    abandoned: abandoned.promise,
    forward() {
      if (forward === undefined) throw new Error('the request has not come yet');
      return forward();
    },
  };
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return new URL(url, 'http://proxy').pathname;
}

class Upstream {
  readonly #server: string;
  readonly #dispatcher: Dispatcher;
  readonly #veils: ReadonlySet<Veil>;

  constructor(server: string, dispatcher: Dispatcher, veils: ReadonlySet<Veil>) {
    this.#server = server;
    this.#dispatcher = dispatcher;
    this.#veils = veils;
  }

  /** Resolves with the status when the answer has been handed on; for a watch, when it has ended. */
  async pass(request: IncomingMessage, body: string, response: ServerResponse): Promise<number> {
    const {
      host: _host,
      connection: _connection,
      'accept-encoding': _encoding,
      ...headers
    } = request.headers;
    const isWatch = new URL(request.url ?? '/', 'http://proxy').searchParams.has('watch');
    const left = new AbortController();
    if (isWatch) response.once('close', () => left.abort());
    const answer = await send(`${this.#server}${request.url}`, {
      dispatcher: this.#dispatcher,
      method: request.method ?? 'GET',
      headers: headers as Record<string, string>,
      body: body === '' ? null : body,
      signal: left.signal,
    });
    const { 'transfer-encoding': _chunked, ...answerHeaders } = answer.headers;
    response.writeHead(answer.statusCode, answerHeaders);
    if (isWatch && answer.statusCode === 200) {
      response.flushHeaders();
      for await (const line of createInterface({ input: answer.body })) this.#bring(line, response);
      response.end();
    } else response.end(await answer.body.text());
    return answer.statusCode;
  }

  #bring(line: string, response: ServerResponse): void {
    const { object } = JSON.parse(line) as { readonly object: KubeObject };
    const bring = (): void => void response.write(`${line}\n`);
    const veil = [...this.#veils].find(({ accept }) => accept(object));
    if (veil === undefined) bring();
    else veil.kept.push(bring);
  }
}
