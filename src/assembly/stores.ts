/** The lock store and the fence anchor that the configuration asks for. */
import { openFenceAnchor } from '../adapters/kube/fence-anchor.ts';
import type { Connection } from '../adapters/kube/connect.ts';
import { openLeaseLock } from '../adapters/kube/lease-lock.ts';
import { openDatabaseStore, openDatabaseSurvey } from '../adapters/lock/database.ts';
import { openMemoryLock } from '../adapters/lock/memory.ts';
import { openRedisSurvey } from '../adapters/lock/redis-survey.ts';
import { openRedisLock } from '../adapters/lock/redis.ts';
import type { Config, TenantConfig } from '../config/config.ts';
import type { Problem } from '../core/problem.ts';
import { leaseName } from '../core/workload/names.ts';
import type { KubeRequest } from '../metrics/observations.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { FenceAnchor } from '../ports/fence-anchor.ts';
import type { LockStore } from '../ports/lock-store.ts';
import type { System } from '../ports/system.ts';
import { guardFirstTerm, LOOK_LIMIT } from '../runtime/first-term.ts';

/** One store for the locks of all tenants: each operation names the lock it is about. */
export async function openStore(
  config: Config,
  system: System,
  connection: Connection,
  userAgent: string,
  onRequest: (request: KubeRequest) => void,
): Promise<LockStore | Problem> {
  switch (config.store.kind) {
    case 'lease':
      return openLeaseLock(connection, {
        namespace: config.controllerNamespace,
        system,
        userAgent,
        onRequest,
      });
    case 'memory':
      system.log.warn('the memory store is for one replica only: a second one would lead as well');
      return openMemoryLock(system.clock);
    case 'redis':
      return openRedisLock({ ...config.store, timeout: config.timing.opTimeout }, system);
    case 'db': {
      const { url, ...credentials } = config.store;
      return openDatabaseStore(url, { ...credentials, timeout: config.timing.opTimeout }, system);
    }
  }
}

/** The name of a tenant's lock in the store. */
export function lockNameOf({ store }: Config, tenant: string): string {
  return store.kind === 'redis' || store.kind === 'db' ? tenant : leaseName(tenant);
}

/**
 * The anchor of one tenant, guarded against a leader of the Go program: in Redis, where it kept its lock unless it was told
 * otherwise, and in our own database. The memory store is for trials, beside whatever runs.
 */
export async function openAnchor(
  config: Config,
  { tenant, workloads }: TenantConfig,
  system: System,
  cluster: Cluster,
): Promise<FenceAnchor> {
  const { controllerNamespace, oldLock, timing, store } = config;
  const anchor = openFenceAnchor(cluster, { namespace: controllerNamespace, tenant });
  if (store.kind === 'memory') return anchor;
  const ports = { cluster, log: system.log };
  const options = { tenant, store: store.kind, workloads };
  const timeout = store.kind === 'redis' ? timing.opTimeout : LOOK_LIMIT;
  const inRedis = openRedisSurvey({ ...oldLock, timeout }, system.clock);
  const guarded = guardFirstTerm({ ...ports, anchor, survey: inRedis }, { ...options, lookedIn: 'redis' });
  if (store.kind !== 'db') return guarded;
  const { url, kind: _kind, ...credentials } = store;
  const survey = await openDatabaseSurvey(url, { ...credentials, timeout: timing.opTimeout }, system.clock);
  if (survey === undefined) return guarded;
  return guardFirstTerm({ ...ports, anchor: guarded, survey }, { ...options, lookedIn: 'db' });
}
