/**
 * Domain events as Kubernetes events (events.k8s.io/v1), so that `kubectl describe` of a pod or a custom resource tells
 * the story. Best effort: an event that cannot be written is dropped after one attempt, as is one that finds a long queue
 * before it, and no decision ever waits for one: while workloads wait to be looked at, events wait for them.
 */
import type { Told } from '../core/control/desk.ts';
import { describeTicks, type DomainEvent, type WorkloadView } from '../core/projection.ts';
import type { Proof } from '../core/reconcile/proof.ts';
import { readStatus } from '../core/reconcile/resource-status.ts';
import { TONE } from '../core/reconcile/tone.ts';
import type { Duration } from '../core/time.ts';
import { controlName, GROUP, LABEL } from '../core/workload/names.ts';
import { formatKey, parseKey, type WorkloadKey } from '../core/workload/model.ts';
import type { WorkloadResource } from '../core/workload/custom-resource.ts';
import { boundSignal } from '../ports/bound-signal.ts';
import { EVENTS, type ClusterWriter, type KubeObject } from '../ports/cluster.ts';
import type { System } from '../ports/system.ts';
import { pause } from './pause.ts';
import { refOfResource } from './resource.ts';

/** What happened, in the words of an event. */
interface EventText {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

export interface RecorderOptions {
  readonly tenant: string;
  readonly controllerNamespace: string;
  /** Unique per process: part of `reportingInstance`. */
  readonly holder: string;
  /** The custom resource behind a workload key, if there is one. */
  readonly resourceOf: (key: string) => WorkloadResource | undefined;
  /** How many workloads wait to be looked at. */
  readonly depth: () => number;
}

/** An object that an event is about, or related to. */
interface Reference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

const WRITE_TIMEOUT: Duration = 2000;
/** Events waiting to be written. A thousand starts at once are told by status and metrics; their events must not slow them down. */
const BACKLOG = 50;
/** For how long at most an event waits while workloads do. */
const PATIENCE: Duration = 10_000;
const LOOK_EVERY: Duration = 200;

export class EventRecorder {
  readonly #cluster: ClusterWriter;
  readonly #system: System;
  readonly #options: RecorderOptions;
  readonly #signal: AbortSignal;
  readonly #backlog: (() => Promise<void>)[] = [];
  /** Ends the waiting of events for work. */
  readonly #closing = new AbortController();
  #writing: Promise<void> | undefined;

  constructor(cluster: ClusterWriter, system: System, options: RecorderOptions, signal: AbortSignal) {
    this.#cluster = cluster;
    this.#system = system;
    this.#options = options;
    this.#signal = signal;
  }

  /** Subscribes to the hub. */
  record(event: DomainEvent): void {
    if (event.type === 'asked') return this.#recordAsked(event.told);
    if (event.type === 'workload-changed') return this.#recordView(event.view, event.previous);
    const text = describe(event);
    if (text === undefined || !('key' in event)) return;
    const key = parseKey(event.key);
    if (key === undefined) return;
    const about = referToPart(event, key);
    if (about === undefined) return;
    this.#begin(text, about);
    const resource = this.#options.resourceOf(event.key);
    if (resource !== undefined) this.#begin(text, referTo(resource), about);
  }

  /** On the resource, the node, or the ConfigMap in which it was asked for. */
  #recordAsked({ subject, action, state, by, reason, result }: Told): void {
    const isBad = state === 'refused' || state === 'void' || action === 'fence';
    const text = {
      type: isBad ? 'Warning' : 'Normal',
      reason: state === 'refused' ? 'ActionFailed' : state === 'done' ? 'ActionSucceeded' : 'Requested',
      action: 'Answer',
      note: `${action} ${subject} asked for by ${by || 'somebody'} (${reason}): ${state}, ${result}`,
    } as const;
    const resource = this.#options.resourceOf(subject);
    if (resource !== undefined) return this.#begin(text, referTo(resource));
    const { tenant, controllerNamespace: namespace } = this.#options;
    const name = controlName(tenant);
    this.#begin(text, { apiVersion: 'v1', kind: 'ConfigMap', namespace, name, uid: '' });
  }

