/** The metrics of one tenant: fed by domain events and by what other rooms observe; each fact is counted once, here. */
import type { ElectionEvent } from '../core/election/events.ts';
import type { DomainEvent } from '../core/projection.ts';
import { SECOND, type Instant } from '../core/time.ts';
import { PER_WORKLOAD_LIMIT } from './catalogue.ts';
import { addGauges, type MetricSources } from './gauges.ts';
import type { Exposition } from './exposition.ts';
import { Instruments } from './instruments.ts';
import type { StoreOperation } from './observations.ts';
import { labelsOf, WorkloadTimes } from './workload-times.ts';

/** The commands of the Go program that do what our operations do. */
const DB_OPERATION = { read: 'get', acquire: 'setNX', renew: 'expire', release: 'eval' } as const;

/** Reasons in answers of the API server, as the Go program counted them; everything else is `unknown`. */
const ERROR_TYPE: Readonly<Record<string, string>> = {
  NotFound: 'not_found',
  AlreadyExists: 'already_exists',
  Timeout: 'timeout',
  ServerTimeout: 'timeout',
  GatewayTimeout: 'timeout',
};

export class Metrics {
  readonly #sources: MetricSources;
  readonly #instruments: Instruments;
  readonly #times: WorkloadTimes;
  readonly #holder: string;
  /** Until when the lock was known to be held, by anybody. */
  #heldUntil: Instant | undefined;
  /** When the hold before ours had ended, as far as this process could know. */
  #vacantSince: Instant | undefined;
  /** The present term: when it began, and whether the holder before was another. */
  #term: { readonly since: Instant; readonly isFailover: boolean; isSwept: boolean } | undefined;

