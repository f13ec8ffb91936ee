/** Certificates and tokens in files, in the middle of being replaced. */
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createAuthority, issueClient, issueServer } from '../../../sandbox/control-plane/certificate.ts';
import { createManualSystem } from '../../../test/manual-system.ts';
import { startScriptedServer, type TlsFiles } from '../../../test/scripted-server.ts';
import { PODS } from '../../ports/cluster.ts';
import type { Connection } from './connection.ts';
import { openReader } from './reader.ts';
import { Transport } from './transport.ts';

const NEVER = new AbortController().signal;
const OBJECT = { metadata: { namespace: 'ns', name: 'a', uid: 'u', resourceVersion: '7' } };

let folder: string;
const open: (() => PromiseLike<unknown>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rotation-'));
  open.push(() => rm(folder, { recursive: true }));
});
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

const file = (name: string): string => join(folder, name);

/** Writes a file whose time differs from that of its predecessor, however fast the test is. */
async function put(name: string, text: string, time: number): Promise<void> {
  await writeFile(file(name), text);
  await utimes(file(name), time, time);
}

async function connect(connection: Omit<Connection, 'server'>, tls?: TlsFiles) {
  const server = await startScriptedServer((exchange) => exchange.reply(200, OBJECT), tls);
  open.push(() => server[Symbol.asyncDispose]());
  const system = createManualSystem();
  const transport = new Transport(
    { server: server.url, ...connection },
    { clock: system.clock, userAgent: 'test' },
  );
  open.push(() => transport.close());
  const reader = openReader(transport);
  return {
    server,
    get: () => reader.get({ resource: PODS, namespace: 'ns', name: 'a' }, NEVER),
    advance: (duration: number) => system.advance(duration),
  };
}

it('a new certificate whose key is not there yet leaves the old pair in use, and both count a minute later', async () => {
  const authority = createAuthority('authority');
  const serving = issueServer(authority, 'api', ['127.0.0.1', 'localhost']);
  const [first, second] = ['first', 'second'].map((commonName) => issueClient(authority, { commonName }));
  if (first === undefined || second === undefined) throw new Error('no certificates');
  await put('crt', first.certificate, 1);
  await put('key', first.key, 1);
  const { server, get, advance } = await connect(
    {
      ca: { pem: authority.certificate },
      credential: { kind: 'certificate', certificate: { file: file('crt') }, key: { file: file('key') } },
    },
    { ca: authority.certificate, cert: serving.certificate, key: serving.key },
  );
  await get();
  await put('crt', second.certificate, 2);
  advance(60_000);
  expect(await get()).toMatchObject({ kind: 'done' });
  await put('key', second.key, 2);
  advance(60_000);
  expect(await get()).toMatchObject({ kind: 'done' });
  expect(server.seen.map(({ clientName }) => clientName)).toEqual(['first', 'first', 'second']);
});

it('a token file that is empty for a moment leaves the old token in use', async () => {
  await writeFile(file('token'), 'first\n');
  const { server, get, advance } = await connect({ credential: { kind: 'token-file', file: file('token') } });
  await get();
  await writeFile(file('token'), '');
  advance(60_000);
  await get();
  await writeFile(file('token'), 'second\n');
  advance(60_000);
  await get();
  expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(
    ['first', 'first', 'second'].map((token) => `Bearer ${token}`),
  );
});
