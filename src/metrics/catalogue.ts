/**
 * Every metric: name, type, labels, buckets. Names and labels are API; those that the Go program had keep its names,
 * labels and buckets. `namespace` was added to the workload series, because equal names in two namespaces are two series.
 */

export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels?: readonly string[];
  readonly buckets?: readonly number[];
  /** One series per workload, bounded by `PER_WORKLOAD_LIMIT`. */
  readonly perWorkload?: true;
  /** Served under this name as well while the store is Redis: the name in the documents of the Go program. */
  readonly redisAlias?: string;
  /** Documented by the Go program, and nothing in this version that could move it: only its name is served. */
  readonly silent?: true;
  /** About the process, not about one of the tenants it serves. */
  readonly ofProcess?: true;
  /** Without `PREFIX`: a name that all Prometheus clients share. */
  readonly bare?: true;
}

export const PREFIX = 'k8_highlander_';

/** Workloads that have series of their own; above it, gauges are kept for those that are not ready, and the rest is counted. */
export const PER_WORKLOAD_LIMIT = 1000;

const WORKLOAD = ['type', 'name', 'namespace'] as const;

/** `first` times 2^0 to 2^9. */
function doubling(first: number): readonly number[] {
  return Array.from({ length: 10 }, (_, k) => first * 2 ** k);
}

/** Times of requests and of short work. */
const SHORT = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Times in which a person waits. */
const LONG = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 120, 300];

