/** Credential plugins as real scripts, in front of a server that sees what is sent. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAuthority, issueClient, issueServer } from '../../../sandbox/control-plane/certificate.ts';
import { createManualSystem, type ManualSystem } from '../../../test/manual-system.ts';
import {
  startScriptedServer,
  type Exchange,
  type ScriptedServer,
  type TlsFiles,
} from '../../../test/scripted-server.ts';
import { PODS } from '../../ports/cluster.ts';
import type { Log } from '../../ports/system.ts';
import type { Connection, ExecPlugin } from './connection.ts';
import { openReader } from './reader.ts';
import { Transport } from './transport.ts';

const NEVER = new AbortController().signal;
const POD = { resource: PODS, namespace: 'ns', name: 'a' };
const OBJECT = { metadata: { namespace: 'ns', name: 'a', uid: 'u', resourceVersion: '7' } };
const V1 = 'client.authentication.k8s.io/v1';

let folder: string;
let system: ManualSystem;
let logged: string[];
const open: (() => PromiseLike<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'exec-'));
  system = createManualSystem();
  logged = [];
  open.push(() => rm(folder, { recursive: true }));
});
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

/** A plugin that notes each of its runs; `body` is shell. */
async function plugin(body: string, more: Partial<ExecPlugin> = {}): Promise<ExecPlugin> {
  const command = join(folder, 'get-token');
  await writeFile(command, `#!/bin/sh\ncd '${folder}'\necho x >> runs\n${body}\n`);
  await chmod(command, 0o755);
  return { apiVersion: V1, command, args: [], env: {}, ...more };
}

const runs = async (): Promise<number> =>
  (await readFile(join(folder, 'runs'), 'utf8').catch(() => '')).split('\n').filter(Boolean).length;

/** Shell that answers with this status; $N is the number of the run. */
const answering = (status: Readonly<Record<string, string>>): string =>
  `N=$(wc -l < runs | tr -d ' ')
cat <<EOF
${JSON.stringify({ kind: 'ExecCredential', apiVersion: V1, status })}
EOF`;

const at = (milliseconds: number): string => new Date(milliseconds).toISOString();

async function connect(
  exec: ExecPlugin,
  script: (exchange: Exchange, index: number) => void = (exchange) => exchange.reply(200, OBJECT),
  tls?: TlsFiles,
) {
  const server: ScriptedServer = await startScriptedServer(script, tls);
  open.push(() => server[Symbol.asyncDispose]());
  const note = (message: string, fields?: unknown): void =>
    void logged.push(JSON.stringify([message, fields]));
  const log: Log = { error: note, warn: note, info: note, debug: note, with: () => log };
  const connection: Connection = {
    server: server.url,
    credential: { kind: 'exec', plugin: exec },
    ...(tls && { ca: { pem: tls.ca } }),
  };
  const transport = new Transport(connection, { clock: system.clock, userAgent: 'test', log });
  open.push(() => transport.close());
  const reader = openReader(transport);
  return {
    get: (signal: AbortSignal = NEVER) => reader.get(POD, signal),
    tokens: () => server.seen.map(({ headers }) => headers.authorization),
    clients: () => server.seen.map(({ clientName }) => clientName),
  };
}

describe('what a plugin is told', () => {
  const told = async (name: string): Promise<string> => (await readFile(join(folder, name), 'utf8')).trim();
  const tell = `printf '%s' "$KUBERNETES_EXEC_INFO" > info; echo "$1 $2 $REGION" > said; ${answering({ token: 't' })}`;

  it('its arguments, its environment, and that nobody can be asked', async () => {
    const { get, tokens } = await connect(
      await plugin(tell, { args: ['get', 'a b'], env: { REGION: 'north' } }),
    );
    expect(await get()).toMatchObject({ kind: 'done' });
    expect(tokens()).toEqual(['Bearer t']);
    expect(await told('said')).toBe('get a b north');
    expect(JSON.parse(await told('info'))).toEqual({
      kind: 'ExecCredential',
      apiVersion: V1,
      spec: { interactive: false },
    });
  });

  it('the cluster, if it wants to know', async () => {
    await writeFile(join(folder, 'ca.crt'), 'CA');
    const cluster = {
      server: 'https://api:6443',
      ca: { file: join(folder, 'ca.crt') },
      tlsServerName: 'api',
      config: { audience: 'x' },
    };
    const { get } = await connect(await plugin(tell, { cluster }));
    await get();
    expect(JSON.parse(await told('info')).spec.cluster).toEqual({
      server: 'https://api:6443',
      'tls-server-name': 'api',
      'certificate-authority-data': Buffer.from('CA').toString('base64'),
      config: { audience: 'x' },
    });
  });
});

