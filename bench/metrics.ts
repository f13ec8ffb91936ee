/**
 * `/metrics` of a leader with 1,000 workloads, every one of which has been started and stopped. The server runs in a
 * process of its own, which also serves the floor: a bare server that sends the same text, made before. Its event loop
 * turns without pause meanwhile, and the longest time between two turns is how long it was blocked. The same
 * loop while nobody asks for anything is the control: what it is blocked for is the machine's doing.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile, type Measure, type Row, type RowOptions, type RowResult } from './row.ts';

const WORKLOADS = 1000;
/** One round in so many comes after everything has changed, the others after a hundredth has. */
const ALL_CHANGED = 5;
/** As long as an answer takes, in milliseconds. */
const IDLE_FOR = 20;

export const metricsRow: Row = {
  name: 'metrics-render',
  about: `/metrics with ${WORKLOADS} workloads, after a hundredth or all have changed, beside a bare server with the same text`,
  run,
};

async function run({ rounds = 300, say }: RowOptions): Promise<RowResult> {
  const server = fork(join(import.meta.dirname, 'metrics-server.ts'), [String(WORKLOADS)]);
  const [told] = (await once(server, 'message')) as [{ ours: number; floor: number; bytes: number }];
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const empty = (): Window => ({ answer: [], blocked: [] });
  const [ours, allChanged, floor, idle] = [empty(), empty(), empty(), empty()];
  try {
    for (let round = 0; round < rounds; round++) {
      const isAll = round % ALL_CHANGED === ALL_CHANGED - 1;
      await ask(server, isAll ? 'change-all' : 'change');
      await measure(server, floor, () => fetchAll(told.floor, agent));
      await measure(server, isAll ? allChanged : ours, () => fetchAll(told.ours, agent));
      await measure(server, idle, () => sleep(IDLE_FOR));
    }
  } finally {
    agent.destroy();
    server.kill('SIGKILL');
    await once(server, 'close');
  }
  const p = (of: readonly number[], share: number): number => percentile(of, share);
  say(
    `p99 ${p(ours.answer, 0.99).toFixed(1)} ms, blocked ${p(ours.blocked, 0.99).toFixed(1)} ms; ` +
      `floor ${p(floor.answer, 0.99).toFixed(1)} ms, blocked ${p(floor.blocked, 0.99).toFixed(1)} ms; idle blocked ${p(idle.blocked, 0.99).toFixed(1)} ms`,
  );
  const both = (name: string, of: readonly number[], target?: number): Measure[] => [
    { name: `${name}, p50`, value: p(of, 0.5), unit: 'ms' },
    { name: `${name}, p99`, value: p(of, 0.99), unit: 'ms', ...(target === undefined ? {} : { target }) },
  ];
  return {
    measures: [
      ...both('answer', ours.answer, 50),
      ...both('event loop blocked', ours.blocked, 20),
      ...both('all changed: answer', allChanged.answer),
      ...both('all changed: blocked', allChanged.blocked, 20),
      ...both('floor: answer', floor.answer),
      ...both('floor: blocked', floor.blocked),
      ...both('idle: blocked', idle.blocked),
    ],
    samples: {
      ...named('', ours),
      ...named('allChanged', allChanged),
      ...named('floor', floor),
      ...named('idle', { blocked: idle.blocked }),
    },
    setup: { rounds, workloads: WORKLOADS, bytes: told.bytes, idleMs: IDLE_FOR },
  };
}

/** The samples of one kind of round. */
interface Window {
  readonly answer: number[];
  readonly blocked: number[];
}

function named(prefix: string, window: Partial<Window>): Record<string, readonly number[]> {
  const nameOf = (key: string): string =>
    prefix === '' ? key : `${prefix}${key.charAt(0).toUpperCase()}${key.slice(1)}`;
  return Object.fromEntries(Object.entries(window).map(([key, samples]) => [nameOf(key), samples]));
}

async function fetchAll(port: number, agent: Agent): Promise<void> {
  const [response] = (await once(get({ port, host: '127.0.0.1', path: '/metrics', agent }), 'response')) as [
    IncomingMessage,
  ];
  response.resume();
  await once(response, 'end');
}

async function measure(server: ChildProcess, window: Window, during: () => Promise<unknown>): Promise<void> {
  await ask(server, 'begin');
  const startedAt = performance.now();
  await during();
  window.answer.push(performance.now() - startedAt);
  window.blocked.push(await ask(server, 'end'));
}

/** Tells the server, and waits for its answer: how long its event loop was blocked, in milliseconds. */
async function ask(server: ChildProcess, what: string): Promise<number> {
  const answer = once(server, 'message');
  server.send(what);
  const [value] = (await answer) as [number];
  return value;
}
