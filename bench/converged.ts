/** Counts by a watch what has converged, for rows that wait for a thousand workloads without asking a thousand times. */
import { isConnectProblem, readKubeconfig } from '../src/adapters/kube/connect.ts';
import { openCluster } from '../src/adapters/kube/cluster.ts';
import { createSystem } from '../src/adapters/system.ts';
import type { Pod } from '../src/core/manifests/pod.ts';
import type { ManagedObject } from '../src/core/manifests/managed-object.ts';
import { claimedTerm } from '../src/core/reconcile/permit.ts';
import { CRON_JOBS, PODS, type CacheChange, type KubeObject } from '../src/ports/cluster.ts';

export interface Converged {
  /** Resolves with the instant (performance.now) at which this many had converged. @throws after `within` ms. */
  reach(count: number, within: number): Promise<number>;
  /** By uid: of a pod its restarts, of a CronJob its generation. Another uid or number is another instance, or another spec. */
  snapshot(): ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/**
 * Watches all pods and CronJobs of the cluster as the user of the kubeconfig. A pod has converged when it is Ready, a
 * CronJob when it is not suspended and, where `cronJobs` says so, a controller has claimed it.
 */
export async function watchConverged(
  kubeconfig: string,
  { cronJobs }: { readonly cronJobs: 'claimed' | 'bare' } = { cronJobs: 'claimed' },
): Promise<Converged> {
  const connection = await readKubeconfig(kubeconfig);
  if (isConnectProblem(connection)) throw new Error(connection.message);
  const system = createSystem({ level: 'error', format: 'text', fields: {} });
  const cluster = openCluster(connection, { system, userAgent: 'bench' });
  const converged = new Map<string, number>();
  const waiting = new Set<() => void>();
  const take = <T extends KubeObject>(
    { kind, object }: CacheChange<T>,
    judge: (object: T) => number | undefined,
  ): void => {
    const value = kind === 'changed' ? judge(object) : undefined;
    if (value === undefined) converged.delete(object.metadata.uid ?? '');
    else converged.set(object.metadata.uid ?? '', value);
    for (const look of waiting) look();
  };
  const pods = cluster.cache<Pod>(PODS, {
    scope: {},
    strip: ({ metadata, spec, status }) => ({ metadata, spec, ...(status && { status }) }),
  });
  pods.onChange((change) => take(change, restartsOfReady));
  const crons = cluster.cache<ManagedObject>(CRON_JOBS, { scope: {}, strip: (object) => object });
  crons.onChange((change) =>
    take(change, (cronJob) =>
      cronJob.spec?.suspend !== true && (cronJobs === 'bare' || claimedTerm(cronJob) !== undefined)
        ? (cronJob.metadata.generation ?? 0)
        : undefined,
    ),
  );
  const stop = new AbortController();
  const running = Promise.all([pods.run(stop.signal), crons.run(stop.signal)]);
  await Promise.all([pods, crons].map((cache) => cache.synced(AbortSignal.timeout(30_000))));
  return {
    reach: (count, within) =>
      new Promise((succeed, fail) => {
        const finish = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        const look = (): void => {
          if (converged.size < count) return;
          finish();
          succeed(performance.now());
        };
        const timer = setTimeout(() => {
          finish();
          fail(new Error(`${converged.size} of ${count} converged after ${within} ms`));
        }, within);
        waiting.add(look);
        look();
      }),
    snapshot: () => new Map(converged),
    async close() {
      stop.abort();
      await running;
      await cluster.close();
    },
  };
}

function restartsOfReady({ status }: Pod): number | undefined {
  const isReady = status?.conditions?.some(
    (condition) => condition.type === 'Ready' && condition.status === 'True',
  );
  return isReady === true ? (status?.containerStatuses?.[0]?.restartCount ?? 0) : undefined;
}
