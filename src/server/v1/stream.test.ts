/** The live stream: what a client holds after any history of deltas, gaps and slowness. */
import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createManualSystem, type ManualSystem } from '../../../test/manual-system.ts';
import { ShownWorld } from '../../../test/shown-world.ts';
import { parseFilter, type Filter } from '../../api/v1/filter.ts';
import type { WorkloadRow } from '../../api/v1/schema/state.ts';
import { Board } from './board.ts';
import { MOST_STREAMS, Streams, type Sink } from './stream.ts';

interface Message {
  readonly rev: string;
  readonly prev?: string;
  readonly seenBy?: { readonly role: string };
  readonly summary: { readonly counts: { readonly total: number } } | null;
  readonly workloads?: readonly WorkloadRow[];
  readonly truncated?: unknown;
  readonly upsert?: { readonly workloads: readonly WorkloadRow[] };
  readonly remove?: { readonly workloads: readonly string[] };
  readonly history?: readonly unknown[];
}

/** A client as the contract wants it: replaces on a snapshot, and throws when something was missed. */
class Reader extends EventEmitter {
  readonly rows = new Map<string, string>();
  readonly kinds: string[] = [];
  readonly history: unknown[] = [];
  text = '';
  held: string | undefined;
  total: number | undefined;
  /** Takes nothing. */
  isStuck = false;
  writableLength = 0;
  isDestroyed = false;
  isEnded = false;

  readonly writeHead = (): this => this;
  readonly flushHeaders = (): void => undefined;
  readonly end = (): this => {
    this.isEnded = true;
    return this;
  };
  readonly destroy = (): this => {
    this.isDestroyed = true;
    this.emit('close');
    return this;
  };

  readonly write = (chunk: string | Buffer): boolean => {
    if (this.isStuck) this.writableLength += chunk.length;
    this.text += chunk.toString();
    for (;;) {
      const end = this.text.indexOf('\n\n');
      if (end < 0) return !this.isStuck;
      this.#take(this.text.slice(0, end));
      this.text = this.text.slice(end + 2);
    }
  };

  /** Takes what waits. */
  drain(): void {
    this.isStuck = false;
    this.writableLength = 0;
    this.emit('drain');
  }

  get sink(): Sink {
    return this as unknown as Sink;
  }

  #take(event: string): void {
    const fields = new Map(
      event.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
    );
    const kind = fields.get('event');
    this.kinds.push(kind ?? (event.startsWith(':') ? 'heartbeat' : 'retry'));
    if (kind === undefined) return;
    const data = JSON.parse(fields.get('data') ?? '') as Message;
    if (fields.get('id') !== data.rev) throw new Error(`id ${fields.get('id')} of revision ${data.rev}`);
    if (kind === 'snapshot') this.rows.clear();
    else if (data.prev !== this.held) throw new Error(`holds ${this.held}, was sent ${data.prev}`);
    for (const row of data.workloads ?? data.upsert?.workloads ?? [])
      this.rows.set(`${row.kind}/${row.namespace}/${row.name}`, JSON.stringify(row));
    for (const key of data.remove?.workloads ?? []) this.rows.delete(key);
    this.history.push(...(data.history ?? []));
    this.held = data.rev;
    this.total = data.summary?.counts.total ?? this.total;
  }
}

interface Stage {
  readonly world: ShownWorld;
  readonly system: ManualSystem;
  readonly board: Board;
  readonly streams: Streams;
  /** Of the snapshots that were sent. */
  readonly causes: string[];
  readonly open: (query?: string, last?: string) => Reader;
  /** What a client with this filter should hold. */
  readonly truth: (query: string) => ReadonlyMap<string, string>;
}

function filterOf(query: string): Filter {
  const filter = parseFilter(new URLSearchParams(query), []);
  if ('code' in filter) throw new Error(filter.detail);
  return filter;
}

function setUp(): Stage {
  const world = new ShownWorld();
  const causes: string[] = [];
  const system = createManualSystem();
  const board = new Board(world, 'life');
  const streams = new Streams(world, board, system.clock, (cause) => causes.push(cause));
  return {
    world,
    system,
    board,
    streams,
    causes,
    open(query = '', last) {
      const reader = new Reader();
      reader.held = last;
      streams.open(reader.sink, filterOf(query), last);
      return reader;
    },
    truth(query) {
      const { matches } = filterOf(query);
      return new Map(board.byName.filter(matches).map(({ key, json }) => [key, json]));
    },
  };
}

const keyOf = (number: number): string => `process/ns-${number % 3}/name-${number}`;
const FILTERS = ['', 'namespace=ns-1', 'status=ready=true', 'status=tone!=ok,node=a', 'q=name-1'];

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      number: fc.nat(12),
      reason: fc.constantFrom('Active', 'CrashLoop', 'Starting'),
      node: fc.constantFrom('a', 'b'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), number: fc.nat(12) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('open' as const), filter: fc.nat(FILTERS.length - 1) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('reopen' as const),
      which: fc.nat(5),
      filter: fc.nat(FILTERS.length - 1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stick' as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('role' as const), isLeader: fc.boolean() }) },
);

