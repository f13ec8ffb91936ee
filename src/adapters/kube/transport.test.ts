import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createAuthority, issueClient, issueServer } from '../../../sandbox/control-plane/certificate.ts';
import { createManualSystem } from '../../../test/manual-system.ts';
import { startScriptedServer, type Exchange, type ScriptedServer } from '../../../test/scripted-server.ts';
import { createSystem } from '../system.ts';
import { CONFIG_MAPS, PODS, type ObjectRef } from '../../ports/cluster.ts';
import type { Credential } from './connection.ts';
import { openReader } from './reader.ts';
import { Transport } from './transport.ts';
import { openWriter } from './writer.ts';

const open: (() => PromiseLike<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function connect(
  script: (exchange: Exchange, index: number) => void,
  credential: Credential = { kind: 'none' },
) {
  const server = await startScriptedServer(script);
  open.push(() => server[Symbol.asyncDispose]());
  return { server, ...clientOf(server, credential) };
}

function clientOf(server: ScriptedServer, credential: Credential) {
  const system = createManualSystem();
  const transport = new Transport(
    { server: server.url, credential },
    { clock: system.clock, userAgent: 'k8-highlander/test' },
  );
  open.push(() => transport.close());
  const reader = openReader(transport);
  return { system, transport, reader, writer: openWriter(transport, reader) };
}

const NEVER = new AbortController().signal;
const REF: ObjectRef = { resource: CONFIG_MAPS, namespace: 'ns', name: 'a' };
const OBJECT = { metadata: { namespace: 'ns', name: 'a', uid: 'u', resourceVersion: '7' } };
const status = (code: number, reason = '') => ({ kind: 'Status', code, reason, message: `said ${code}` });

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kube-'));
  open.push(() => rm(folder, { recursive: true }));
  return folder;
}

describe('what is sent', () => {
  it('names the program, and on writes the field manager', async () => {
    const { server, reader, writer } = await connect((exchange) => exchange.reply(200, OBJECT));
    await reader.get(REF, NEVER);
    await writer.replace(CONFIG_MAPS, OBJECT, NEVER);
    const [get, put] = server.seen;
    expect(get?.headers['user-agent']).toBe('k8-highlander/test');
    expect(put?.query.get('fieldManager')).toBe('k8-highlander');
    expect(put?.path).toBe('/api/v1/namespaces/ns/configmaps/a');
  });

  it('a delete carries uid and resourceVersion and never a grace period', async () => {
    const { server, writer } = await connect((exchange) =>
      exchange.reply(200, { kind: 'Status', status: 'Success' }),
    );
    const result = await writer.delete(REF, { uid: 'u', resourceVersion: '7' }, 'Background', NEVER);
    expect(result).toEqual({ kind: 'done', object: { metadata: { namespace: 'ns', name: 'a', uid: 'u' } } });
    expect(server.seen[0]?.body).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { uid: 'u', resourceVersion: '7' },
      propagationPolicy: 'Background',
    });
  });

  it('keeps at most 32 calls in flight, and open watches do not starve them', async () => {
    let inFlight = 0;
    let most = 0;
    const held: Exchange[] = [];
    const { server, transport, reader } = await connect((exchange) => {
      if (exchange.query.has('watch')) return void exchange.open();
      inFlight += 1;
      most = Math.max(most, inFlight);
      held.push(exchange);
    });
    const stop = new AbortController();
    for (let index = 0; index < 40; index++)
      await transport.open('/w', { watch: 'true' }, stop.signal, 60_000);
    const calls = Array.from({ length: 50 }, () => reader.get(REF, NEVER));
    await vi.waitFor(() => expect(held.length).toBe(32));
    let answered = 0;
    while (answered < 50) {
      await vi.waitFor(() => expect(held.length).toBeGreaterThan(0));
      for (const exchange of held.splice(0)) {
        inFlight -= 1;
        answered += 1;
        exchange.reply(200, OBJECT);
      }
    }
    expect((await Promise.all(calls)).every(({ kind }) => kind === 'done')).toBe(true);
    expect(most).toBe(32);
    expect(server.connections).toBe(72);
    stop.abort();
  });

  it('who waits for a free connection when the time is up is answered at once, and never sent', async () => {
    const held: Exchange[] = [];
    const { server, reader, writer } = await connect((exchange) => void held.push(exchange));
    const calls = Array.from({ length: 32 }, () => reader.get(REF, NEVER));
    await vi.waitFor(() => expect(held.length).toBe(32));
    const stop = new AbortController();
    const waiting = writer.create(CONFIG_MAPS, OBJECT, stop.signal);
    const behind = reader.get(REF, NEVER);
    // By then both stand in line.
    await new Promise(setImmediate);
    stop.abort(new Error('the term is over'));
    expect(await waiting).toEqual({ kind: 'unknown', cause: 'not sent: the term is over', code: 'ABORTED' });
    for (const exchange of held.splice(0)) exchange.reply(200, OBJECT);
    await Promise.all(calls);
    await vi.waitFor(() => expect(held.length).toBe(1));
    held[0]?.reply(200, OBJECT);
    expect((await behind).kind).toBe('done');
    expect(server.seen.map(({ method }) => method)).not.toContain('POST');
  });

  it('replace without a resourceVersion is a defect of the caller', async () => {
    const { writer } = await connect(() => {});
    await expect(writer.replace(CONFIG_MAPS, { metadata: { name: 'a' } }, NEVER)).rejects.toThrow(TypeError);
  });
});