/** By name without the prefix. */
export const CATALOGUE = {
  // What people ask for
  requests_total: {
    type: 'counter',
    help: 'Answers to requests of people, by action and state',
    labels: ['action', 'state'],
  },
  // Leadership
  is_leader: { type: 'gauge', help: '1 while this process may act, else 0' },
  term: { type: 'gauge', help: 'The highest term this process knows of' },
  leadership_transitions_total: { type: 'counter', help: 'Terms gained plus terms lost by this process' },
  leadership_acquisitions_total: { type: 'counter', help: 'Terms gained by this process' },
  leadership_losses_total: { type: 'counter', help: 'Terms of this process that ended, released or lost' },
  leadership_failed_attempts_total: {
    type: 'counter',
    help: 'Attempts to take the lock that the store did not answer',
  },
  leadership_duration_seconds: {
    type: 'histogram',
    help: 'Length of the terms of this process',
    buckets: doubling(10),
  },
  last_leader_transition_timestamp_seconds: {
    type: 'gauge',
    help: 'Unix time of the last term gained or lost by this process; 0 for never',
  },
  leaderless_seconds_total: {
    type: 'counter',
    help: 'From the end of the hold before to the start of each term of this process',
  },
  lease_ttl_seconds: { type: 'gauge', help: 'TTL with which this process takes the lock' },
  lease_remaining_seconds: {
    type: 'gauge',
    help: 'While this process leads: how long it may act without another renewal',
  },
  lease_renew_duration_seconds: {
    type: 'histogram',
    help: 'Time of one renewal of the lock',
    buckets: SHORT,
  },
  lease_renew_budget_used_ratio: {
    type: 'histogram',
    help: 'Time of one renewal of the lock as a share of the time it may take; at 1 it is given up and repeated',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1],
  },
  lease_renew_failures_total: {
    type: 'counter',
    help: 'Renewals that did not succeed, by why',
    labels: ['code'],
  },
  controller_info: {
    type: 'gauge',
    help: 'Always 1',
    labels: ['controller', 'tenant', 'cluster', 'version'],
  },
  controller_state: {
    type: 'gauge',
    help: '1 for the state this process is in, else 0',
    labels: ['state'],
  },

  // Failover
  failover_total: {
    type: 'counter',
    help: 'Changes of holder towards this process, so that the sum over all processes counts each once',
  },
  failover_errors_total: {
    type: 'counter',
    help: 'Terms of this process that were lost or given up before every workload was looked at once',
  },
  failover_duration_seconds: {
    type: 'histogram',
    help: 'From the end of the hold before (released, or run out) until every workload was looked at once',
    buckets: [1, 6, 11, 16, 21, 26, 31, 36, 41, 46],
  },
  take_over_sweep_seconds: {
    type: 'histogram',
    help: 'From the start of a term until every workload was looked at once',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  workload_gap_seconds: {
    type: 'histogram',
    help: 'From a workload being healthy no longer until it was again, by what began it',
    labels: ['type', 'cause'],
    buckets: LONG,
  },
  permit_wait_seconds: {
    type: 'histogram',
    help: 'How long a new instance was kept from starting, by the last reason',
    labels: ['reason'],
    buckets: LONG,
  },
  server_fencing: {
    type: 'gauge',
    help: 'On the leader: 1 while the API server refuses writes of a former term by itself, 0 where the admission policies are missing; absent while not known',
  },
  stale_writes_rejected_total: {
    type: 'counter',
    help: 'Writes that were not sent because their term was over',
  },
  instances_ended_total: {
    type: 'counter',
    help: 'Instances whose end was proven, by proof',
    labels: ['proof'],
  },

  // Workloads, known on the leader only
  workloads: { type: 'gauge', help: 'Workloads by how they are', labels: ['type', 'namespace', 'tone'] },
  workload_status: {
    type: 'gauge',
    help: '1 while the workload has an active instance, else 0',
    labels: WORKLOAD,
    perWorkload: true,
  },
  workload_ready: {
    type: 'gauge',
    help: '1 while the workload is ready, or done as intended, else 0',
    labels: WORKLOAD,
    perWorkload: true,
  },
  workload_not_ready_seconds: {
    type: 'gauge',
    help: 'For how long the workload has not been ready, as far as this term saw',
    labels: [...WORKLOAD, 'reason'],
    perWorkload: true,
  },
  process_status: {
    type: 'gauge',
    help: '1 while the process has an active instance, else 0',
    labels: ['name', 'namespace'],
    perWorkload: true,
  },
  service_status: {
    type: 'gauge',
    help: '1 while the service has an active instance, else 0',
    labels: ['name', 'namespace'],
    perWorkload: true,
  },
  persistent_status: {
    type: 'gauge',
    help: '1 while the persistent workload has an active instance, else 0',
    labels: ['name', 'namespace'],
    perWorkload: true,
  },
  cronjob_status: {
    type: 'gauge',
    help: '1 while the cron job has an active instance, else 0',
    labels: ['name', 'namespace'],
    perWorkload: true,
  },
  paused: {
    type: 'gauge',
    help: 'Pauses in force: of one workload each, or of all of the tenant',
    labels: ['scope'],
  },
  paused_seconds: {
    type: 'gauge',
    help: 'For how long the oldest pause without an end has been in force; absent: there is none',
    labels: ['scope'],
  },
  suppressed_series: {
    type: 'gauge',
    help: 'Series left out because there are more workloads than may have series of their own',
  },
  workload_startup_duration_seconds: {
    type: 'histogram',
    help: 'From the permit of an instance until it was ready',
    labels: WORKLOAD,
    buckets: doubling(0.1),
    perWorkload: true,
  },
  workload_shutdown_duration_seconds: {
    type: 'histogram',
    help: 'From telling an instance to stop until its end was proven',
    labels: WORKLOAD,
    buckets: doubling(0.1),
    perWorkload: true,
  },
  workload_operations_total: {
    type: 'counter',
    help: 'What was done to the workload: startup, shutdown, retry, remove',
    labels: [...WORKLOAD, 'operation'],
    perWorkload: true,
  },
  workload_errors_total: {
    type: 'counter',
    help: 'Writes for the workload that the API server refused, by kind of error',
    labels: [...WORKLOAD, 'error_type'],
    perWorkload: true,
  },
  workload_retry_attempts_total: {
    type: 'counter',
    help: 'New instances started because the one before failed',
    labels: WORKLOAD,
    perWorkload: true,
  },
  workload_retry_success_total: {
    type: 'counter',
    help: 'Of those, the ones that became ready',
    labels: WORKLOAD,
    perWorkload: true,
  },
  workload_restarts_total: {
    type: 'counter',
    help: 'Restarts in place by the kubelet, and instances replaced after a failure',
    labels: WORKLOAD,
    perWorkload: true,
  },
  cron_ticks_total: {
    type: 'counter',
    help: 'Ticks of the cron job: run, missed, or made a second time (duplicate; deleted without having run)',
    labels: [...WORKLOAD, 'result'],
    perWorkload: true,
  },

  // Store
  store_up: { type: 'gauge', help: '1 while the lock store answers' },
  store_operation_duration_seconds: {
    type: 'histogram',
    help: 'Time of one operation of the lock store',
    labels: ['store', 'operation', 'result'],
    buckets: SHORT,
  },
  store_data_loss_total: {
    type: 'counter',
    help: 'Times that the lock store was found to have forgotten its data',
  },
  db_operations_total: {
    type: 'counter',
    help: 'Operations of the lock store, by the name of their Redis command in the Go program',
    labels: ['operation'],
    redisAlias: 'redis_operations_total',
  },
  db_errors_total: {
    type: 'counter',
    help: 'Operations that the lock store did not answer',
    labels: ['operation', 'error_type'],
    redisAlias: 'redis_errors_total',
  },
  db_latency_seconds: {
    type: 'histogram',
    help: 'Time of one operation of the lock store',
    labels: ['operation'],
    buckets: doubling(0.001),
    redisAlias: 'redis_latency_seconds',
  },
  db_lock_ttl_seconds: {
    type: 'gauge',
    help: 'How long the lock is still held, by the last answer of the store; 0 when it is free',
    redisAlias: 'redis_lock_ttl_seconds',
  },

  // Cluster and runtime
  cluster_health: {
    type: 'gauge',
    help: '1 while what is seen of the cluster is current',
    labels: ['cluster'],
  },
  cluster_priority: {
    type: 'gauge',
    help: 'Always 0: a process serves one cluster',
    labels: ['cluster'],
  },
  cluster_transitions_total: {
    type: 'counter',
    help: 'Changes of the cluster served; none while a process serves one',
    labels: ['from_cluster', 'to_cluster'],
    silent: true,
  },
  kube_requests_total: {
    type: 'counter',
    help: 'Requests to the API server; code `failed`: no answer',
    labels: ['verb', 'resource', 'code'],
    ofProcess: true,
  },
  watch_restarts_total: {
    type: 'counter',
    help: 'Watches that ended and were begun again, by how they ended',
    labels: ['resource', 'cause'],
    ofProcess: true,
  },
  reconcile_duration_seconds: { type: 'histogram', help: 'Time of one look at a workload', buckets: SHORT },
  reconcile_errors_total: {
    type: 'counter',
    help: 'Writes that the API server refused',
    labels: ['type', 'code'],
  },
  queue_depth: { type: 'gauge', help: 'Workloads waiting to be looked at' },
  queue_oldest_seconds: {
    type: 'gauge',
    help: 'For how long the first of them has been waiting; 0 for none',
  },
  http_request_duration_seconds: {
    type: 'histogram',
    help: 'Time to answer a request',
    labels: ['route', 'method', 'code'],
    buckets: SHORT,
    ofProcess: true,
  },
  stream_clients: { type: 'gauge', help: 'Live streams that are open' },
  stream_snapshots_total: {
    type: 'counter',
    help: 'Snapshots sent on live streams: opened, expired (the client had missed too much), slow (it had taken too little)',
    labels: ['cause'],
  },
  build_info: { type: 'gauge', help: 'Always 1', labels: ['version'], ofProcess: true },
  event_loop_lag_seconds: {
    type: 'gauge',
    help: 'Longest delay of the event loop since the metrics were rendered before',
    ofProcess: true,
  },
  system_load: { type: 'gauge', help: 'Load average of the machine over one minute', ofProcess: true },
  goroutine_count: {
    type: 'gauge',
    help: 'Open handles, requests and timers of this process',
    ofProcess: true,
  },
  memory_usage_bytes: { type: 'gauge', help: 'Resident memory of this process', ofProcess: true },
  process_cpu_seconds_total: {
    type: 'counter',
    help: 'Processor time used, user and system',
    bare: true,
    ofProcess: true,
  },
  process_start_time_seconds: {
    type: 'gauge',
    help: 'Unix time at which this process started',
    bare: true,
    ofProcess: true,
  },
  process_resident_memory_bytes: { type: 'gauge', help: 'Resident memory', bare: true, ofProcess: true },
  process_virtual_memory_bytes: {
    type: 'gauge',
    help: 'Virtual memory; where /proc tells',
    bare: true,
    ofProcess: true,
  },
  process_open_fds: {
    type: 'gauge',
    help: 'Open file descriptors; where /proc tells',
    bare: true,
    ofProcess: true,
  },
  process_max_fds: {
    type: 'gauge',
    help: 'Most file descriptors that may be open; where /proc tells',
    bare: true,
    ofProcess: true,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

type Catalogue = typeof CATALOGUE;
export type MetricName = keyof Catalogue;
type NameOf<Type extends MetricSpec['type']> = {
  [Name in MetricName]: Catalogue[Name]['type'] extends Type ? Name : never;
}[MetricName];

export type CounterName = NameOf<'counter'>;
export type GaugeName = NameOf<'gauge'>;
export type HistogramName = NameOf<'histogram'>;
