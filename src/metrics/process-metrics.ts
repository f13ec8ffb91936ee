/** The metrics of the process as a whole, whichever tenants it serves, and the text of all metrics. */
import { SECOND, type Instant } from '../core/time.ts';
import { Exposition, type Rendered } from './exposition.ts';
import type { HttpAnswer, KubeRequest } from './observations.ts';
import type { ProcessUsage } from './process-usage.ts';

/** Rendering is shared by scrapes that come closer together than this. */
const SHORTEST_INTERVAL = SECOND;

export interface ProcessMetricsOptions {
  /** The kind of the lock store. */
  readonly store: string;
  readonly version: string;
  /** Each series says which tenant it is about. */
  readonly severalTenants?: boolean;
  /** Monotonic. */
  readonly now: () => Instant;
}

export class ProcessMetrics {
  /** Where each tenant has its series. */
  readonly exposition: Exposition;
  readonly #now: () => Instant;
  #rendered: { readonly at: Instant; readonly text: Promise<Rendered> } | undefined;

  constructor(usage: ProcessUsage, { store, version, severalTenants, now }: ProcessMetricsOptions) {
    this.exposition = new Exposition(store, severalTenants);
    this.#now = now;
    this.exposition.gauge('build_info', (set) => set(1, { version }));
    addUsage(this.exposition, usage);
  }

  observeKubeRequest({ verb, resource, code }: KubeRequest): void {
    this.exposition.add('kube_requests_total', { verb, resource, code }, 1);
  }

  observeWatchEnd(resource: string, cause: string): void {
    this.exposition.add('watch_restarts_total', { resource, cause }, 1);
  }

  observeHttp({ route, method, code, duration }: HttpAnswer): void {
    const labels = { route, method, code: String(code) };
    this.exposition.add('http_request_duration_seconds', labels, duration / SECOND);
  }

  /** The text exposition format (version 0.0.4) and its content type; the same text within one second. */
  render(): Promise<Rendered> {
    const now = this.#now();
    if (this.#rendered === undefined || now - this.#rendered.at >= SHORTEST_INTERVAL)
      this.#rendered = { at: now, text: this.exposition.render() };
    return this.#rendered.text;
  }
}

function addUsage(exposition: Exposition, usage: ProcessUsage): void {
  const single = (name: Parameters<Exposition['gauge']>[0], read: () => number | undefined): void =>
    exposition.gauge(name, (set) => {
      const value = read();
      if (value !== undefined) set(value);
    });
  single('event_loop_lag_seconds', () => usage.takeLoopLag());
  single('system_load', () => usage.load());
  single('goroutine_count', () => usage.activeResources());
  single('memory_usage_bytes', () => usage.memory().resident);
  single('process_cpu_seconds_total', () => usage.cpuSeconds());
  single('process_start_time_seconds', () => usage.startedAt());
  single('process_resident_memory_bytes', () => usage.memory().resident);
  single('process_virtual_memory_bytes', () => usage.virtualBytes());
  single('process_open_fds', () => usage.openFiles());
  single('process_max_fds', () => usage.mostFiles());
}