describe('what an answer means for a write', () => {
  it.each([
    [409, status(409, 'AlreadyExists'), {}, { kind: 'exists', message: 'said 409' }],
    [409, status(409, 'Conflict'), {}, { kind: 'conflict', message: 'said 409' }],
    [404, status(404, 'NotFound'), {}, { kind: 'gone' }],
    [
      400,
      status(400, 'BadRequest'),
      {},
      { kind: 'refused', status: 400, reason: 'BadRequest', message: 'said 400' },
    ],
    [
      403,
      status(403, 'Forbidden'),
      {},
      { kind: 'refused', status: 403, reason: 'Forbidden', message: 'said 403' },
    ],
    [
      422,
      status(422, 'Invalid'),
      {},
      { kind: 'refused', status: 422, reason: 'Invalid', message: 'said 422' },
    ],
    [429, status(429), {}, { kind: 'throttled', retryAfter: 1000 }],
    [500, status(500, 'InternalError'), {}, { kind: 'unknown', cause: 'HTTP 500: said 500' }],
    [503, status(503), {}, { kind: 'unknown', cause: 'HTTP 503: said 503' }],
    [504, 'gateway', {}, { kind: 'unknown', cause: 'HTTP 504: gateway' }],
    [200, 'not JSON', {}, { kind: 'unknown', cause: 'HTTP 200 without an object' }],
  ])('%i %o', async (code, body, headers, expected) => {
    const { server, writer } = await connect((exchange) => exchange.reply(code, body, headers));
    expect(await writer.create(CONFIG_MAPS, OBJECT, NEVER)).toEqual(expected);
    expect(server.seen.length).toBe(1);
  });

  it('a reset connection leaves it unknown, and it is not sent again', async () => {
    const { server, writer } = await connect((exchange) => exchange.reset());
    expect(await writer.create(CONFIG_MAPS, OBJECT, NEVER)).toMatchObject({ kind: 'unknown' });
    expect(server.seen.length).toBe(1);
  });

  it('an abort after sending leaves it unknown, with the reason', async () => {
    const { server, writer } = await connect(() => {});
    const stop = new AbortController();
    const writing = writer.create(CONFIG_MAPS, OBJECT, stop.signal);
    await vi.waitFor(() => expect(server.seen.length).toBe(1));
    stop.abort(new Error('the term is over'));
    expect(await writing).toEqual({ kind: 'unknown', cause: 'the term is over', code: 'ABORTED' });
  });

  it('an abort before sending says that nothing was sent', async () => {
    const { server, writer } = await connect((exchange) => exchange.reply(201, OBJECT));
    const result = await writer.create(CONFIG_MAPS, OBJECT, AbortSignal.abort());
    expect(result).toEqual({ kind: 'unknown', cause: 'not sent: aborted before', code: 'ABORTED' });
    expect(server.seen.length).toBe(0);
  });

  it('an answer that comes in pieces is put together, also where a character was cut', async () => {
    const object = { metadata: { ...OBJECT.metadata, labels: { word: 'Brüder' } } };
    const bytes = Buffer.from(JSON.stringify(object));
    const cut = bytes.indexOf('ü') + 1;
    const { reader } = await connect((exchange) => {
      const body = exchange.open();
      for (const piece of [bytes.subarray(0, 5), bytes.subarray(5, cut), bytes.subarray(cut)])
        body.write(piece);
      body.end();
    });
    expect(await reader.get(REF, NEVER)).toEqual({ kind: 'done', object });
  });

  it('a body that stalls ends with the deadline of the call', async () => {
    const { server, system, writer } = await connect((exchange) => exchange.open().write('{"metadata":'));
    const writing = writer.create(CONFIG_MAPS, OBJECT, NEVER);
    await vi.waitFor(() => expect(server.seen.length).toBe(1));
    system.advance(30_000);
    expect(await writing).toEqual({ kind: 'unknown', cause: 'no answer in 30 s', code: 'ABORTED' });
  });

  it('a patch that does not fit is a conflict only if the object has another version now', async () => {
    let version = '8';
    const { writer } = await connect((exchange) => {
      if (exchange.method === 'PATCH') return exchange.reply(422, status(422, 'Invalid'));
      exchange.reply(200, { metadata: { ...OBJECT.metadata, resourceVersion: version } });
    });
    const operations = [
      { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
      { op: 'remove', path: '/metadata/finalizers/0' },
    ] as const;
    expect(await writer.patch(REF, operations, NEVER)).toMatchObject({ kind: 'conflict' });
    version = '7';
    expect(await writer.patch(REF, operations, NEVER)).toMatchObject({ kind: 'refused', status: 422 });
    expect(await writer.patch(REF, operations.slice(1), NEVER)).toMatchObject({
      kind: 'refused',
      status: 422,
    });
  });
});

describe('a server that asks to wait', () => {
  it('a read asks again after what the server said, as often as needed', async () => {
    const { server, system, reader } = await connect((exchange, index) =>
      index < 3
        ? exchange.reply(index === 1 ? 503 : 429, status(429), { 'retry-after': '2' })
        : exchange.reply(200, OBJECT),
    );
    const reading = reader.get(REF, NEVER);
    for (let asked = 1; asked <= 3; asked++) {
      await vi.waitFor(() => expect(server.seen.length).toBe(asked));
      await vi.waitFor(() => {
        system.advance(500);
        expect(server.seen.length).toBe(asked + 1);
      });
    }
    expect(await reading).toMatchObject({ kind: 'done' });
    expect(system.clock.now()).toBeGreaterThanOrEqual(6000);
  });

  it('a write waits once; the second refusal is the answer', async () => {
    const { server, system, writer } = await connect((exchange) =>
      exchange.reply(429, status(429), { 'retry-after': '1' }),
    );
    const writing = writer.create(CONFIG_MAPS, OBJECT, NEVER);
    await vi.waitFor(() => {
      system.advance(500);
      expect(server.seen.length).toBe(2);
    });
    expect(await writing).toEqual({ kind: 'throttled', retryAfter: 1000 });
    expect(server.seen.length).toBe(2);
  });

  it('a write whose deadline comes during the wait was not applied, and is not sent again', async () => {
    const { server, system, writer } = await connect((exchange) =>
      exchange.reply(503, status(503), { 'retry-after': '1' }),
    );
    const timer = vi.spyOn(system.clock, 'timer');
    const stop = new AbortController();
    const writing = writer.create(CONFIG_MAPS, OBJECT, stop.signal);
    // The call's own deadline, then the wait.
    await vi.waitFor(() => expect(timer).toHaveBeenCalledTimes(2));
    stop.abort();
    expect(await writing).toEqual({ kind: 'throttled', retryAfter: 1000 });
    expect(server.seen.length).toBe(1);
  });

  it('after a stall in which wait and deadline both passed, the deadline is seen first', async () => {
    const server = await startScriptedServer((exchange) =>
      exchange.reply(429, status(429), { 'retry-after': '0.02' }),
    );
    open.push(() => server[Symbol.asyncDispose]());
    const { clock } = createSystem({ level: 'error', format: 'text', fields: {} });
    const transport = new Transport(
      { server: server.url, credential: { kind: 'none' } },
      { clock, userAgent: 'test' },
    );
    open.push(() => transport.close());
    const timer = vi.spyOn(clock, 'timer');
    const stop = new AbortController();
    const writing = openWriter(transport, openReader(transport)).create(CONFIG_MAPS, OBJECT, stop.signal);
    await vi.waitFor(() => expect(timer).toHaveBeenCalledTimes(2), { interval: 1 });
    clock.timer(clock.now() + 40, () => stop.abort());
    const end = clock.now() + 80;
    while (clock.now() < end);
    expect(await writing).toEqual({ kind: 'throttled', retryAfter: 20 });
    expect(server.seen.length).toBe(1);
  });
});

describe('reads', () => {
  it('a kept-alive socket that dies as it is used costs one more request, not the read', async () => {
    const { server, reader } = await connect((exchange, index) =>
      index === 1 ? exchange.reset() : exchange.reply(200, OBJECT),
    );
    await reader.get(REF, NEVER);
    expect(await reader.get(REF, NEVER)).toMatchObject({ kind: 'done' });
    expect(server.seen.length).toBe(3);
  });

  it('a server that always resets makes it unavailable after two requests', async () => {
    const { server, reader } = await connect((exchange) => exchange.reset());
    expect(await reader.get(REF, NEVER)).toMatchObject({ kind: 'unavailable' });
    expect(server.seen.length).toBe(2);
  });

  it('a list is complete and consistent over pages, and never sends a resourceVersion', async () => {
    const { server, reader } = await connect((exchange) =>
      exchange.query.get('continue') === 't1'
        ? exchange.reply(200, { metadata: { resourceVersion: '9' }, items: [{ metadata: { name: 'b' } }] })
        : exchange.reply(200, { metadata: { resourceVersion: '9', continue: 't1' }, items: [OBJECT] }),
    );
    const list = await reader.list(PODS, { labelSelector: 'a=b' }, NEVER);
    expect(list).toMatchObject({ kind: 'done', resourceVersion: '9' });
    expect(list.kind === 'done' && list.items.map((item) => item.metadata.name)).toEqual(['a', 'b']);
    expect(server.seen.map(({ query }) => query.toString())).toEqual([
      'labelSelector=a%3Db&limit=500',
      'labelSelector=a%3Db&limit=500&continue=t1',
    ]);
  });

  it('a list that need only be as new as another one says so, on its first page', async () => {
    const { server, reader } = await connect((exchange) =>
      exchange.reply(200, {
        metadata: { resourceVersion: '9', ...(exchange.query.has('continue') ? {} : { continue: 't1' }) },
        items: [],
      }),
    );
    await reader.list(PODS, {}, NEVER, '8');
    expect(server.seen.map(({ query }) => query.toString())).toEqual([
      'limit=500&resourceVersion=8&resourceVersionMatch=NotOlderThan',
      'limit=500&continue=t1',
    ]);
  });

  it('connections that were opened ahead are there when they are needed', async () => {
    const { server, transport, reader } = await connect((exchange) => exchange.reply(200, OBJECT));
    await transport.warmUp(3);
    expect(server.connections).toBe(3);
    // A connection is free a turn after its answer was read.
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([1, 2, 3].map(() => reader.get(REF, NEVER)));
    expect(server.connections).toBe(3);
  });

  it('an expired continue token begins the list anew', async () => {
    const { reader } = await connect((exchange, index) => {
      if (index === 1)
        return exchange.reply(410, { ...status(410, 'Expired'), metadata: { continue: 'inconsistent' } });
      const last = exchange.query.get('continue') === 't2';
      const token = index === 0 ? 't1' : 't2';
      exchange.reply(200, {
        metadata: { resourceVersion: '9', ...(!last && { continue: token }) },
        items: [{ metadata: { name: `i${index}` } }],
      });
    });
    const list = await reader.list(PODS, {}, NEVER);
    expect(list.kind === 'done' && list.items.map((item) => item.metadata.name)).toEqual(['i2', 'i3']);
  });

  it.each([
    [403, 'refused'],
    [401, 'refused'],
    [500, 'unavailable'],
    [503, 'unavailable'],
  ])('HTTP %i is %s', async (code, kind) => {
    const { reader } = await connect((exchange) => exchange.reply(code, status(code)));
    expect(await reader.get(REF, NEVER)).toMatchObject({ kind });
    expect(await reader.list(PODS, {}, NEVER)).toMatchObject({ kind });
  });
});

describe('credentials', () => {
  it('a token that was rotated is read again after a 401, and the write is sent again once', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'token');
    await writeFile(file, 'old\n');
    const { server, reader, writer } = await connect(
      (exchange, index) =>
        index > 0 && exchange.headers.authorization === 'Bearer old'
          ? exchange.reply(401, status(401))
          : exchange.reply(200, OBJECT),
      { kind: 'token-file', file },
    );
    await reader.get(REF, NEVER);
    await writeFile(file, 'new\n');
    expect(await writer.replace(CONFIG_MAPS, OBJECT, NEVER)).toMatchObject({ kind: 'done' });
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer old',
      'Bearer old',
      'Bearer new',
    ]);
  });

  it('a token that stayed the same is refused after one request', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'token');
    await writeFile(file, 'old');
    const { server, writer } = await connect((exchange) => exchange.reply(401, status(401)), {
      kind: 'token-file',
      file,
    });
    expect(await writer.create(CONFIG_MAPS, OBJECT, NEVER)).toMatchObject({ kind: 'refused', status: 401 });
    expect(server.seen.length).toBe(1);
  });

  it('a token file is read again after a minute without being asked to', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'token');
    await writeFile(file, 'old');
    const { server, system, reader } = await connect((exchange) => exchange.reply(200, OBJECT), {
      kind: 'token-file',
      file,
    });
    await reader.get(REF, NEVER);
    await writeFile(file, 'new');
    await reader.get(REF, NEVER);
    system.advance(60_000);
    await reader.get(REF, NEVER);
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer old',
      'Bearer old',
      'Bearer new',
    ]);
  });

  it('client certificates identify over TLS, and a rotated file is used a minute later', async () => {
    const folder = await temporaryFolder();
    const authority = createAuthority('test');
    const serving = issueServer(authority, 'server', ['127.0.0.1']);
    const file = (name: string) => join(folder, name);
    const issue = async (commonName: string): Promise<void> => {
      const { certificate, key } = issueClient(authority, { commonName });
      await writeFile(file('crt'), certificate);
      await writeFile(file('key'), key);
    };
    await issue('first');
    const server = await startScriptedServer((exchange) => exchange.reply(200, OBJECT), {
      ca: authority.certificate,
      cert: serving.certificate,
      key: serving.key,
    });
    open.push(() => server[Symbol.asyncDispose]());
    const system = createManualSystem();
    const certificate = {
      kind: 'certificate',
      certificate: { file: file('crt') },
      key: { file: file('key') },
    } as const;
    const options = { clock: system.clock, userAgent: 'k8-highlander/test' };
    const trusting = { server: server.url, ca: { pem: authority.certificate }, credential: certificate };
    const transport = new Transport(trusting, options);
    open.push(() => transport.close());
    const reader = openReader(transport);
    expect(await reader.get(REF, NEVER)).toMatchObject({ kind: 'done' });
    await issue('second');
    await utimes(file('crt'), 1, 1);
    system.advance(60_000);
    await reader.get(REF, NEVER);
    expect(server.seen.map(({ clientName }) => clientName)).toEqual(['first', 'second']);

    const distrusting = new Transport({ server: server.url, credential: { kind: 'none' } }, options);
    open.push(() => distrusting.close());
    expect(await openReader(distrusting).get(REF, NEVER)).toMatchObject({ kind: 'unavailable' });
    expect(server.seen.length).toBe(2);
  });

  it('an unreadable certificate file is a failure without a request', async () => {
    const { server, reader } = await connect(() => {}, {
      kind: 'certificate',
      certificate: { file: '/nonexistent/crt' },
      key: { pem: '' },
    });
    expect(await reader.get(REF, NEVER)).toMatchObject({
      kind: 'unavailable',
      cause: expect.stringContaining('ENOENT'),
    });
    expect(server.seen.length).toBe(0);
  });
});
