/** What the HTTP API shows, as a test sets it: workloads that come, change and go, a leader that becomes a follower. */
import type { Facts, Identity, State, Watcher, WorkloadFacts } from '../src/api/v1/facts.ts';
import type { AskedRecord } from '../src/core/control/entries.ts';
import type { HistoryEntry } from '../src/core/history.ts';
import { NO_LEADERSHIP } from '../src/core/leadership.ts';
import type { WorkloadView } from '../src/core/projection.ts';
import type { RecentEvent } from '../src/core/recent-events.ts';
import type { RuleOutcome } from '../src/core/reconcile/plan.ts';
import type { SeenObject } from '../src/core/reconcile/seen.ts';
import { parseKey } from '../src/core/workload/model.ts';

export interface ShownWorkload {
  readonly reason?: WorkloadView['reason'];
  readonly healthy?: boolean;
  readonly message?: string;
  readonly node?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly createdAt?: string;
  readonly restarts?: number;
  readonly unobserved?: string;
}

export class ShownWorld implements Facts {
  readonly identity: Identity = {
    id: 'one',
    holder: 'one/host/uuid',
    tenant: 'default',
    cluster: 'blue',
    version: '1.2.3',
    startedAt: 0,
    ttl: 8000,
    storeKind: 'lease',
    storeAddress: 'k8-highlander',
    controllerNamespace: 'k8-highlander',
  };
  readonly #workloads = new Map<string, ShownWorkload>();
  readonly #watchers: Watcher[] = [];
  readonly #entries: HistoryEntry[] = [];
  readonly recentEvents: RecentEvent[] = [];
  readonly records: AskedRecord[] = [];
  #state: Partial<State> = {};

  /** Changes the state; told to the watchers unless it is `silent`, as are outages. */
  become(state: Partial<State>, silent = false): void {
    this.#state = { ...this.#state, ...state };
    if (!silent) for (const watcher of this.#watchers) watcher.onState();
  }

  set(key: string, workload: ShownWorkload = {}): void {
    this.#workloads.set(key, workload);
    for (const watcher of this.#watchers) watcher.onWorkload(key);
  }

  remove(key: string): void {
    this.#workloads.delete(key);
    for (const watcher of this.#watchers) watcher.onWorkload(key);
  }

  tell(entry: Omit<HistoryEntry, 'seq'>): void {
    const told = { seq: this.#entries.length + 1, ...entry };
    this.#entries.push(told);
    for (const watcher of this.#watchers) watcher.onHistory(told);
  }

  state(): State {
    return {
      election: {
        role: 'leading',
        since: 0,
        epoch: 7,
        holder: this.identity.holder,
        validUntil: 6000,
        store: { up: true },
      },
      isLeader: true,
      leadership: { ...NO_LEADERSHIP, latest: this.identity.holder, vacant: false, leaderSince: 0 },
      serverFencing: { state: 'true' },
      clusterProblem: undefined,
      notReady: undefined,
      isStoreUp: true,
      storeFailures: 0,
      candidates: [],
      now: 0,
      wall: 0,
      ...this.#state,
    };
  }

  keys(): ReadonlySet<string> {
    return new Set(this.#workloads.keys());
  }

  workload(key: string): WorkloadFacts | undefined {
    const parsed = parseKey(key);
    const shown = this.#workloads.get(key);
    if (shown === undefined || parsed === undefined) return undefined;
    const { reason = 'Active', message = 'as it should be', node = 'node-a', restarts = 0 } = shown;
    const healthy = shown.healthy ?? reason === 'Active';
    const pod = { name: `${parsed.name}-pod`, node, term: 7, leader: 'one', cluster: 'blue' };
    const instance = { pod: pod.name, uid: `${key}-uid`, node, restarts };
    const view = { key: parsed, active: healthy, healthy, reason, message, since: 1000, instance };
    const { createdAt, labels = {} } = shown;
    return {
      key,
      view: this.state().isLeader ? view : undefined,
      seen: { key, active: healthy, healthy, pod },
      unobserved: shown.unobserved,
      definition: {
        source: 'cr',
        labels,
        image: 'busybox',
        ...(createdAt === undefined ? {} : { createdAt }),
      },
    };
  }

  explain(): readonly RuleOutcome[] | undefined {
    return this.state().isLeader
      ? [
          { rule: 'objects are ours', outcome: 'pass' },
          { rule: 'instance ready', outcome: 'pass', reason: 'Active', message: 'running on node-a' },
        ]
      : undefined;
  }

  objects(key: string): readonly SeenObject[] {
    const parsed = parseKey(key);
    if (parsed === undefined) return [];
    const { namespace, name } = parsed;
    return [{ kind: 'Pod', namespace, name: `${name}-pod`, uid: 'u', state: 'Running', node: 'node-a' }];
  }

  history(): readonly HistoryEntry[] {
    return this.#entries;
  }

  asked(): readonly AskedRecord[] {
    return this.records;
  }

  recent(): readonly RecentEvent[] {
    return this.recentEvents;
  }

  watch(watcher: Watcher): void {
    this.#watchers.push(watcher);
  }
}