it('a client that applies what it is sent holds what the server shows, after any history', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const stage = setUp();
      let clients: { readonly reader: Reader; readonly query: string }[] = [];
      for (const one of steps) {
        if (one.kind === 'set')
          stage.world.set(keyOf(one.number), { reason: one.reason as 'Active', node: one.node });
        if (one.kind === 'remove') stage.world.remove(keyOf(one.number));
        if (one.kind === 'wait') stage.system.advance(one.ms);
        if (one.kind === 'role') stage.world.become({ isLeader: one.isLeader });
        if (one.kind === 'open') {
          const query = FILTERS[one.filter] ?? '';
          clients.push({ reader: stage.open(query), query });
        }
        if (one.kind === 'reopen') {
          const client = clients[one.which];
          if (client === undefined || client.reader.isStuck) continue;
          client.reader.destroy();
          // The same rows on a new connection, as a client keeps them.
          const reader = new Reader();
          for (const [key, row] of client.reader.rows) reader.rows.set(key, row);
          reader.held = client.reader.held;
          reader.total = client.reader.total;
          stage.streams.open(reader.sink, filterOf(client.query), reader.held);
          clients = clients.with(one.which, { reader, query: client.query });
        }
        const which = one.kind === 'stick' || one.kind === 'drain' ? clients[one.which] : undefined;
        if (one.kind === 'stick' && which !== undefined) which.reader.isStuck = true;
        if (one.kind === 'drain') which?.reader.drain();
      }
      for (const { reader } of clients) reader.drain();
      stage.system.advance(1000);
      for (const { reader, query } of clients.filter(({ reader: { isDestroyed } }) => !isDestroyed)) {
        expect(reader.rows).toEqual(stage.truth(query));
        expect(reader.total).toBe(stage.board.size);
      }
    }),
    { numRuns: 1000 },
  );
});

describe('a stream', () => {
  it('begins with a snapshot that says who sees it, and goes on with what changed', () => {
    const { world, system, open } = setUp();
    world.set(keyOf(1));
    const reader = open();
    expect(reader.kinds).toEqual(['retry', 'snapshot']);
    world.set(keyOf(2));
    world.remove(keyOf(1));
    world.tell({ at: 1, type: 'removed', subject: keyOf(1), cause: 'Removed' });
    system.advance(200);
    expect(reader.kinds).toEqual(['retry', 'snapshot', 'delta']);
    expect([...reader.rows.keys()]).toEqual([keyOf(2)]);
    expect(reader.history).toMatchObject([{ type: 'removed', subject: keyOf(1) }]);
  });

  it('puts a burst together: one delta in 200 ms', () => {
    const { world, system, open } = setUp();
    const reader = open();
    for (let number = 0; number < 100; number++) {
      world.set(keyOf(number));
      system.advance(10);
    }
    system.advance(200);
    expect(reader.rows.size).toBe(100);
    expect(reader.kinds.filter((kind) => kind === 'delta').length).toBeLessThanOrEqual(6);
  });

  it('has a sign of life every 15 seconds, and nothing else while nothing changes', () => {
    const { world, system, open } = setUp();
    // A follower has no lease of its own that runs down.
    world.become({
      isLeader: false,
      election: { role: 'follower', since: 0, epoch: 7, store: { up: true } },
    });
    const reader = open();
    system.advance(46_000);
    expect(reader.kinds).toEqual(['retry', 'snapshot', 'heartbeat', 'heartbeat', 'heartbeat']);
  });

  it('notices an outage that nobody announces', () => {
    const { world, system, open } = setUp();
    world.set(keyOf(1));
    const reader = open();
    world.become({ clusterProblem: 'ECONNREFUSED' }, true);
    system.advance(1100);
    expect(reader.rows.get(keyOf(1))).toContain('"ready":"unknown"');
  });

  it('goes on where the client was, or begins anew when that is too long ago or of another process', () => {
    const { world, system, open, board, causes } = setUp();
    const first = open();
    world.set(keyOf(1));
    system.advance(300);
    const { held } = first;
    world.set(keyOf(2));
    system.advance(300);
    expect(open('', held).kinds).toEqual(['retry', 'delta']);
    expect(open('', board.revision).kinds).toEqual(['retry']);
    expect(open('', 'other:1').kinds).toEqual(['retry', 'snapshot']);
    system.advance(70_000);
    world.become({ now: 70_000 });
    world.set(keyOf(3));
    system.advance(300);
    expect(open('', held).kinds).toEqual(['retry', 'snapshot']);
    expect(causes).toEqual(['opened', 'expired', 'expired']);
  });

  it('of a client that takes nothing has bounded memory, and goes on with a snapshot', () => {
    const { world, system, open } = setUp();
    const reader = open();
    reader.isStuck = true;
    const message = 'x'.repeat(50_000);
    for (let number = 0; number < 300; number++) {
      world.set(keyOf(number % 10), { message: `${message}${number}` });
      system.advance(20);
    }
    expect(reader.writableLength).toBeLessThan(2 * 1024 * 1024);
    reader.drain();
    expect(reader.kinds.at(-1)).toBe('snapshot');
    expect(reader.rows.size).toBe(10);
  });

  it('of a client that takes nothing for a minute is closed', () => {
    const { world, system, open, streams } = setUp();
    const reader = open();
    reader.isStuck = true;
    world.set(keyOf(1));
    system.advance(59_000);
    expect(reader.isDestroyed).toBe(false);
    system.advance(5000);
    expect(reader.isDestroyed).toBe(true);
    expect(streams.count).toBe(0);
  });

  it('has more than 5,000 rows cut off, those that need attention first', () => {
    const { world, open } = setUp();
    for (let number = 0; number < 5010; number++) world.set(keyOf(number));
    world.set('process/zzz/sick', { reason: 'CrashLoop' });
    const reader = open();
    expect(reader.rows.size).toBe(5000);
    expect(reader.rows.has('process/zzz/sick')).toBe(true);
  });

  it('is refused when there are 200, and all end when the process stops', () => {
    const { open, streams } = setUp();
    const readers = Array.from({ length: MOST_STREAMS }, () => open());
    expect(streams.isFull).toBe(true);
    readers[0]?.destroy();
    expect(streams.isFull).toBe(false);
    streams.close();
    expect(readers.slice(1).every(({ isEnded }) => isEnded)).toBe(true);
    expect(streams.isFull).toBe(true);
  });
});