  /** `holder`: the name under which this process holds the lock. */
  constructor(
    sources: MetricSources,
    holder: string,
    exposition: Exposition,
    limit: number = PER_WORKLOAD_LIMIT,
  ) {
    this.#sources = sources;
    this.#holder = holder;
    this.#instruments = new Instruments(exposition, sources.tenant, limit);
    this.#times = new WorkloadTimes(sources.now, this.#instruments);
    const own = {
      lockRemaining: () =>
        this.#heldUntil === undefined ? undefined : Math.max(0, this.#heldUntil - sources.now()),
      notReadySince: (key: string) => this.#times.notReadySince(key),
    };
    addGauges(this.#instruments, sources, own, limit);
  }

  /** Subscribes to the hub. */
  observe(event: DomainEvent): void {
    this.#times.observe(event);
    switch (event.type) {
      case 'election':
        return this.#observeElection(event.event);
      case 'instance-ended':
        return this.#instruments.count('instances_ended_total', { proof: event.proof });
      case 'write-failed': {
        const labels = labelsOf(event.key);
        const error = ERROR_TYPE[event.result] ?? 'unknown';
        this.#instruments.count('reconcile_errors_total', { type: labels.type, code: event.result });
        return this.#instruments.record('workload_errors_total', labels, { error_type: error });
      }
      case 'write-fenced':
        return this.#instruments.count('stale_writes_rejected_total');
      case 'sweep-done':
        return this.#observeSweep(event.durationMs / SECOND);
      case 'workload-changed':
      case 'workload-removed':
      case 'instance-created':
      case 'instance-permitted':
      case 'instance-stopping':
      case 'object-created':
      case 'object-changed':
        return undefined;
      case 'object-deleted':
        return event.cause === 'TickAlreadyRun' ? this.#countTicks(event.key, 'duplicate', 1) : undefined;
      case 'tick-run':
        return this.#countTicks(event.key, 'run', event.count);
      case 'tick-missed':
        return this.#countTicks(event.key, 'missed', event.count);
      case 'evidence-removed':
      case 'server-fencing':
        return undefined;
      case 'asked':
        return this.#instruments.count('requests_total', {
          action: event.told.action,
          state: event.told.state,
        });
    }
  }

  #countTicks(key: string, result: 'run' | 'missed' | 'duplicate', count: number): void {
    this.#instruments.record('cron_ticks_total', labelsOf(key), { result }, count);
  }

  observeStore({ operation, duration, budget, result, remaining, error }: StoreOperation): void {
    const seconds = duration / SECOND;
    const instruments = this.#instruments;
    const { store, now } = this.#sources;
    instruments.observe('store_operation_duration_seconds', seconds, { store, operation, result });
    const db = DB_OPERATION[operation];
    instruments.count('db_operations_total', { operation: db });
    instruments.observe('db_latency_seconds', seconds, { operation: db });
    if (error !== undefined) instruments.count('db_errors_total', { operation: db, error_type: error });
    if (operation === 'acquire' && error !== undefined) instruments.count('leadership_failed_attempts_total');
    if (operation === 'renew') {
      instruments.observe('lease_renew_duration_seconds', seconds);
      instruments.observe('lease_renew_budget_used_ratio', duration / budget);
      if (result !== 'ok') instruments.count('lease_renew_failures_total', { code: error ?? result });
    }
    // Our own nonce asked again keeps the vacancy of the first answer.
    if (operation === 'acquire' && result === 'granted')
      this.#vacantSince = Math.min(now(), this.#heldUntil ?? Infinity);
    if (remaining !== undefined) this.#heldUntil = now() + remaining;
  }

  /** The store told that the holder released the lock. */
  observeRelease(): void {
    this.#heldUntil = this.#sources.now();
  }

  /** A snapshot was sent on a live stream. */
  observeSnapshot(cause: string): void {
    this.#instruments.count('stream_snapshots_total', { cause });
  }

  observeReconcile(duration: number): void {
    this.#instruments.observe('reconcile_duration_seconds', duration / SECOND);
  }

  #observeElection(event: ElectionEvent): void {
    switch (event.kind) {
      case 'leader-elected':
        return this.#beginTerm(event.previous);
      case 'leadership-released':
        return this.#endTerm(false);
      case 'leadership-lost':
        return this.#endTerm(true);
      case 'claim-abandoned':
        this.#instruments.count('store_data_loss_total');
        return this.#instruments.count('failover_errors_total');
      case 'waiting':
        if (event.reason === 'Amnesia') this.#instruments.count('store_data_loss_total');
        return;
      case 'leadership-draining':
      case 'holder-changed':
      case 'store-unreachable':
      case 'store-recovered':
      case 'anchor-refused':
      case 'anchor-recovered':
      case 'store-replaced':
      case 'pause-detected':
    }
  }

  #beginTerm(previous: string | undefined): void {
    const now = this.#sources.now();
    const isFailover = previous !== undefined && previous !== this.#holder;
    this.#term = { since: now, isFailover, isSwept: false };
    this.#instruments.count('leadership_transitions_total');
    this.#instruments.count('leadership_acquisitions_total');
    if (isFailover) this.#instruments.count('failover_total');
    if (this.#vacantSince !== undefined)
      this.#instruments.count('leaderless_seconds_total', {}, (now - this.#vacantSince) / SECOND);
  }

  #endTerm(isLost: boolean): void {
    this.#instruments.count('leadership_transitions_total');
    this.#instruments.count('leadership_losses_total');
    this.#times.forget();
    if (this.#term === undefined) return;
    const seconds = (this.#sources.now() - this.#term.since) / SECOND;
    this.#instruments.observe('leadership_duration_seconds', seconds);
    if (isLost && !this.#term.isSwept) this.#instruments.count('failover_errors_total');
    this.#term = undefined;
  }

  #observeSweep(seconds: number): void {
    this.#instruments.observe('take_over_sweep_seconds', seconds);
    if (this.#term === undefined || this.#term.isSwept) return;
    this.#term.isSwept = true;
    if (!this.#term.isFailover) return;
    const since = this.#vacantSince ?? this.#term.since;
    this.#instruments.observe('failover_duration_seconds', (this.#sources.now() - since) / SECOND);
  }
}
