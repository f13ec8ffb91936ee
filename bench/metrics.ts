/**
 * `/metrics` of a leader with 1,000 workloads, every one of which has been started and stopped. The server runs in a
 * process of its own, which also serves the floor: a bare server that sends the same text, made before. Its event loop
 * turns without pause meanwhile, and the longest time between two turns is how long it was blocked.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { percentile, type Row, type RowOptions, type RowResult } from './row.ts';

const WORKLOADS = 1000;
/** One round in so many comes after everything has changed, the others after a hundredth has. */
const ALL_CHANGED = 5;

export const metricsRow: Row = {
  name: 'metrics-render',
  about: `/metrics with ${WORKLOADS} workloads, after a hundredth or all have changed, beside a bare server with the same text`,
  run,
};

async function run({ rounds = 300, say }: RowOptions): Promise<RowResult> {
  const server = fork(join(import.meta.dirname, 'metrics-server.ts'), [String(WORKLOADS)]);
  const [told] = (await once(server, 'message')) as [{ ours: number; floor: number; bytes: number }];
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const samples = {
    ours: [] as number[],
    blocked: [] as number[],
    oursAllChanged: [] as number[],
    blockedAllChanged: [] as number[],
    floor: [] as number[],
    floorBlocked: [] as number[],
  };
  try {
    for (let round = 0; round < rounds; round++) {
      const isAll = round % ALL_CHANGED === ALL_CHANGED - 1;
      await ask(server, isAll ? 'change-all' : 'change');
      await measure(server, told.floor, agent, samples.floor, samples.floorBlocked);
      await measure(
        server,
        told.ours,
        agent,
        isAll ? samples.oursAllChanged : samples.ours,
        isAll ? samples.blockedAllChanged : samples.blocked,
      );
    }
  } finally {
    agent.destroy();
    server.kill('SIGKILL');
    await once(server, 'close');
  }
  const at = (of: readonly number[], share: number): number => percentile(of, share);
  say(
    `p99 ${at(samples.ours, 0.99).toFixed(1)} ms, blocked ${at(samples.blocked, 0.99).toFixed(1)} ms, floor ${at(samples.floor, 0.99).toFixed(1)} ms`,
  );
  return {
    measures: [
      { name: 'answer, p50', value: at(samples.ours, 0.5), unit: 'ms' },
      { name: 'answer, p99', value: at(samples.ours, 0.99), unit: 'ms', target: 50 },
      { name: 'event loop blocked, p50', value: at(samples.blocked, 0.5), unit: 'ms' },
      { name: 'event loop blocked, p99', value: at(samples.blocked, 0.99), unit: 'ms', target: 20 },
      { name: 'all changed: answer, p50', value: at(samples.oursAllChanged, 0.5), unit: 'ms' },
      { name: 'all changed: answer, p99', value: at(samples.oursAllChanged, 0.99), unit: 'ms' },
      {
        name: 'all changed: blocked, p99',
        value: at(samples.blockedAllChanged, 0.99),
        unit: 'ms',
        target: 20,
      },
      { name: 'floor, p50', value: at(samples.floor, 0.5), unit: 'ms' },
      { name: 'floor, p99', value: at(samples.floor, 0.99), unit: 'ms' },
      { name: 'floor: blocked, p50', value: at(samples.floorBlocked, 0.5), unit: 'ms' },
      { name: 'floor: blocked, p99', value: at(samples.floorBlocked, 0.99), unit: 'ms' },
    ],
    samples,
    setup: { rounds, workloads: WORKLOADS, bytes: told.bytes },
  };
}

async function measure(
  server: ChildProcess,
  port: number,
  agent: Agent,
  times: number[],
  blocked: number[],
): Promise<void> {
  await ask(server, 'begin');
  const startedAt = performance.now();
  const [response] = (await once(get({ port, host: '127.0.0.1', path: '/metrics', agent }), 'response')) as [
    IncomingMessage,
  ];
  response.resume();
  await once(response, 'end');
  times.push(performance.now() - startedAt);
  blocked.push(await ask(server, 'end'));
}

/** Tells the server, and waits for its answer. */
async function ask(server: ChildProcess, what: string): Promise<number> {
  const answer = once(server, 'message');
  server.send(what);
  const [value] = (await answer) as [number];
  return value;
}