describe('a token', () => {
  it('without an end is asked for once, also by many requests at a time', async () => {
    const { get, tokens } = await connect(await plugin(answering({ token: 't$N' })));
    await Promise.all([get(), get(), get()]);
    system.advance(86_400_000);
    await get();
    expect(tokens()).toEqual(['Bearer t1', 'Bearer t1', 'Bearer t1', 'Bearer t1']);
    expect(await runs()).toBe(1);
  });

  it('is replaced in the background in the last fifth of its life, and waited for after its end', async () => {
    const body = `END=${at(100_000)}; [ "$(wc -l < runs)" -gt 1 ] && END=${at(200_000)}
${answering({ token: 't$N', expirationTimestamp: '$END' })}`;
    const { get, tokens } = await connect(await plugin(body));
    await get();
    system.advance(79_000);
    await get();
    expect(await runs()).toBe(1);
    system.advance(2_000);
    await get();
    await vi.waitFor(async () => expect(await runs()).toBe(2));
    await vi.waitFor(async () => {
      await get();
      expect(tokens().at(-1)).toBe('Bearer t2');
    });
    system.advance(200_000);
    await get();
    expect(tokens().at(-1)).toBe('Bearer t3');
    expect(tokens().slice(0, 3)).toEqual(['Bearer t1', 'Bearer t1', 'Bearer t1']);
  });

  it('that the server refuses is replaced once and the request sent again; a second refusal is the answer', async () => {
    let refused = ['Bearer t1'];
    const { get, tokens } = await connect(await plugin(answering({ token: 't$N' })), (exchange) =>
      refused.includes(exchange.headers.authorization ?? '')
        ? exchange.reply(401, { kind: 'Status', code: 401 })
        : exchange.reply(200, OBJECT),
    );
    expect(await get()).toMatchObject({ kind: 'refused', status: 401 });
    expect(await runs()).toBe(1);
    system.advance(5_000);
    expect(await get()).toMatchObject({ kind: 'done' });
    refused = ['Bearer t2', 'Bearer t3'];
    system.advance(5_000);
    expect(await get()).toMatchObject({ kind: 'refused', status: 401 });
    expect(tokens()).toEqual(['t1', 't1', 't2', 't2', 't3'].map((token) => `Bearer ${token}`));
    expect(await runs()).toBe(3);
  });

  it('is used until its end while the plugin fails', async () => {
    const body = `[ "$(wc -l < runs)" -gt 1 ] && exit 3\n${answering({ token: 't$N', expirationTimestamp: at(100_000) })}`;
    const { get } = await connect(await plugin(body));
    await get();
    system.advance(90_000);
    await get();
    await vi.waitFor(() => expect(logged.join('\n')).toContain('it ended with 3'));
    expect(await get()).toMatchObject({ kind: 'done' });
    expect(await runs()).toBe(2);
    system.advance(20_000);
    expect(await get()).toMatchObject({ kind: 'unavailable' });
  });
});

it('a client certificate is used, and new connections are made with its successor', async () => {
  const authority = createAuthority('authority');
  const serving = issueServer(authority, 'api', ['127.0.0.1', 'localhost']);
  for (const name of ['1', '2']) {
    const { certificate, key } = issueClient(authority, { commonName: `client-${name}` });
    const status = {
      clientCertificateData: certificate,
      clientKeyData: key,
      expirationTimestamp: at(100_000 * Number(name)),
    };
    const answer = { kind: 'ExecCredential', apiVersion: V1, status };
    await writeFile(join(folder, `answer-${name}`), JSON.stringify(answer));
  }
  const { get, clients } = await connect(
    await plugin('cat "answer-$(wc -l < runs | tr -d " ")"'),
    (exchange) => exchange.reply(200, OBJECT),
    { ca: authority.certificate, cert: serving.certificate, key: serving.key },
  );
  await get();
  await get();
  system.advance(100_000);
  await get();
  expect(clients()).toEqual(['client-1', 'client-1', 'client-2']);
});

