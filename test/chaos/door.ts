/**
 * One address for all controllers, and yet a wire of its own for each. The address is part of what names a store, so it
 * must be the same for everybody; whose connection it is says the kernel: the process that owns the other end
 * (/proc/net/tcp and /proc/PID/fd).
 */
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { resetSocket, startProxy, type Proxy, type ProxyTarget } from '../../sandbox/proxy.ts';

export interface Door {
  readonly port: number;
  /** The wire of each controller, by its number. */
  readonly wires: readonly Proxy[];
  close(): Promise<void>;
}

/** Opens a door before `target`; `pids` answers the process ids of the controllers, by their numbers. */
export async function openDoor(
  target: ProxyTarget,
  controllers: number,
  pids: () => readonly number[],
): Promise<Door> {
  const wires = await Promise.all(Array.from({ length: controllers }, () => startProxy(target)));
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const lead = async (): Promise<void> => {
      client.on('error', () => client.destroy());
      const owner = await ownerOf(client, pids());
      const port = wires[owner]?.port;
      if (port === undefined || client.destroyed) return void client.destroy();
      const inner = connect({ host: '127.0.0.1', port });
      for (const [socket, other] of [
        [client, inner],
        [inner, client],
      ] as const) {
        open.add(socket);
        socket.setNoDelay(true);
        socket.on('error', () => resetSocket(other));
        socket.once('close', () => {
          open.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    };
    lead().catch(() => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the door has no port');
  return {
    port: address.port,
    wires,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
      await Promise.all(wires.map((wire) => wire.close()));
    },
  };
}

/** The number of the controller at the other end; -1 if it is none of them. */
async function ownerOf({ remotePort, localPort }: Socket, pids: readonly number[]): Promise<number> {
  const inode = await inodeOf(remotePort ?? 0, localPort ?? 0);
  if (inode === undefined) return -1;
  for (const [number, pid] of pids.entries()) if (await holds(pid, inode)) return number;
  return -1;
}

/** The socket from port `from` to port `to` of this machine (proc(5): addresses and ports in hexadecimal). */
async function inodeOf(from: number, to: number): Promise<string | undefined> {
  const hex = (port: number): string => `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const table = `${await readFile('/proc/net/tcp', 'utf8')}\n${await readFile('/proc/net/tcp6', 'utf8')}`;
  for (const line of table.split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[1]?.endsWith(hex(from)) === true && fields[2]?.endsWith(hex(to)) === true) return fields[9];
  }
  return undefined;
}

async function holds(pid: number, inode: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => '')));
  return links.includes(`socket:[${inode}]`);
}
