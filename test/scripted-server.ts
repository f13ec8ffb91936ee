/** An HTTP server that does to a client exactly what a test says, byte by byte. It knows nothing of Kubernetes. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** One request as it arrived, and the ways to treat it. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON, or undefined without a body. */
  readonly body: any;
  /** Common name of the client's certificate. */
  readonly clientName?: string;
  reply(status: number, body?: unknown, headers?: Readonly<Record<string, string>>): void;
  /** Sends the head of a 200 and keeps the body open. */
  open(): Stream;
  /** RST instead of an answer. */
  reset(): void;
}

export interface Stream {
  /** Sends bytes as they are. */
  write(bytes: string | Buffer): void;
  /** One JSON line for each. */
  send(...events: unknown[]): void;
  end(): void;
  reset(): void;
  /** Whether the client has left. */
  readonly closed: boolean;
}

export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  /** Every request so far. */
  readonly seen: Exchange[];
  /** Connections opened so far. */
  readonly connections: number;
}

export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** `script` decides about each request; doing nothing leaves the client without an answer. */
export async function startScriptedServer(
  script: (exchange: Exchange, index: number) => void,
  tls?: TlsFiles,
): Promise<ScriptedServer> {
  const seen: Exchange[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const exchange = exchangeOf(request, response, Buffer.concat(chunks).toString());
      seen.push(exchange);
      script(exchange, seen.length - 1);
    });
  };
  const server = tls
    ? createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: false }, onRequest)
    : createServer(onRequest);
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    seen,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function exchangeOf(request: IncomingMessage, response: ServerResponse, text: string): Exchange {
  const url = new URL(request.url ?? '/', 'http://server');
  const peer =
    'getPeerCertificate' in request.socket ? (request.socket as TLSSocket).getPeerCertificate() : undefined;
  const subject = peer?.subject?.CN;
  const clientName = typeof subject === 'string' ? subject : undefined;
  const reset = (): void => void request.socket.resetAndDestroy();
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    body: text === '' ? undefined : JSON.parse(text),
    ...(clientName !== undefined && { clientName }),
    reply(status, body, headers) {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
    },
    open() {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      return {
        write: (bytes) => void response.write(bytes),
        send: (...events) =>
          void response.write(events.map((event) => `${JSON.stringify(event)}\n`).join('')),
        end: () => void response.end(),
        reset,
        get closed() {
          return response.destroyed;
        },
      };
    },
    reset,
  };
}