describe('a plugin that fails', () => {
  const SECRET = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl';

  it.each([
    ['ends with an error', 'exit 7', 'it ended with 7'],
    ['says something else', 'echo nothing useful', 'its output is not a JSON object'],
    [
      'speaks another version',
      `echo '{"kind":"ExecCredential","apiVersion":"v2"}'`,
      'its output is not an ExecCredential of client.authentication.k8s.io/v1',
    ],
    ['gives nothing', answering({}), 'it gave neither token nor certificate'],
    ['gives half', answering({ clientKeyData: 'k' }), 'it gave a certificate or a key, not both'],
    [
      'gives no time',
      answering({ token: 't', expirationTimestamp: 'soon' }),
      'its expirationTimestamp is not a time',
    ],
  ])('%s: nothing is sent and the cause says why', async (_how, body, cause) => {
    const { get, tokens } = await connect(await plugin(body));
    const message = `not sent: the credential plugin get-token gave no credential: ${cause}`;
    expect(await get()).toMatchObject({ kind: 'unavailable', cause: message });
    expect(tokens()).toEqual([]);
  });

  it('is left alone for five seconds', async () => {
    const { get } = await connect(await plugin('exit 7'));
    await get();
    await get();
    expect(await runs()).toBe(1);
    system.advance(5_000);
    await get();
    expect(await runs()).toBe(2);
  });

  it('has what it says logged, and no token', async () => {
    const leak = `echo "region is not set, token ${SECRET}" >&2`;
    const failing = await connect(await plugin(`${leak}; echo ${SECRET}; exit 1`));
    await failing.get();
    const working = await connect(
      await plugin(`${leak}; echo "short one" >&2\n${answering({ token: 'short' })}`),
    );
    expect(await working.get()).toMatchObject({ kind: 'done' });
    expect(logged.filter((line) => line.includes('region is not set'))).toHaveLength(2);
    expect(logged.join('\n')).not.toContain(SECRET);
    expect(logged.join('\n')).toContain('*** one');
  });

  it('is killed with its children after thirty seconds', async () => {
    const { get } = await connect(await plugin('sleep 1000 & echo $! > child; wait'));
    const getting = get();
    await vi.waitFor(async () => expect(await readFile(join(folder, 'child'), 'utf8')).toMatch(/^\d+\n$/));
    system.advance(30_000);
    expect(await getting).toMatchObject({ kind: 'unavailable' });
    const child = Number(await readFile(join(folder, 'child'), 'utf8'));
    await vi.waitFor(async () =>
      // Killed and not yet reaped is dead too.
      expect(await readFile(`/proc/${child}/stat`, 'utf8').catch(() => ' Z ')).toContain(' Z '),
    );
  });

  it('that is not installed is a sentence with its hint', async () => {
    const exec = { apiVersion: V1, command: 'no-such-plugin', args: [], env: {}, installHint: 'get it at x' };
    const { get } = await connect(exec);
    expect(await get()).toMatchObject({
      cause: 'not sent: the credential plugin no-such-plugin is not installed: get it at x',
    });
  });
});

it('a request that is given up does not wait for the plugin, whose answer serves the next one', async () => {
  const { get, tokens } = await connect(
    await plugin(`while ! [ -e go ]; do sleep 0.01; done; ${answering({ token: 't' })}`),
  );
  const stop = new AbortController();
  const given = get(stop.signal);
  await vi.waitFor(async () => expect(await runs()).toBe(1));
  stop.abort();
  expect(await given).toMatchObject({ kind: 'unavailable' });
  await writeFile(join(folder, 'go'), '');
  expect(await get()).toMatchObject({ kind: 'done' });
  expect(tokens()).toEqual(['Bearer t']);
  expect(await runs()).toBe(1);
});
