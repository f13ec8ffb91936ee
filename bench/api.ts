/**
 * The HTTP API: one page of a list of 10,000 workloads while they change, and a change on its way to 200 streams, without
 * and with five more that read nothing. The server runs in a process of its own, which also serves the floor: a bare
 * server that sends a body it made before. Beside it a control in the same run: how late a timer of an idle loop fires,
 * which is the machine's doing alone.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile, type Measure, type Row, type RowOptions, type RowResult } from './row.ts';

const WORKLOADS = 10_000;
const STREAMS = 200;
/** Streams that read nothing. All rows are more than any socket buffer holds, so each of them is behind at once. */
const SLOW = 5;
/** Rounds without them, then rounds with them, and again: so that both see the same machine. */
const BLOCK = 10;
const TIMER = 5;

/** What the other process tells: where it listens, and when it changed something. */
interface Told {
  readonly ours: number;
  readonly floor: number;
}

export const pageRow: Row = {
  name: 'api-page',
  about: `one page of 500 of ${WORKLOADS} workloads while ten a second change, beside a bare server with a ready-made body`,
  run: runPages,
};

export const streamRow: Row = {
  name: 'stream-delta',
  about: `a change → the last of ${STREAMS} streams has it, without and with ${SLOW} more that read nothing, beside a bare server that writes the same bytes at once`,
  run: runStreams,
};

async function runPages({ rounds = 300, say }: RowOptions): Promise<RowResult> {
  const [server, { ours, floor }] = await start();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const samples = { ours: [] as number[], floor: [] as number[], late: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      samples.late.push(await lateness());
      if (round % 10 === 0) server.send('change');
      samples.floor.push(await timed(floor, '/page', agent));
      samples.ours.push(await timed(ours, '/api/v1/workloads', agent));
    }
    const result = describe('page', samples, 20);
    say(
      `p99 ${percentile(samples.ours, 0.99).toFixed(1)} ms, floor ${percentile(samples.floor, 0.99).toFixed(1)} ms`,
    );
    return { ...result, setup: { rounds, workloads: WORKLOADS, page: 500 } };
  } finally {
    agent.destroy();
    await stop(server);
  }
}

async function runStreams({ rounds = 40, say }: RowOptions): Promise<RowResult> {
  const [server, { ours, floor }] = await start();
  const samples = {
    ours: [] as number[],
    withSlow: [] as number[],
    floor: [] as number[],
    late: [] as number[],
  };
  try {
    for (const [name, port, path] of [
      ['floor', floor, '/stream'],
      ['ours', ours, '/api/v1/stream?namespace=ns-0'],
    ] as const) {
      const streams = await Promise.all(Array.from({ length: STREAMS }, () => openStream(port, path)));
      await Promise.all(streams.map(({ begun }) => begun));
      const measure = async (into: number[]): Promise<void> => {
        const received = streams.map(({ next }) => next());
        const sentAt = performance.now();
        server.send(name === 'ours' ? 'change' : 'write');
        into.push(Math.max(...(await Promise.all(received))) - sentAt);
      };
      for (let round = 0; round < rounds; round++) {
        samples.late.push(await lateness());
        await measure(samples[name]);
        if (name === 'floor' || (round % BLOCK !== BLOCK - 1 && round !== rounds - 1)) continue;
        const slow = await Promise.all(Array.from({ length: SLOW }, () => openSlow(port)));
        for (let more = 0; more < BLOCK; more++) {
          samples.late.push(await lateness());
          await measure(samples.withSlow);
        }
        for (const response of slow) response.destroy();
      }
      for (const { response } of streams) response.destroy();
    }
    say(
      `p99 ${percentile(samples.ours, 0.99).toFixed(0)} ms, with ${SLOW} slow ${percentile(samples.withSlow, 0.99).toFixed(0)} ms, floor ${percentile(samples.floor, 0.99).toFixed(0)} ms`,
    );
    const described = describe('delta', samples, 300);
    return {
      measures: [
        ...described.measures,
        ...both(`with ${SLOW} slow clients`, samples.withSlow, 300),
        {
          name: 'p50 with slow clients / without',
          value: percentile(samples.withSlow, 0.5) / percentile(samples.ours, 0.5),
          unit: 'ratio',
          target: 1.1,
        },
      ],
      samples,
      setup: { rounds, workloads: WORKLOADS, streams: STREAMS, slow: SLOW },
    };
  } finally {
    await stop(server);
  }
}

function describe(
  what: string,
  samples: Readonly<Record<'ours' | 'floor' | 'late', readonly number[]>>,
  target: number,
): Pick<RowResult, 'measures' | 'samples'> {
  return {
    measures: [
      ...both(what, samples.ours, target),
      ...both('floor', samples.floor),
      ...both('control: an idle timer is late', samples.late),
    ],
    samples,
  };
}

function both(name: string, of: readonly number[], target?: number): readonly Measure[] {
  return [
    { name: `${name}, p50`, value: percentile(of, 0.5), unit: 'ms' },
    {
      name: `${name}, p99`,
      value: percentile(of, 0.99),
      unit: 'ms',
      ...(target !== undefined && { target }),
    },
  ];
}

/** In milliseconds. */
async function lateness(): Promise<number> {
  const startedAt = performance.now();
  await sleep(TIMER);
  return performance.now() - startedAt - TIMER;
}

/** A stream of everything that is never read. */
async function openSlow(port: number): Promise<IncomingMessage> {
  const options = { port, host: '127.0.0.1', path: '/api/v1/stream', agent: false } as const;
  const [response] = (await once(get(options), 'response')) as [IncomingMessage];
  response.pause();
  response.on('error', () => undefined);
  return response;
}

async function start(): Promise<readonly [ChildProcess, Told]> {
  const server = fork(join(import.meta.dirname, 'api-server.ts'), [String(WORKLOADS)]);
  const [told] = (await once(server, 'message')) as [Told];
  return [server, told];
}

async function stop(server: ChildProcess): Promise<void> {
  server.kill('SIGKILL');
  await once(server, 'close');
}

async function timed(port: number, path: string, agent: Agent): Promise<number> {
  const startedAt = performance.now();
  const [response] = (await once(get({ port, host: '127.0.0.1', path, agent }), 'response')) as [
    IncomingMessage,
  ];
  response.resume();
  await once(response, 'end');
  return performance.now() - startedAt;
}

interface OpenStream {
  readonly response: IncomingMessage;
  /** The first message has arrived. */
  readonly begun: Promise<number>;
  /** When the next message has arrived whole. */
  readonly next: () => Promise<number>;
}

async function openStream(port: number, path: string): Promise<OpenStream> {
  const [response] = (await once(get({ port, host: '127.0.0.1', path, agent: false }), 'response')) as [
    IncomingMessage,
  ];
  const waiting: ((at: number) => void)[] = [];
  let isInside = false;
  response.setEncoding('latin1');
  response.on('error', () => undefined);
  response.on('data', (chunk: string) => {
    isInside ||= chunk.includes('event: ');
    if (!isInside || !chunk.endsWith('\n\n')) return;
    isInside = false;
    waiting.shift()?.(performance.now());
  });
  const next = (): Promise<number> => new Promise((resolve) => waiting.push(resolve));
  return { response, begun: next(), next };
}
