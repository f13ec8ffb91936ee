/** The HTTP server with TLS, with certificates made here. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createAuthority, issueServer } from '../../sandbox/control-plane/certificate.ts';
import { createManualSystem } from '../../test/manual-system.ts';
import { listen, type HttpServer } from './http.ts';
import { Router } from './route.ts';
import { startingRoutes } from './routes.ts';

const authority = createAuthority('test');
const system = createManualSystem();
let folder: string;
let tls: { readonly certFile: string; readonly keyFile: string };
let server: HttpServer | undefined;

async function write(name: string): Promise<void> {
  const { certificate, key } = issueServer(authority, name, ['127.0.0.1']);
  await writeFile(tls.certFile, certificate);
  await writeFile(tls.keyFile, key);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8-highlander-tls-'));
  tls = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  await write('first');
});

afterEach(async () => {
  await server?.close(0);
  server = undefined;
  await rm(folder, { recursive: true });
});

async function open(): Promise<void> {
  const listening = await listen(0, new Router(startingRoutes()), system, { tls });
  if ('code' in listening) throw new Error(listening.message);
  server = listening;
}

/** Asks for /healthz; answers the status and the name in the certificate of the connection. */
function ask(agent: Agent): Promise<readonly [number | undefined, string | readonly string[] | undefined]> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: server?.port,
      path: '/healthz',
      agent,
      ca: authority.certificate,
    };
    request(options, (response) => {
      const { subject } = (response.socket as TLSSocket).getPeerCertificate();
      response.resume().on('end', () => resolve([response.statusCode, subject.CN]));
    })
      .on('error', reject)
      .end();
  });
}

it('a new certificate is used by new connections, and open ones go on', async () => {
  await open();
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  const fresh = () => ask(new Agent());
  expect(await ask(kept)).toEqual([200, 'first']);
  await write('second');
  await vi.waitFor(
    async () => {
      system.advance(10_000);
      expect(await fresh()).toEqual([200, 'second']);
    },
    { timeout: 10_000 },
  );
  expect(await ask(kept)).toEqual([200, 'first']);
  kept.destroy();
});

it('a certificate that cannot be used leaves the one before, and says so once', async () => {
  await open();
  await writeFile(tls.certFile, 'half a certi');
  await vi.waitFor(
    () => {
      system.advance(10_000);
      expect(system.lines.filter((line) => line.startsWith('warn the certificate'))).toHaveLength(1);
    },
    { timeout: 10_000 },
  );
  expect(await ask(new Agent())).toEqual([200, 'first']);
});

it.each([
  ['TLSv1.1', false],
  ['TLSv1.2', true],
  ['TLSv1.3', true],
] as const)('a client of %s: %s', async (version: SecureVersion, isTaken) => {
  await open();
  const outcome = await new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port: server?.port,
      ca: authority.certificate,
      minVersion: version,
      maxVersion: version,
      // Else the client itself refuses to speak the old version.
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    socket.on('secureConnect', () => {
      resolve(socket.getProtocol());
      socket.destroy();
    });
    socket.on('error', () => resolve('refused'));
  });
  expect(outcome).toBe(isTaken ? version : 'refused');
});

it('files that are missing, or do not belong together, are a problem at the start', async () => {
  const other = issueServer(authority, 'other', ['127.0.0.1']);
  await writeFile(tls.keyFile, other.key);
  const start = () => listen(0, new Router(), system, { tls });
  expect(await start()).toMatchObject({ code: 'InvalidValue', path: 'tls' });
  await rm(tls.keyFile);
  expect(await start()).toMatchObject({ code: 'ConfigUnreadable', path: 'tls' });
});
