/** The metric catalogue and its exposition. Names and labels are API: scrapers and alerts of the Go program use them. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ElectionView } from './core/election/view.ts';
import type { DomainEvent, Snapshot } from './core/projection.ts';
import { SECOND } from './core/time.ts';

/** What a scrape reads at that moment, so that no gauge can go stale. */
export interface MetricSources {
  readonly election: () => ElectionView | undefined;
  /** Whether this process may act right now. */
  readonly isLeader: () => boolean;
  readonly snapshot: () => Snapshot;
  readonly queueDepth: () => number;
  readonly version: string;
}

const PREFIX = 'k8_highlander_';

export class Metrics {
  readonly #registry = new Registry();
  readonly #transitions: Counter;
  readonly #acquisitions: Counter;
  readonly #losses: Counter<'reason'>;
  readonly #ended: Counter<'proof'>;
  readonly #writeFailures: Counter<'action' | 'reason'>;
  readonly #sweep: Histogram;

  constructor(sources: MetricSources) {
    const registers = [this.#registry];
    this.#transitions = new Counter({
      name: `${PREFIX}leadership_transitions_total`,
      help: 'Terms gained plus terms lost by this process',
      registers,
    });
    this.#acquisitions = new Counter({
      name: `${PREFIX}leadership_acquisitions_total`,
      help: 'Terms gained by this process',
      registers,
    });
    this.#losses = new Counter({
      name: `${PREFIX}leadership_losses_total`,
      help: 'Terms that ended, by how',
      labelNames: ['reason'],
      registers,
    });
    this.#ended = new Counter({
      name: `${PREFIX}instances_ended_total`,
      help: 'Instances whose end was proven, by proof',
      labelNames: ['proof'],
      registers,
    });
    this.#writeFailures = new Counter({
      name: `${PREFIX}writes_refused_total`,
      help: 'Writes that the API server refused',
      labelNames: ['action', 'reason'],
      registers,
    });
    this.#sweep = new Histogram({
      name: `${PREFIX}take_over_sweep_seconds`,
      help: 'From the start of a term until every workload was looked at once',
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
    this.#addGauges(sources, registers);
  }

  /** Subscribes to the hub. */
  observe(event: DomainEvent): void {
    if (event.type === 'instance-ended') this.#ended.inc({ proof: event.proof });
    if (event.type === 'write-failed')
      this.#writeFailures.inc({ action: event.action, reason: event.result });
    if (event.type === 'sweep-done') this.#sweep.observe(event.durationMs / SECOND);
    if (event.type !== 'election') return;
    const { kind } = event.event;
    if (kind === 'leader-elected') {
      this.#transitions.inc();
      this.#acquisitions.inc();
    }
    if (kind === 'leadership-released' || kind === 'leadership-lost') {
      this.#transitions.inc();
      this.#losses.inc({ reason: kind === 'leadership-lost' ? event.event.reason : 'Released' });
    }
  }

  /** The text exposition format (version 0.0.4) and its content type. */
  async render(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #addGauges(sources: MetricSources, registers: Registry[]): void {
    const gauge = (suffix: string, help: string, read: () => number): Gauge =>
      new Gauge({
        name: PREFIX + suffix,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    gauge('is_leader', '1 while this process may act, else 0', () => (sources.isLeader() ? 1 : 0));
    gauge('term', 'The highest term this process knows of', () => sources.election()?.epoch ?? 0);
    gauge('store_up', '1 while the lock store answers', () =>
      sources.election()?.store.up === true ? 1 : 0,
    );
    gauge('queue_depth', 'Workloads waiting to be looked at', sources.queueDepth);
    gauge(
      'last_leader_transition_timestamp_seconds',
      'Unix time of the last term gained or lost; 0 for never',
      () => Math.round((sources.snapshot().lastTransition ?? 0) / SECOND),
    );
    gauge('memory_usage_bytes', 'Resident set size of this process', () => process.memoryUsage.rss());
    const info = new Gauge({
      name: `${PREFIX}build_info`,
      help: 'Always 1',
      labelNames: ['version'],
      registers,
    });
    info.set({ version: sources.version }, 1);
    const status = new Gauge({
      name: `${PREFIX}workload_status`,
      help: '1 when the workload has an active instance, else 0; known on the leader only',
      labelNames: ['type', 'name', 'namespace'],
      registers: [],
      collect() {
        this.reset();
        for (const { key, active } of sources.snapshot().workloads.values())
          this.set({ type: key.kind, name: key.name, namespace: key.namespace }, active ? 1 : 0);
      },
    });
    const workloads = new Gauge({
      name: `${PREFIX}workloads`,
      help: 'Workloads by kind and reason; known on the leader only',
      labelNames: ['type', 'reason'],
      registers: [],
      collect() {
        this.reset();
        for (const { key, reason } of sources.snapshot().workloads.values())
          this.inc({ type: key.kind, reason });
      },
    });
    this.#registry.registerMetric(status);
    this.#registry.registerMetric(workloads);
  }
}
