/** Counts Ready pods by a watch, for rows that wait for a thousand of them without asking a thousand times. */
import { isConnectProblem, readKubeconfig } from '../src/adapters/kube/connect.ts';
import { openCluster } from '../src/adapters/kube/cluster.ts';
import { createSystem } from '../src/adapters/system.ts';
import type { Pod } from '../src/core/manifests/pod.ts';
import { PODS } from '../src/ports/cluster.ts';

export interface ReadyPods {
  /** Resolves with the instant (performance.now) at which this many pods were Ready. @throws after `within` ms. */
  reach(count: number, within: number): Promise<number>;
  /** uid → restarts of the Ready pods. */
  snapshot(): ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** Watches all pods of the cluster as the user of the kubeconfig. */
export async function watchReadyPods(kubeconfig: string): Promise<ReadyPods> {
  const connection = await readKubeconfig(kubeconfig);
  if (isConnectProblem(connection)) throw new Error(connection.message);
  const system = createSystem({ level: 'error', format: 'text', fields: {} });
  const cluster = openCluster(connection, { system, userAgent: 'bench' });
  const ready = new Map<string, number>();
  const waiting = new Set<() => void>();
  const cache = cluster.cache<Pod>(PODS, {
    scope: {},
    strip: ({ metadata, spec, status }) => ({ metadata, spec, ...(status && { status }) }),
  });
  cache.onChange(({ kind, object }) => {
    const uid = object.metadata.uid ?? '';
    const isReady = object.status?.conditions?.some(
      ({ type, status }) => type === 'Ready' && status === 'True',
    );
    if (kind === 'changed' && isReady === true)
      ready.set(uid, object.status?.containerStatuses?.[0]?.restartCount ?? 0);
    else ready.delete(uid);
    for (const look of waiting) look();
  });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  await cache.synced(AbortSignal.timeout(30_000));
  return {
    reach: (count, within) =>
      new Promise((succeed, fail) => {
        const finish = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        const look = (): void => {
          if (ready.size < count) return;
          finish();
          succeed(performance.now());
        };
        const timer = setTimeout(() => {
          finish();
          fail(new Error(`${ready.size} of ${count} pods Ready after ${within} ms`));
        }, within);
        waiting.add(look);
        look();
      }),
    snapshot: () => new Map(ready),
    async close() {
      stop.abort();
      await running;
      await cluster.close();
    },
  };
}
