/**
 * The spec of a workload changes: how long our part of the replacement takes, by the audit log. First from the accepted
 * change to our request that stops the old instance. Then from the moment at which everything that others have to do is
 * done (the kubelet has said that the old one ended, and that its object may go; the Deployment has made the next pod) to
 * our request that creates or permits the next one. What the kubelet and other controllers need in between is theirs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEvent } from '../sandbox/control-plane/audit.ts';
import { refereedProcess } from '../sandbox/referee.ts';
import { Stage } from '../test/e2e/owned-stage.ts';
import { openWorld, type World } from '../test/e2e/world.ts';
import { percentile, type Row, type RowOptions, type RowResult } from './row.ts';
import { micros, type Micros } from './store.ts';

const PROCESSES = 10;
const SERVICES = 5;
const TARGET_MS = 100;
const CONTROLLER = 'controller-a';
const RESOURCES = '/apis/highlander.plexobject.io/v1/namespaces/default';

interface Target {
  readonly name: string;
  readonly kind: 'WorkloadProcess' | 'WorkloadService';
  readonly plural: 'workloadprocesses' | 'workloadservices';
}

const TARGETS: readonly Target[] = [
  ...Array.from({ length: PROCESSES }, (_, at): Target => ({
    name: `process-${at}`,
    kind: 'WorkloadProcess',
    plural: 'workloadprocesses',
  })),
  ...Array.from({ length: SERVICES }, (_, at): Target => ({
    name: `service-${at}`,
    kind: 'WorkloadService',
    plural: 'workloadservices',
  })),
];

/** `rounds` are changes of each workload. */
export const replacementRow: Row = {
  name: 'replacement',
  about: `${PROCESSES} processes and ${SERVICES} services as resources: spec change → old one told to stop; old one ended → next one`,
  run,
};

async function run({ rounds = 10, say }: RowOptions): Promise<RowResult> {
  const world = await openWorld();
  try {
    const stage = new Stage(world);
    await stage.define();
    await world.controller(CONTROLLER, {});
    await world.sandbox.api.apply(TARGETS.map((target) => resourceOf(target, world.referee.dir)));
    await Promise.all(TARGETS.map((target) => stage.running(target)));
    const since = Date.now() * 1000;
    for (let round = 1; round <= rounds; round++) {
      for (const target of TARGETS) await replace(stage, target, round);
      say(`${round * TARGETS.length} changes`);
    }
    const violations = world.referee.violations();
    if (violations.length > 0) throw new Error(violations.join('\n'));
    const writes = await readWrites(world, since);
    const spansOf = (kind: Target['kind']): readonly Spans[] =>
      TARGETS.filter((target) => target.kind === kind).flatMap((target) => measure(target, writes));
    return summarize(rounds, spansOf('WorkloadProcess'), spansOf('WorkloadService'));
  } finally {
    await world.stop();
  }
}

function resourceOf({ name, kind }: Target, dir: string) {
  const { name: _name, restartPolicy, ...spec } = refereedProcess(name, dir);
  return {
    apiVersion: 'highlander.plexobject.io/v1',
    kind,
    metadata: { name, namespace: 'default' },
    spec: { ...spec, ...(kind === 'WorkloadProcess' ? { restartPolicy } : {}) },
  };
}

/** Another image, at no particular moment; resolves when the next instance runs. */
async function replace(stage: Stage, { name, plural }: Target, round: number): Promise<void> {
  const { metadata } = await stage.running({ name });
  await sleep(Math.random() * 100);
  await stage.patch(`${RESOURCES}/${plural}/${name}`, [
    { op: 'replace', path: '/spec/image', value: `busybox:${round}` },
  ]);
  await stage.running({ name }, [], { before: metadata.uid ?? '' });
}

interface Write {
  readonly event: AuditEvent;
  readonly received: Micros;
  readonly done: Micros;
}

/** Every accepted write since then, in the order in which they were received. */
async function readWrites(world: World, since: Micros): Promise<readonly Write[]> {
  const writes: Write[] = [];
  for await (const event of world.sandbox.audit()) {
    const received = micros(event.requestReceivedTimestamp);
    const isWrite = ['create', 'update', 'patch', 'delete'].includes(event.verb);
    if (received < since || !isWrite || (event.responseStatus?.code ?? 500) >= 300) continue;
    writes.push({ event, received, done: micros(event.stageTimestamp) });
  }
  return writes.toSorted((a, b) => a.received - b.received);
}