  /** On the resource: what somebody should look at, and that the work is done. Not what its status says already. */
  #recordView(view: WorkloadView, previous: string | undefined): void {
    const { key, reason, message, instance } = view;
    const isBad = TONE[reason] === 'bad';
    const resource = this.#options.resourceOf(formatKey(key));
    if (resource === undefined || reason === previous || (!isBad && reason !== 'Completed')) return;
    if (readStatus(resource).reason === reason) return;
    const text = { type: isBad ? 'Warning' : 'Normal', reason, action: 'Reconcile', note: message } as const;
    const { namespace } = key;
    if (instance === undefined) return this.#begin(text, referTo(resource));
    const pod = { apiVersion: 'v1', kind: 'Pod', namespace, name: instance.pod, uid: instance.uid };
    this.#begin(text, referTo(resource), pod);
  }

  #begin(text: EventText, regarding: Reference, related?: Reference): void {
    if (this.#signal.aborted || this.#closing.signal.aborted || this.#backlog.length >= BACKLOG) return;
    this.#backlog.push(() => this.#write(text, regarding, related));
    this.#writing ??= this.#drain().finally(() => (this.#writing = undefined));
  }

  /** Drops what waits; resolves when nothing is being written any more. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#backlog.length = 0;
    await this.#writing;
  }

  /** One at a time. */
  async #drain(): Promise<void> {
    while (this.#backlog.length > 0) {
      await this.#untilCalm();
      await this.#backlog.shift()?.();
    }
  }

  async #untilCalm(): Promise<void> {
    const { clock } = this.#system;
    const { signal } = this.#closing;
    const until = clock.now() + PATIENCE;
    while (this.#options.depth() > 0 && clock.now() < until && !signal.aborted)
      await pause(clock, LOOK_EVERY, signal);
  }

  async #write(text: EventText, regarding: Reference, related?: Reference): Promise<void> {
    const { clock, random, log } = this.#system;
    const bound = boundSignal(clock, this.#signal, clock.now() + WRITE_TIMEOUT, 'event not written in time');
    const event: KubeObject & Record<string, unknown> = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: {
        name: `${regarding.name.slice(0, 200)}.${random.uuid().slice(0, 13)}`,
        namespace: regarding.namespace,
        labels: { [LABEL.tenant]: this.#options.tenant },
      },
      // MicroTime: six fractional digits are required.
      eventTime: new Date(clock.wall()).toISOString().replace('Z', '000Z'),
      reportingController: `${GROUP}/controller`,
      reportingInstance: this.#options.holder.slice(0, 128),
      regarding,
      ...(related === undefined ? {} : { related }),
      ...text,
      // The longest that the API server takes.
      note: text.note.slice(0, 1024),
    };
    const result = await this.#cluster.create(EVENTS, event, bound.signal);
    bound.release();
    if (result.kind !== 'done') log.debug('event not written', { reason: text.reason, result: result.kind });
  }
}

function referTo(object: WorkloadResource): Reference {
  const { resource, namespace, name } = refOfResource(object);
  const { group, version, kind } = resource;
  return { apiVersion: `${group}/${version}`, kind, namespace, name, uid: object.metadata.uid ?? '' };
}

/** The object of the workload that the event is about. */
function referToPart(event: DomainEvent, { namespace, name }: WorkloadKey): Reference | undefined {
  if ('pod' in event) return { apiVersion: 'v1', kind: 'Pod', namespace, name: event.pod, uid: event.uid };
  switch (event.type) {
    case 'tick-run':
    case 'tick-missed':
      return { apiVersion: 'batch/v1', kind: 'CronJob', namespace, name, uid: event.uid };
    case 'object-changed':
      return event.object === 'Pod'
        ? { apiVersion: 'v1', kind: 'Pod', namespace, name: event.name, uid: event.uid }
        : undefined;
    case 'object-deleted':
      return { apiVersion: 'batch/v1', kind: event.object, namespace, name: event.name, uid: event.uid };
    default:
      return undefined;
  }
}

function describe(event: DomainEvent): EventText | undefined {
  switch (event.type) {
    case 'instance-permitted':
      return {
        type: 'Normal',
        reason: 'Started',
        action: 'Permit',
        note: `permitted with fencing token ${event.token}`,
      };
    case 'instance-stopping':
      return { type: 'Normal', reason: 'Stopped', action: 'Delete', note: `told to stop: ${event.cause}` };
    case 'tick-run':
      return { type: 'Normal', reason: 'TickRun', action: 'Permit', note: describeTicks(event) };
    case 'tick-missed':
      return { type: 'Warning', reason: 'TickMissed', action: 'Skip', note: describeTicks(event) };
    case 'object-deleted':
      // That its tick was missed was told when it was entered.
      return event.cause !== 'TickAlreadyRun'
        ? undefined
        : { type: 'Warning', reason: event.cause, action: 'Delete', note: 'another job has run its tick' };
    case 'object-changed':
      return event.object === 'Pod' ? describeOrphan(event.cause) : undefined;
    case 'instance-ended':
      return describeEnd(event.proof);
    case 'evidence-removed':
      return {
        type: 'Warning',
        reason: 'EvidenceRemoved',
        action: 'Wait',
        note: 'vanished without proof that its containers ended; its grace period and 30 s are waited out',
      };
    default:
      return undefined;
  }
}

/** Told of the pods that `deletionPolicy: Orphan` leaves behind, and of no other change. */
function describeOrphan(cause: string): EventText | undefined {
  if (cause === 'Orphaned')
    return { type: 'Normal', reason: cause, action: 'LetGo', note: 'let go: it runs on, unmanaged' };
  if (cause === 'OrphanedAtGate')
    return {
      type: 'Warning',
      reason: cause,
      action: 'LetGo',
      note: 'let go without a permit: it will not start, delete it by hand',
    };
  return undefined;
}

/** An end that no kubelet reported is somebody's word, and told as such. */
function describeEnd(proof: Proof): EventText | undefined {
  if (proof === 'FencedByOperator')
    return {
      type: 'Warning',
      reason: 'ProofByOperator',
      action: 'Remove',
      note: 'taken as ended because an operator has given their word that its machine is off',
    };
  if (proof === 'GivenUp')
    return {
      type: 'Warning',
      reason: 'GuaranteeLowered',
      action: 'Remove',
      note: 'given up after the time of nodeLoss without a word from its node: a copy may be running there',
    };
  return undefined;
}
