/**
 * The HTTP API: one page of a list of 10,000 workloads while they change, and a change on its way to 200 streams. The
 * server runs in a process of its own, which also serves the floor: a bare server that sends a body it made before.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { percentile, type Row, type RowOptions, type RowResult } from './row.ts';

const WORKLOADS = 10_000;
const STREAMS = 200;

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
  about: `a change → the last of ${STREAMS} streams has it, beside a bare server that writes the same bytes at once`,
  run: runStreams,
};

async function runPages({ rounds = 300, say }: RowOptions): Promise<RowResult> {
  const [server, { ours, floor }] = await start();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const samples = { ours: [] as number[], floor: [] as number[] };
    for (let round = 0; round < rounds; round++) {
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
  const samples = { ours: [] as number[], floor: [] as number[] };
  try {
    for (const [name, port, path] of [
      ['floor', floor, '/stream'],
      ['ours', ours, '/api/v1/stream?namespace=ns-0'],
    ] as const) {
      const streams = await Promise.all(Array.from({ length: STREAMS }, () => openStream(port, path)));
      await Promise.all(streams.map(({ begun }) => begun));
      for (let round = 0; round < rounds; round++) {
        const received = streams.map(({ next }) => next());
        const sentAt = performance.now();
        server.send(name === 'ours' ? 'change' : 'write');
        const times = await Promise.all(received);
        samples[name].push(Math.max(...times) - sentAt);
      }
      for (const { response } of streams) response.destroy();
    }
    say(
      `p99 ${percentile(samples.ours, 0.99).toFixed(0)} ms, floor ${percentile(samples.floor, 0.99).toFixed(0)} ms`,
    );
    return { ...describe('delta', samples, 300), setup: { rounds, workloads: WORKLOADS, streams: STREAMS } };
  } finally {
    await stop(server);
  }
}

function describe(
  what: string,
  samples: { readonly ours: readonly number[]; readonly floor: readonly number[] },
  target: number,
): Pick<RowResult, 'measures' | 'samples'> {
  const at = (of: readonly number[], share: number): number => percentile(of, share);
  return {
    measures: [
      { name: `${what}, p50`, value: at(samples.ours, 0.5), unit: 'ms' },
      { name: `${what}, p99`, value: at(samples.ours, 0.99), unit: 'ms', target },
      { name: 'floor, p50', value: at(samples.floor, 0.5), unit: 'ms' },
      { name: 'floor, p99', value: at(samples.floor, 0.99), unit: 'ms' },
    ],
    samples,
  };
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