/** One replacement, in milliseconds. */
interface Spans {
  /** The change was accepted → we asked for the old instance to be stopped. */
  readonly stop: number;
  /** The last word of others → we asked for the next instance. */
  readonly next: number;
}

/** One for each change. @throws when a step of one is not in the log. */
function measure(target: Target, writes: readonly Write[]): readonly Spans[] {
  const own = writes.filter(({ event }) => belongs(event, target.name));
  const changes = own.filter(
    ({ event: { objectRef, user } }) =>
      objectRef?.resource === target.plural && objectRef.subresource === undefined && !isOurs(user),
  );
  return changes.map((change, at) => {
    const until = changes[at + 1]?.received ?? Infinity;
    const window = own.filter(({ received }) => received >= change.received && received < until);
    return target.kind === 'WorkloadProcess' ? ofProcess(change, window) : ofService(change, window);
  });
}

function ofProcess(change: Write, window: readonly Write[]): Spans {
  const stop = step(window, 'our delete', ({ verb, user }) => verb === 'delete' && isOurs(user));
  const create = step(window, 'our create', ({ verb, user }) => verb === 'create' && isOurs(user));
  return toSpans(change, stop, [endOf(window, create.received)], create);
}

function ofService(change: Write, window: readonly Write[]): Spans {
  const stop = step(
    window,
    'our change of the Deployment',
    ({ objectRef, user }) => objectRef?.resource === 'deployments' && isOurs(user),
  );
  const made = step(
    window,
    'the next pod',
    ({ verb, objectRef }) => verb === 'create' && objectRef?.resource === 'pods',
  );
  const permit = step(
    window,
    'our permit',
    ({ user, requestObject }) =>
      isOurs(user) && JSON.stringify(requestObject ?? '').includes('schedulingGates'),
    made.received,
  );
  return toSpans(change, stop, [endOf(window, permit.received), made], permit);
}

function toSpans(change: Write, stop: Write, others: readonly Write[], next: Write): Spans {
  const lastWord = Math.max(...others.map(({ done }) => done));
  return { stop: (stop.received - change.done) / 1000, next: (next.received - lastWord) / 1000 };
}

/** The last that the kubelet wrote about the old pod before then: how it ended, and that the object may go. */
function endOf(window: readonly Write[], before: Micros): Write {
  const end = window.findLast(
    ({ event: { objectRef, user }, received }) =>
      received < before && objectRef?.resource === 'pods' && user.username.startsWith('system:node:'),
  );
  if (end === undefined) throw new Error('the end of an instance is not in the audit log');
  return end;
}

function step(
  window: readonly Write[],
  what: string,
  accept: (event: AuditEvent) => boolean,
  from: Micros = 0,
): Write {
  const found = window.find(({ event, received }) => received >= from && accept(event));
  if (found === undefined) throw new Error(`not in the audit log: ${what}`);
  return found;
}

function isOurs({ username }: AuditEvent['user']): boolean {
  return username === CONTROLLER;
}

const KEPT = new Set(['pods', 'deployments', 'workloadprocesses', 'workloadservices']);

/** Of this workload: its resource, its Deployment, or one of its pods, whose names begin with its own. */
function belongs({ objectRef, requestObject }: AuditEvent, name: string): boolean {
  const meta = (requestObject as { metadata?: { name?: string; generateName?: string } } | undefined)
    ?.metadata;
  const found = objectRef?.name ?? meta?.name ?? meta?.generateName ?? '';
  return KEPT.has(objectRef?.resource ?? '') && (found === name || found.startsWith(`${name}-`));
}

function summarize(rounds: number, processes: readonly Spans[], services: readonly Spans[]): RowResult {
  const samples = {
    processStop: processes.map(({ stop }) => stop),
    processNext: processes.map(({ next }) => next),
    serviceStop: services.map(({ stop }) => stop),
    serviceNext: services.map(({ next }) => next),
  };
  const titles: readonly (readonly [string, readonly number[]])[] = [
    ['process: change → delete', samples.processStop],
    ['process: ended → create', samples.processNext],
    ['service: change → Deployment', samples.serviceStop],
    ['service: ended, made → permit', samples.serviceNext],
  ];
  return {
    measures: titles.flatMap(([title, values]) => [
      { name: `${title}, p50`, value: percentile(values, 0.5), unit: 'ms' as const },
      { name: `${title}, p99`, value: percentile(values, 0.99), unit: 'ms' as const, target: TARGET_MS },
    ]),
    samples,
    setup: { rounds, processes: PROCESSES, services: SERVICES, changes: processes.length + services.length },
  };
}
