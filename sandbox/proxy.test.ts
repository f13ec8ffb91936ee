import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startProxy } from './proxy.ts';
import type { Proxy } from './proxy.ts';

let echo: Server;
let received: string;
let proxy: Proxy;
const sockets = new Set<Socket>();

beforeEach(async () => {
  received = '';
  echo = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      received += bytes.toString();
      socket.write(bytes);
    });
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  proxy = await startProxy({ host: '127.0.0.1', port: address.port });
});

afterEach(async () => {
  await proxy.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  echo.close();
});

async function open(): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1');
  sockets.add(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

async function roundTrip(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [bytes] = (await once(socket, 'data', { signal: AbortSignal.timeout(2_000) })) as [Buffer];
  return bytes.toString();
}

/** Resolves when the connection is gone, with an error or without. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}

test('without a fault bytes pass both ways', async () => {
  expect(await roundTrip(await open(), 'hello')).toBe('hello');
});

test('a delay holds back both directions and keeps the order', async () => {
  const socket = await open();
  proxy.delay(50);
  const started = performance.now();
  socket.write('a');
  socket.write('b');
  let text = '';
  while (text !== 'ab') text += String(((await once(socket, 'data')) as [Buffer])[0]);
  expect(performance.now() - started).toBeGreaterThanOrEqual(98);
});

test('a lifted delay does not let later bytes overtake earlier ones', async () => {
  const socket = await open();
  expect(await roundTrip(socket, '0')).toBe('0');
  proxy.delay(200);
  socket.write('first');
  await open(); // accepted after the bytes above were read
  await expect.poll(() => proxy.connections).toBe(2);
  proxy.delay(0);
  socket.write('second');
  await expect.poll(() => received).toBe('0firstsecond');
});

test('a cut answer direction still lets requests through', async () => {
  const socket = await open();
  expect(await roundTrip(socket, 'x')).toBe('x');
  proxy.cut('down');
  let answered = false;
  socket.on('data', () => (answered = true));
  socket.write('y');
  await expect.poll(() => received).toBe('xy');
  expect(answered).toBe(false);
});

test('a blackhole accepts connections and answers nothing, and after restore the crippled connection is reset', async () => {
  proxy.blackhole();
  const socket = await open();
  socket.write('lost');
  await expect.poll(() => proxy.lostBytes).toBe(4);
  const failed = once(socket, 'error', { signal: AbortSignal.timeout(2_000) });
  proxy.restore();
  const [error] = (await failed) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
  expect(received).toBe('');
  expect(await roundTrip(await open(), 'again')).toBe('again');
});

test('a reset ends connections with RST and serves new ones', async () => {
  const socket = await open();
  await roundTrip(socket, 'x');
  const failed = once(socket, 'error', { signal: AbortSignal.timeout(2_000) });
  proxy.reset();
  const [error] = (await failed) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
  expect(await roundTrip(await open(), 'y')).toBe('y');
});

test('refuse resets new connections until restore', async () => {
  proxy.refuse();
  const socket = connect(proxy.port, '127.0.0.1');
  socket.on('error', () => {});
  await closed(socket);
  proxy.restore();
  expect(await roundTrip(await open(), 'z')).toBe('z');
});

test('a server that is not there is a reset for the client', async () => {
  echo.close();
  const socket = connect(proxy.port, '127.0.0.1');
  socket.on('error', () => {});
  await closed(socket);
  await expect.poll(() => proxy.connections).toBe(0);
});
