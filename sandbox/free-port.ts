/**
 * Loopback ports for servers that are started later, or again after a fault. They lie below Linux's default range of
 * ephemeral ports (32768 and up), because an outgoing connection may take a port from there at any moment.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { codeOf } from './reason.ts';

const FIRST = 20_000;
const AFTER_LAST = 32_768;
const ATTEMPTS = 100;

/**
 * Answers distinct ports on which nobody listens now.
 *
 * @throws Error after a hundred taken ports.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>();
  for (let attempt = 0; found.size < count; attempt += 1) {
    if (attempt === ATTEMPTS)
      throw new Error(`no free loopback port among ${ATTEMPTS} between ${FIRST} and ${AFTER_LAST}`);
    const port = randomInt(FIRST, AFTER_LAST);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') return false;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return true;
}
