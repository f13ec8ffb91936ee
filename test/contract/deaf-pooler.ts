/**
 * A relay in front of PostgreSQL that loses notifications and makes up the process id of a session, as a pooler does that
 * lends its connections by transaction.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** The type of NotificationResponse (PostgreSQL, Frontend/Backend Protocol, "Message Formats"). */
const NOTIFICATION = 'A'.charCodeAt(0);
/** Of BackendKeyData: the process id follows the length. */
const KEY_DATA = 'K'.charCodeAt(0);

export interface DeafPooler {
  readonly port: number;
  /** Notifications lost so far. */
  readonly lost: number;
  close(): Promise<void>;
}

/** Clients must not use TLS. */
export async function startDeafPooler(port: number): Promise<DeafPooler> {
  const sockets = new Set<Socket>();
  let lost = 0;
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    let rest: Buffer = Buffer.alloc(0);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 5 && rest.length >= 1 + rest.readInt32BE(1)) {
        const message = rest.subarray(0, 1 + rest.readInt32BE(1));
        rest = rest.subarray(message.length);
        if (message[0] === KEY_DATA) message.writeInt32BE(-1, 5);
        if (message[0] === NOTIFICATION) lost += 1;
        else client.write(message);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get lost() {
      return lost;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
