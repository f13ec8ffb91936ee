/** The facts of version 1 as the running controller has them. */
import type { Facts, Identity } from '../../api/v1/facts.ts';
import { formatKey } from '../../core/workload/model.ts';
import type { Clock } from '../../ports/system.ts';
import type { MeasuredStore } from '../../runtime/measured-store.ts';
import type { Supervisor } from '../../runtime/supervisor.ts';

export interface LiveSources {
  readonly supervisor: Supervisor;
  readonly store: MeasuredStore;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly notReady: () => string | undefined;
  readonly isStoreUp: () => boolean;
}

export function liveFacts({ supervisor, store, clock, identity, notReady, isStoreUp }: LiveSources): Facts {
  const { hub, inspection } = supervisor;
  return {
    identity,
    state: () => ({
      election: supervisor.election(),
      isLeader: supervisor.isLeader(),
      leadership: hub.snapshot.leadership,
      serverFencing: hub.snapshot.serverFencing,
      clusterProblem: supervisor.clusterProblem(),
      notReady: notReady(),
      isStoreUp: isStoreUp(),
      storeFailures: store.failures,
      candidates: supervisor.presence.candidates(),
      now: clock.now(),
      wall: clock.wall(),
    }),
    keys: () => new Set([...inspection.keys(), ...hub.snapshot.workloads.keys()]),
    workload: (key) => {
      const view = hub.snapshot.workloads.get(key);
      const definition = inspection.definition(key);
      const seen = inspection.seen(key);
      const isThere = view !== undefined || definition !== undefined;
      if (!isThere && seen.pod === undefined && seen.maker === undefined) return undefined;
      return { key, view, seen, unobserved: inspection.unobserved(key), definition };
    },
    explain: (key) => supervisor.explain(key),
    objects: (key) => inspection.objects(key),
    asked: () => supervisor.asked(),
    history: () => hub.history,
    recent: () => hub.recent,
    watch: (watcher) => {
      inspection.watch((key) => watcher.onWorkload(key));
      hub.onHistory((entry) => watcher.onHistory(entry));
      supervisor.presence.watch(() => watcher.onState());
      hub.subscribe((event) => {
        if (event.type === 'election' || event.type === 'server-fencing') watcher.onState();
        else if (event.type === 'workload-changed') watcher.onWorkload(formatKey(event.view.key));
        else if (event.type === 'workload-removed') watcher.onWorkload(event.key);
      });
    },
  };
}
