/** One tenant put together: its lock, its supervisor, and what is seen of it. */
import { openServerFence } from '../adapters/kube/server-fence.ts';
import type { Config, TenantConfig } from '../config/config.ts';
import type { Duration } from '../core/time.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { LockStore } from '../ports/lock-store.ts';
import type { System } from '../ports/system.ts';
import { MeasuredStore } from '../runtime/measured-store.ts';
import { Supervisor } from '../runtime/supervisor.ts';
import { openSurface, type SharedSurface, type Surface } from '../server/surface.ts';
import { lockNameOf, openAnchor } from './stores.ts';

/** What the tenants of one process share. */
export interface Shared {
  readonly config: Config;
  readonly version: string;
  /** The name under which this process holds each of its locks. */
  readonly holder: string;
  /** The port that people use. */
  readonly port: number;
  readonly cluster: Cluster;
  readonly store: LockStore;
  readonly surface: SharedSurface;
}

/** Where a tenant is reached, and what it answers for. */
export interface Place {
  /** What stands before each of its paths. */
  readonly base: string;
  readonly metricsPath?: string;
  /** Why this process is not ready, or undefined; absent: it is ready when this tenant is. */
  readonly notReady?: () => string | undefined;
}

export interface Tenant {
  readonly name: string;
  readonly supervisor: Supervisor;
  readonly surface: Surface;
}

/** Sends nothing yet: `supervisor.run` does. `system`: its log names the tenant. */
export async function openTenant(
  shared: Shared,
  tenant: TenantConfig,
  system: System,
  place: Place,
): Promise<Tenant> {
  const { config, version, holder, port, cluster } = shared;
  const { id, controllerNamespace, timing, remainsFollower } = config;
  const { tenant: name, namespace, workloads, references } = tenant;
  const clusterName = config.cluster.name;
  const store = new MeasuredStore(shared.store, system.clock, timing.opTimeout);
  const anchor = await openAnchor(config, tenant, system, cluster);
  const fence = openServerFence(cluster, { namespace: controllerNamespace, tenant: name });
  // Workloads are looked at only once the supervisor runs; the surface that counts it is opened before.
  const onReconciled = (duration: Duration): void => surface.metrics.observeReconcile(duration);
  const supervisor = new Supervisor(
    { system, cluster, store, anchor, fence, onReconciled },
    {
      tenant: name,
      id,
      holder,
      clusterName,
      version,
      controllerNamespace,
      lockName: lockNameOf(config, name),
      timing,
      remainsFollower,
      workloads,
      references,
    },
  );
  const surface = openSurface(supervisor, store, system, shared.surface, {
    id,
    holder,
    tenant: name,
    clusterName,
    version,
    ttl: timing.ttl,
    port,
    namespace,
    cluster,
    controllerNamespace,
    ...place,
  });
  return { name, supervisor, surface };
}
