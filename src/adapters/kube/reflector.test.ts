import { afterEach, describe, expect, it, vi } from 'vitest';
import { createManualSystem } from '../../../test/manual-system.ts';
import { startScriptedServer, type Exchange, type Stream } from '../../../test/scripted-server.ts';
import { PODS, type KubeObject } from '../../ports/cluster.ts';
import { openReader } from './reader.ts';
import { Reflector } from './reflector.ts';
import { Transport } from './transport.ts';

const open: (() => PromiseLike<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

const pod = (name: string, resourceVersion: string) => ({
  metadata: { namespace: 'ns', name, uid: name, resourceVersion },
  spec: { fromTheFuture: true },
});
const event = (type: string, name: string, version: string) => ({ type, object: pod(name, version) });
const bookmark = (resourceVersion: string, annotations?: object) => ({
  type: 'BOOKMARK',
  object: { kind: 'Pod', metadata: { resourceVersion, ...(annotations && { annotations }) } },
});
const endOfInitialEvents = (version: string) => bookmark(version, { 'k8s.io/initial-events-end': 'true' });
const expired = {
  type: 'ERROR',
  object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' },
};

/** A cache on a server whose watches are answered one after the other by `scripts`; the last one stays. */
async function start(
  scripts: readonly ((stream: Stream, exchange: Exchange) => void)[],
  options: { readonly silence?: number; readonly refuse?: (exchange: Exchange) => boolean } = {},
) {
  let watches = 0;
  const server = await startScriptedServer((exchange) => {
    if (options.refuse?.(exchange)) return;
    const script = scripts[Math.min(watches++, scripts.length - 1)];
    script?.(exchange.open(), exchange);
  });
  open.push(() => server[Symbol.asyncDispose]());
  const system = createManualSystem();
  const transport = new Transport(
    { server: server.url, credential: { kind: 'none' } },
    { clock: system.clock, userAgent: 'test' },
  );
  open.push(() => transport.close());
  const ups: boolean[] = [];
  const cache = new Reflector<KubeObject>({
    transport,
    reader: openReader(transport),
    resource: PODS,
    scope: { labelSelector: 'a=b' },
    strip: (object) => object,
    system,
    onUp: (up) => ups.push(up),
    ...(options.silence !== undefined && { silence: options.silence }),
  });
  const log: string[] = [];
  cache.onChange(({ kind, object }) =>
    log.push(`${kind} ${object.metadata.name}@${object.metadata.resourceVersion}`),
  );
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  running.catch(() => {});
  open.push(async () => {
    stop.abort();
    await running.catch(() => {});
  });
  /** Waits for the pause after a broken watch, and ends it. */
  const resume = async (cause: string | RegExp): Promise<void> => {
    // Longer than any silence that a test waits for, on a machine that is busy with something else.
    await vi.waitFor(() => expect(cache.state().problem).toMatch(cause), 10_000);
    system.advance(30_000);
  };
  return { server, system, cache, log, ups, running, stop, resume };
}

const initial = (stream: Stream, ...more: object[]): void =>
  stream.send(event('ADDED', 'a', '3'), event('ADDED', 'b', '5'), endOfInitialEvents('9'), ...more);

describe('the complete state', () => {
  it('comes as a stream, is told when its end mark arrives, and unknown fields are kept', async () => {
    let stream: Stream | undefined;
    const { server, cache, log } = await start([(opened) => void (stream = opened)]);
    await vi.waitFor(() => expect(stream).toBeDefined());
    stream?.send(event('ADDED', 'a', '3'), bookmark('4'), event('ADDED', 'b', '5'));
    expect(cache.state().synced).toBe(false);
    stream?.send(endOfInitialEvents('9'));
    await cache.synced(AbortSignal.timeout(5000));
    expect(log).toEqual(['changed a@3', 'changed b@5']);
    expect(cache.get('ns', 'a')).toEqual(pod('a', '3'));
    expect(Object.fromEntries(server.seen[0]?.query ?? [])).toEqual({
      labelSelector: 'a=b',
      watch: 'true',
      allowWatchBookmarks: 'true',
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      timeoutSeconds: '435',
    });
  });

  it('is listed in pages, at once, by a server that refuses to stream it', async () => {
    const { server, cache, log } = await start([(stream) => stream.send(event('ADDED', 'c', '12'))], {
      refuse(exchange) {
        if (exchange.query.has('sendInitialEvents')) exchange.reply(422, { code: 422, message: 'forbidden' });
        else if (!exchange.query.has('watch'))
          exchange.reply(200, { metadata: { resourceVersion: '9' }, items: [pod('a', '3')] });
        else return false;
        return true;
      },
    });
    await vi.waitFor(() => expect(log).toEqual(['changed a@3', 'changed c@12']));
    expect(cache.state()).toEqual({ synced: true });
    expect(server.seen.map(({ query }) => query.get('resourceVersion'))).toEqual([null, null, '9']);
  });

  it.each(['silence', 'a clean end'])(
    'is listed by a server whose stream has no end mark but %s',
    async (how) => {
      const { server, system, log } = await start(
        [
          (stream) => {
            stream.send(event('ADDED', 'a', '3'));
            if (how !== 'silence') stream.end();
          },
          () => {},
        ],
        {
          refuse(exchange) {
            if (exchange.query.has('watch')) return false;
            exchange.reply(200, { metadata: { resourceVersion: '9' }, items: [pod('b', '4')] });
            return true;
          },
        },
      );
      await vi.waitFor(() => {
        system.advance(2_000);
        expect(log).toEqual(['changed b@4']);
      });
      expect(server.seen[1]?.query.get('limit')).toBe('500');
    },
  );
});

describe('a watch that ends', () => {
  it.each<[string, (stream: Stream) => void, RegExp]>([
    ['a reset', (stream) => stream.reset(), /ECONNRESET|other side closed|UND_ERR/],
    ['a close inside an event', (stream) => (stream.write('{"type":'), stream.end()), /middle of an event/],
  ])('by %s resumes after the last event, and nothing is told twice', async (_, finish, cause) => {
    let first: Stream | undefined;
    const { server, cache, log, ups, resume } = await start([
      (stream) => {
        first = stream;
        initial(stream, event('MODIFIED', 'a', '10'));
      },
      (stream) => stream.send(event('DELETED', 'a', '16')),
    ]);
    await vi.waitFor(() => expect(log).toContain('changed a@10'));
    if (first) finish(first);
    await resume(cause);
    await vi.waitFor(() => expect(log.slice(2)).toEqual(['changed a@10', 'removed a@16']));
    expect(server.seen[1]?.query.get('resourceVersion')).toBe('10');
    expect(server.seen[1]?.query.has('sendInitialEvents')).toBe(false);
    expect(cache.state()).toEqual({ synced: true });
    expect(ups).toEqual([true, false, true]);
  });

  it('by a clean close after news resumes at once: a busy server closes what it cannot serve fast enough', async () => {
    let first: Stream | undefined;
    const { server, log, ups } = await start([
      (stream) => {
        first = stream;
        initial(stream, event('MODIFIED', 'a', '10'));
      },
      (stream) => stream.send(event('DELETED', 'a', '16')),
    ]);
    await vi.waitFor(() => expect(log).toContain('changed a@10'));
    first?.end();
    await vi.waitFor(() => expect(log).toContain('removed a@16'));
    expect(server.seen[1]?.query.get('resourceVersion')).toBe('10');
    expect(ups).toEqual([true]);
  });

  it('by a clean close soon after it began, without news, waits before it resumes', async () => {
    let first: Stream | undefined;
    const { cache, log, resume } = await start([
      (stream) => {
        first = stream;
        initial(stream);
      },
      (stream) => stream.send(event('MODIFIED', 'a', '16')),
    ]);
    await cache.synced(AbortSignal.timeout(5000));
    first?.end();
    await resume(/closed by the server/);
    await vi.waitFor(() => expect(log).toContain('changed a@16'));
  });

  it('by silence (half-open) is given up, and the cache says why it is stale', async () => {
    const { cache, log, resume } = await start(
      [
        (stream) => {
          initial(stream, bookmark('11'));
        },
        (stream) => stream.send(event('DELETED', 'b', '12')),
      ],
      { silence: 300 },
    );
    await cache.synced(AbortSignal.timeout(5000));
    await resume(/UND_ERR_BODY_TIMEOUT/);
    await vi.waitFor(() => expect(log).toContain('removed b@12'));
  });

  it('by a line that is not an event is an error in the log, and resumes', async () => {
    const { system, log, resume } = await start([
      (stream) => {
        initial(stream);
        stream.write('<html>\n');
      },
      (stream) => stream.send(event('DELETED', 'b', '12')),
    ]);
    await resume(/not a watch event/);
    await vi.waitFor(() => expect(log).toContain('removed b@12'));
    expect(system.lines).toContain('error the API server sent something that is not a watch event');
  });

  it('after its time-out, having been healthy, resumes at once', async () => {
    let first: Stream | undefined;
    const { server, system, cache, ups } = await start([
      (stream) => {
        first = stream;
        initial(stream, bookmark('20'));
      },
      () => {},
    ]);
    await cache.synced(AbortSignal.timeout(5000));
    system.advance(300_000);
    first?.end();
    await vi.waitFor(() => expect(server.seen.length).toBe(2));
    expect(server.seen[1]?.query.get('resourceVersion')).toBe('20');
    expect(ups).toEqual([true]);
  });

  it('having told nothing at all, although it was open for long, begins anew', async () => {
    let second: Stream | undefined;
    let first: Stream | undefined;
    const { server, system, cache, log, resume } = await start([
      (stream) => {
        first = stream;
        initial(stream);
      },
      (stream) => (second = stream),
      (stream) => stream.send(event('ADDED', 'b', '2'), endOfInitialEvents('4')),
    ]);
    await cache.synced(AbortSignal.timeout(5000));
    first?.end();
    await resume(/closed by the server/);
    await vi.waitFor(() => expect(second).toBeDefined());
    await vi.waitFor(() => expect(cache.state().problem).toBeUndefined());
    system.advance(300_000);
    second?.end();
    await vi.waitFor(() => expect(log.slice(2)).toEqual(['changed b@2', 'removed a@3']));
    expect(server.seen[2]?.query.get('sendInitialEvents')).toBe('true');
  });

  it('is tried again with pauses that double up to their cap', async () => {
    const { server, system, cache } = await start([], {
      refuse(exchange) {
        exchange.reply(500, { message: 'etcd is down' });
        return true;
      },
    });
    const pauses: number[] = [];
    for (let round = 1; round <= 8; round++) {
      await vi.waitFor(() => expect(server.seen.length).toBe(round));
      await vi.waitFor(() => expect(cache.state().problem).toBe('etcd is down'));
      const before = system.clock.now();
      await vi.waitFor(
        () => {
          system.advance(200);
          expect(server.seen.length).toBe(round + 1);
        },
        { interval: 2, timeout: 10_000 },
      );
      pauses.push(system.clock.now() - before);
    }
    // Half of 0.8 s · 2^n and of 30 s, since the test's random number is 0.5; a few polls late.
    for (const [index, expected] of [400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000].entries()) {
      expect(pauses[index]).toBeGreaterThanOrEqual(expected);
      expect(pauses[index]).toBeLessThan(expected + 2_000);
    }
  });
});

describe('410 Gone', () => {
  const again = (stream: Stream): void => stream.send(event('ADDED', 'b', '30'), endOfInitialEvents('40'));

  it('as an event: the state is read anew, at once, and what vanished is removed', async () => {
    const { server, log } = await start([
      (stream) => {
        initial(stream, expired);
      },
      again,
    ]);
    await vi.waitFor(() => expect(log.slice(2)).toEqual(['changed b@30', 'removed a@3']));
    expect(server.seen[1]?.query.get('resourceVersion')).toBeNull();
  });

  it('again and again costs a pause each second time', async () => {
    const { server, system, log } = await start([(stream) => initial(stream, expired)]);
    await vi.waitFor(() => expect(system.lines).toEqual(['debug watch ended', 'debug watch ended']));
    expect(server.seen.length).toBe(2);
    system.advance(30_000);
    await vi.waitFor(() => expect(system.lines.length).toBe(4));
    expect(server.seen.length).toBe(4);
    expect(log).toEqual(['changed a@3', 'changed b@5']);
  });

  it('as a status of the resumed watch: the same', async () => {
    let first: Stream | undefined;
    const { server, cache, log, resume } = await start(
      [
        (stream) => {
          first = stream;
          initial(stream);
        },
        again,
      ],
      {
        refuse(exchange) {
          if (!exchange.query.has('resourceVersion')) return false;
          exchange.reply(410, { code: 410, message: 'too old' });
          return true;
        },
      },
    );
    await cache.synced(AbortSignal.timeout(5000));
    first?.reset();
    await resume(/ECONNRESET|UND_ERR/);
    await vi.waitFor(() => expect(log.slice(2)).toEqual(['changed b@30', 'removed a@3']));
    expect(server.seen.map(({ query }) => query.get('resourceVersion'))).toEqual([null, '9', null]);
  });
});

describe('the cache', () => {
  it('synced rejects when the signal aborts first', async () => {
    const { cache } = await start([() => {}]);
    const stop = new AbortController();
    const waiting = cache.synced(stop.signal);
    stop.abort();
    await expect(waiting).rejects.toThrow('aborted before the cache was complete');
  });

  it('a handler that throws is a defect: run rejects and the socket is closed', async () => {
    let stream: Stream | undefined;
    const { cache, running } = await start([
      (opened) => {
        stream = opened;
        initial(opened);
      },
    ]);
    cache.onChange(() => {
      throw new Error('a defect');
    });
    await expect(running).rejects.toThrow('a defect');
    await vi.waitFor(() => expect(stream?.closed).toBe(true));
  });

  it('stopping ends run and closes the socket, and the state says so', async () => {
    let stream: Stream | undefined;
    const { cache, running, stop } = await start([
      (opened) => {
        stream = opened;
        initial(opened);
      },
    ]);
    await cache.synced(AbortSignal.timeout(5000));
    stop.abort();
    await running;
    expect(cache.state()).toEqual({ synced: true, problem: 'stopped' });
    await vi.waitFor(() => expect(stream?.closed).toBe(true));
  });
});

describe('a type that cannot be watched', () => {
  it('because it does not exist costs one warning and one request a minute, until it is there', async () => {
    let exists = false;
    const { server, system, cache } = await start([(stream) => initial(stream)], {
      refuse(exchange) {
        if (!exists) exchange.reply(404, { code: 404, message: 'not found' });
        return !exists;
      },
    });
    await vi.waitFor(() => expect(cache.state().problem).toBe('not found'));
    system.advance(59_000);
    expect(server.seen.length).toBe(1);
    system.advance(1000);
    await vi.waitFor(() => expect(server.seen.length).toBe(2));
    expect(system.lines.filter((line) => line.startsWith('warn')).length).toBe(1);
    exists = true;
    await vi.waitFor(() => {
      system.advance(60_000);
      expect(server.seen.length).toBe(3);
    });
    await cache.synced(AbortSignal.timeout(5000));
  });

  it('for want of a right is said once, and tried again', async () => {
    let isAllowed = false;
    const { system, cache, resume } = await start([(stream) => initial(stream)], {
      refuse(exchange) {
        if (!isAllowed) exchange.reply(403, { code: 403, message: 'no right' });
        return !isAllowed;
      },
    });
    await resume('no right');
    await resume('no right');
    expect(system.lines.filter((line) => line.startsWith('warn')).length).toBe(1);
    isAllowed = true;
    await vi.waitFor(() => {
      system.advance(30_000);
      expect(cache.state().synced).toBe(true);
    });
  });
});
