/**
 * Domain events as Kubernetes events (events.k8s.io/v1), so that `kubectl describe pod` tells the story. Best effort:
 * an event that cannot be written is dropped after one attempt, as is one that finds a long queue before it, and no
 * decision ever waits for one.
 */
import type { DomainEvent } from '../core/projection.ts';
import type { Duration } from '../core/time.ts';
import { GROUP, LABEL } from '../core/workload/names.ts';
import { parseKey } from '../core/workload/model.ts';
import { EVENTS, type ClusterWriter, type KubeObject } from '../ports/cluster.ts';
import type { System } from '../ports/system.ts';

/** What an event is about: the pod it names. */
interface EventText {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

export interface RecorderOptions {
  readonly tenant: string;
  /** Unique per process: part of `reportingInstance`. */
  readonly holder: string;
}

const WRITE_TIMEOUT: Duration = 2000;
/** Events waiting to be written. A thousand starts at once are told by status and metrics; their events must not slow them down. */
const BACKLOG = 50;

export class EventRecorder {
  readonly #cluster: ClusterWriter;
  readonly #system: System;
  readonly #options: RecorderOptions;
  readonly #signal: AbortSignal;
  readonly #backlog: (() => Promise<void>)[] = [];
  #writing: Promise<void> | undefined;

  constructor(cluster: ClusterWriter, system: System, options: RecorderOptions, signal: AbortSignal) {
    this.#cluster = cluster;
    this.#system = system;
    this.#options = options;
    this.#signal = signal;
  }

  /** Subscribes to the hub. */
  record(event: DomainEvent): void {
    const text = describe(event);
    if (text === undefined || !('key' in event) || !('pod' in event) || this.#signal.aborted) return;
    const key = parseKey(event.key);
    if (key === undefined) return;
    if (this.#backlog.length >= BACKLOG) return;
    this.#backlog.push(() => this.#write(key.namespace, event.pod, event.uid, text));
    this.#writing ??= this.#drain().finally(() => (this.#writing = undefined));
  }

  /** Drops what waits; resolves when nothing is being written any more. */
  async close(): Promise<void> {
    this.#backlog.length = 0;
    await this.#writing;
  }

  /** One at a time. */
  async #drain(): Promise<void> {
    for (let write = this.#backlog.shift(); write !== undefined; write = this.#backlog.shift()) await write();
  }

  async #write(namespace: string, pod: string, uid: string, text: EventText): Promise<void> {
    const { clock, random, log } = this.#system;
    const bound = new AbortController();
    const timer = clock.timer(clock.now() + WRITE_TIMEOUT, () => bound.abort());
    const event: KubeObject & Record<string, unknown> = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: {
        name: `${pod}.${random.uuid().slice(0, 13)}`,
        namespace,
        labels: { [LABEL.tenant]: this.#options.tenant },
      },
      // MicroTime: six fractional digits are required.
      eventTime: new Date(clock.wall()).toISOString().replace('Z', '000Z'),
      reportingController: `${GROUP}/controller`,
      reportingInstance: this.#options.holder.slice(0, 128),
      regarding: { apiVersion: 'v1', kind: 'Pod', namespace, name: pod, uid },
      ...text,
    };
    const result = await this.#cluster.create(EVENTS, event, AbortSignal.any([bound.signal, this.#signal]));
    timer.cancel();
    if (result.kind !== 'done') log.debug('event not written', { reason: text.reason, result: result.kind });
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
