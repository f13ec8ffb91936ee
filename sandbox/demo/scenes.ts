/** The scenes of the demo: each causes a fault, shows what follows, and checks it. */
import type { ControllerProcess } from '../controller-process.ts';
import { soon } from './soon.ts';
import { SERVICE, SINGLETONS, type InstanceFacts, type Stage } from './stage.ts';

export interface Scene {
  readonly name: string;
  readonly title: string;
  /** @throws Error with a sentence when the product did not keep its promise. */
  play(stage: Stage, say: (line: string) => void, signal: AbortSignal): Promise<void>;
}

const [SEQUENCER] = SINGLETONS;

export const SCENES: readonly Scene[] = [
  { name: 'kill-leader', title: 'Kill the leader: nothing restarts', play: killLeader },
  { name: 'delete', title: 'Delete an instance: the new leader restores it', play: deleteInstance },
  { name: 'scale', title: 'Scale a service to 3: one runs', play: scaleService },
  { name: 'partition', title: 'Cut a node off: nothing starts twice', play: partitionNode },
];

/** kill -9 of the leader. The instance must keep pod, process and start time; somebody else must lead with a higher term. */
async function killLeader(stage: Stage, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const leader = await soon('a leader', () => stage.leader(), signal);
  const term = (await stage.status(leader))?.term ?? 0;
  const before = await soon('the instance', () => stage.instance(SEQUENCER), signal);
  say(`${leader.id} leads in term ${term}; ${describe(before)}`);
  say(`kill -9 ${leader.pid}`);
  leader.kill('SIGKILL');
  await leader.exited;
  const next = await soon('another leader', () => otherLeader(stage, leader), signal);
  const status = await stage.status(next);
  if ((status?.term ?? 0) <= term) throw new Error(`the term did not rise: ${status?.term} after ${term}`);
  const after = await soon('the instance', () => stage.instance(SEQUENCER), signal);
  if (describe(after) !== describe(before))
    throw new Error(`the instance changed: ${describe(before)} → ${describe(after)}`);
  say(`${next.id} leads in term ${status?.term}; ${describe(after)}: the same process, not restarted`);
}

async function otherLeader(stage: Stage, former: ControllerProcess): Promise<ControllerProcess | undefined> {
  const leader = await stage.leader();
  return leader === former ? undefined : leader;
}

/** The present leader must replace an instance whose pod somebody deletes. */
async function deleteInstance(stage: Stage, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const before = await soon('the instance', () => stage.instance(SEQUENCER), signal);
  say(`kubectl delete pod ${SEQUENCER}-pod   (${describe(before)})`);
  await stage.deletePod(SEQUENCER, false);
  const after = await soon('a new instance', () => instanceOtherThan(stage, before), signal);
  assertNoOverlap(stage);
  say(`${describe(after)}: a new one, started after the kubelet had reported the end of the old one`);
}

async function instanceOtherThan(stage: Stage, before: InstanceFacts): Promise<InstanceFacts | undefined> {
  const instance = await stage.instance(SEQUENCER);
  return instance?.uid === before.uid ? undefined : instance;
}

/** Two more pods are made at once, and none of them may run; then the number is put right. */
async function scaleService(stage: Stage, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const before = await soon('the service', () => stage.instance(SERVICE), signal);
  say(`kubectl scale deployment ${SERVICE} --replicas=3`);
  await stage.scale(SERVICE, 3);
  const repaired = async (): Promise<true | undefined> =>
    (await stage.pods(SERVICE)).length === 1 ? true : undefined;
  await soon('one pod again', repaired, signal);
  const after = await soon('the service', () => stage.instance(SERVICE), signal);
  if (after.uid !== before.uid) throw new Error(`${SERVICE} was replaced: ${before.uid} → ${after.uid}`);
  assertNoOverlap(stage);
  say(`${SERVICE} is still process ${after.pid}; the others were born without a permit, and are gone`);
}

/** A silent node whose pod is deleted by force: the instance runs on there, so nothing may start elsewhere. */
async function partitionNode(stage: Stage, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const before = await soon('the instance', () => stage.instance(SEQUENCER), signal);
  const node = stage.sandbox.nodes.get(before.node);
  if (node === undefined) throw new Error(`no node ${before.node}`);
  say(`cut ${before.node} off from the API server, and kubectl delete pod ${SEQUENCER}-pod --force`);
  await node.partition();
  await stage.deletePod(SEQUENCER, true);
  const leader = await soon('a leader', () => stage.leader(), signal);
  const wait = await soon('the wait', () => waitingFor(stage, leader), signal);
  say(`${wait.reason}: ${wait.message}`);
  if (!stage.referee.isHeld(SEQUENCER)) throw new Error('the cut-off process ended by itself');
  say(`process ${before.pid} still runs on ${before.node}, so nothing was started elsewhere`);
  say(`${before.node} is back`);
  await node.heal();
  const after = await soon('a new instance', () => instanceOtherThan(stage, before), signal);
  assertNoOverlap(stage);
  say(`${describe(after)}: started only after ${before.node} had reported the end of the old one`);
}

async function waitingFor(
  stage: Stage,
  leader: ControllerProcess,
): Promise<{ readonly reason: string; readonly message: string } | undefined> {
  const status = await stage.status(leader);
  return status?.workloads.find(({ name, reason }) => name === SEQUENCER && WAITING.has(reason));
}

const WAITING: ReadonlySet<string> = new Set(['WaitingForOldInstance', 'NodeUnreachable', 'StopTimedOut']);

function assertNoOverlap(stage: Stage): void {
  const violations = stage.referee.violations();
  if (violations.length > 0) throw new Error(violations.join('; '));
}

function describe({ uid, node, pid, startTime }: InstanceFacts): string {
  return `${SEQUENCER} is process ${pid} on ${node}, pod ${uid.slice(0, 8)}, since ${startTime}`;
}
