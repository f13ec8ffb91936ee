/**
 * How long things take for a workload, from the domain events of one term. Nothing is measured across terms: when this
 * process does not lead, it does not know what happened in between.
 */
import type { DomainEvent, WorkloadView } from '../core/projection.ts';
import type { Reason } from '../core/reconcile/verdict.ts';
import { SECOND, type Instant } from '../core/time.ts';
import { formatKey, parseKey } from '../core/workload/model.ts';
import type { Instruments, WorkloadLabels } from './instruments.ts';

interface Times {
  /** When its readiness ended, and what ended it. */
  notReadySince?: Instant;
  gap?: { readonly since: Instant; readonly cause: string };
  wasHealthy?: boolean;
  /** Since when a new instance is kept from starting. */
  waiting?: { readonly since: Instant; readonly reason: Reason };
  permittedAt?: Instant;
  stopping?: { readonly at: Instant; readonly cause: string };
  /** The instance before failed: `due` until the next is permitted, `running` until that one is ready. */
  retry?: 'due' | 'running';
  restarts?: { readonly uid: string; readonly count: number };
}

/** Reasons for which an instance that is wanted has no permit. */
const WAITS: ReadonlySet<Reason> = new Set<Reason>([
  'AwaitingPermit',
  'WaitingForOldInstance',
  'StopTimedOut',
]);

export class WorkloadTimes {
  readonly #now: () => Instant;
  readonly #instruments: Instruments;
  readonly #times = new Map<string, Times>();

  constructor(now: () => Instant, instruments: Instruments) {
    this.#now = now;
    this.#instruments = instruments;
  }

  /** Since when the workload has not been ready, as far as this term saw. */
  notReadySince(key: string): Instant | undefined {
    return this.#times.get(key)?.notReadySince;
  }

  /** The term is over. */
  forget(): void {
    this.#times.clear();
  }

  observe(event: DomainEvent): void {
    switch (event.type) {
      case 'workload-changed':
        return this.#changed(event.view);
      case 'instance-permitted':
        return this.#permitted(event.key);
      case 'instance-stopping':
        return this.#stopping(event.key, event.cause);
      case 'instance-ended':
        return this.#ended(event.key);
      case 'workload-removed':
        return this.#removed(event.key);
      default:
    }
  }

  #changed(view: WorkloadView): void {
    const key = formatKey(view.key);
    const times = this.#of(key);
    const labels = labelsOf(key);
    this.#noteWait(times, view.reason);
    this.#noteRestarts(times, view, labels);
    if (view.healthy) this.#noteHealthy(times, labels);
    else this.#noteNotHealthy(times);
    times.wasHealthy = view.healthy;
  }

  #noteHealthy(times: Times, labels: WorkloadLabels): void {
    const now = this.#now();
    delete times.notReadySince;
    if (times.gap !== undefined) {
      const { since, cause } = times.gap;
      this.#instruments.observe('workload_gap_seconds', (now - since) / SECOND, { type: labels.type, cause });
      delete times.gap;
    }
    if (times.permittedAt !== undefined) {
      const seconds = (now - times.permittedAt) / SECOND;
      this.#instruments.record('workload_startup_duration_seconds', labels, {}, seconds);
      delete times.permittedAt;
    }
    if (times.retry !== 'running') return;
    this.#instruments.record('workload_retry_success_total', labels);
    delete times.retry;
  }

  #noteNotHealthy(times: Times): void {
    const now = this.#now();
    times.notReadySince ??= now;
    if (times.wasHealthy === true) times.gap = { since: now, cause: times.stopping?.cause ?? 'Unplanned' };
  }

  #noteWait(times: Times, reason: Reason): void {
    if (!WAITS.has(reason) && reason !== 'NodeUnreachable') {
      delete times.waiting;
      return;
    }
    // A node that fell silent blocks only who waits already; for who runs there it is no wait for a permit.
    if (times.waiting === undefined && reason === 'NodeUnreachable') return;
    const since = times.waiting?.since ?? this.#now();
    times.waiting = {
      since,
      reason: reason === 'AwaitingPermit' ? (times.waiting?.reason ?? reason) : reason,
    };
  }

  #noteRestarts(times: Times, { instance }: WorkloadView, labels: WorkloadLabels): void {
    if (instance === undefined) return;
    const { uid, restarts: count } = instance;
    const before = times.restarts;
    if (before?.uid === uid && count > before.count)
      this.#instruments.record('workload_restarts_total', labels, {}, count - before.count);
    times.restarts = { uid, count };
  }

  #permitted(key: string): void {
    const times = this.#of(key);
    const labels = labelsOf(key);
    const now = this.#now();
    const { since, reason } = times.waiting ?? { since: now, reason: 'AwaitingPermit' };
    this.#instruments.observe('permit_wait_seconds', (now - since) / SECOND, { reason });
    this.#instruments.record('workload_operations_total', labels, { operation: 'startup' });
    delete times.waiting;
    times.permittedAt = now;
    if (times.retry !== 'due') return;
    this.#instruments.record('workload_operations_total', labels, { operation: 'retry' });
    this.#instruments.record('workload_retry_attempts_total', labels);
    times.retry = 'running';
  }

  #stopping(key: string, cause: string): void {
    const times = this.#of(key);
    const labels = labelsOf(key);
    if (cause === 'Finished') {
      // Nothing is stopped: what failed is cleared away for the next.
      times.retry = 'due';
      this.#instruments.record('workload_restarts_total', labels);
      return;
    }
    times.stopping = { at: this.#now(), cause };
    this.#instruments.record('workload_operations_total', labels, { operation: 'shutdown' });
  }

  #ended(key: string): void {
    const times = this.#of(key);
    if (times.stopping === undefined) return;
    const seconds = (this.#now() - times.stopping.at) / SECOND;
    this.#instruments.record('workload_shutdown_duration_seconds', labelsOf(key), {}, seconds);
    delete times.stopping;
  }

  #removed(key: string): void {
    const labels = labelsOf(key);
    this.#instruments.record('workload_operations_total', labels, { operation: 'remove' });
    this.#instruments.retire(labels);
    this.#times.delete(key);
  }

  #of(key: string): Times {
    const known = this.#times.get(key);
    if (known !== undefined) return known;
    const times: Times = {};
    this.#times.set(key, times);
    return times;
  }
}

/** The labels of a workload by its key. */
export function labelsOf(key: string): WorkloadLabels {
  const parsed = parseKey(key);
  if (parsed === undefined) throw new Error(`not the key of a workload: ${key}`);
  return { type: parsed.kind, name: parsed.name, namespace: parsed.namespace };
}
