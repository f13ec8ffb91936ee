/** The work of one process: every tenant of the configuration, until it is stopped or an invariant breaks. */
import { openCluster } from '../adapters/kube/cluster.ts';
import type { Connection } from '../adapters/kube/connect.ts';
import type { Config } from '../config/config.ts';
import { formatHolder } from '../core/election/holder-name.ts';
import type { Problem } from '../core/problem.ts';
import type { KubeRequest } from '../metrics/observations.ts';
import { ProcessMetrics } from '../metrics/process-metrics.ts';
import { ProcessUsage } from '../metrics/process-usage.ts';
import type { System } from '../ports/system.ts';
import type { deferredAccess } from '../server/access.ts';
import type { Router } from '../server/route.ts';
import { openAccess } from './access.ts';
import { findPlace } from './place.ts';
import { openStore } from './stores.ts';
import { openTenant, type Shared, type Tenant } from './tenant.ts';

export interface ServeOptions {
  readonly config: Config;
  readonly version: string;
  readonly connection: Connection;
  /** Takes the routes of every tenant. */
  readonly router: Router;
  /** Told who may ask for what. */
  readonly access: ReturnType<typeof deferredAccess>;
  /** The port that people use. */
  readonly port: number;
  /** Called whenever something happens. */
  readonly onEvent: () => void;
}

/**
 * Resolves when it was stopped, with a problem when the store cannot be used as configured. The trouble of one tenant is
 * its own; a broken invariant of one ends all.
 * @throws the broken invariant, after every term was ended.
 */
export async function serve(
  { config, version, connection, router, access, port, onEvent }: ServeOptions,
  system: System,
  stop: AbortSignal,
): Promise<Problem | undefined> {
  const userAgent = `k8-highlander/${version}`;
  const usage = new ProcessUsage();
  const metrics = new ProcessMetrics(usage, {
    store: config.store.kind,
    version,
    severalTenants: config.tenants.length > 0,
    now: () => system.clock.now(),
  });
  const surface = { metrics, usage, neighbours: new Map() };
  const onRequest = (request: KubeRequest): void => metrics.observeKubeRequest(request);
  const cluster = openCluster(connection, {
    system,
    userAgent,
    onRequest,
    onWatchEnded: (resource, cause) => metrics.observeWatchEnd(resource, cause),
  });
  const store = await openStore(config, system, connection, userAgent, onRequest);
  if ('code' in store) {
    usage.close();
    await cluster.close();
    return store;
  }
  const opened = openAccess(config, system, connection, userAgent, onRequest);
  access.use(opened.access);
  const holder = formatHolder(config.id, await findPlace(process.env), system.random.uuid());
  const tenants = await openTenants({ config, version, holder, port, cluster, store, surface }, system);
  for (const tenant of tenants) {
    router.add(tenant.surface.routes);
    tenant.supervisor.hub.subscribe(onEvent);
  }
  try {
    await runAll(tenants, stop);
    return undefined;
  } finally {
    for (const tenant of tenants) tenant.surface.close();
    usage.close();
    await store.close();
    await opened.close();
    await cluster.close();
  }
}

/** The tenant of the settings has the paths of the Go program, and speaks for all where the process is asked about itself. */
async function openTenants(shared: Shared, system: System): Promise<readonly Tenant[]> {
  const { config } = shared;
  const tenants: Tenant[] = [];
  const notReady = (): string | undefined =>
    tenants
      .flatMap(({ name, surface }) => {
        const because = surface.notReady();
        return because === undefined ? [] : [`tenant ${name}: ${because}`];
      })
      .join('; ') || undefined;
  const metricsPath = config.metrics.path;
  const isAlone = config.tenants.length === 0;
  const first = { base: '', metricsPath, ...(isAlone ? {} : { notReady }) };
  tenants.push(await openTenant(shared, config, system, first));
  for (const tenant of config.tenants) {
    const log = system.log.with({ tenant: tenant.tenant });
    const base = `/tenants/${tenant.tenant}`;
    tenants.push(await openTenant(shared, tenant, { ...system, log }, { base }));
  }
  return tenants;
}

/** @throws the first broken invariant, after the others were stopped too. */
async function runAll(tenants: readonly Tenant[], stop: AbortSignal): Promise<void> {
  const broken = new AbortController();
  const ending = AbortSignal.any([stop, broken.signal]);
  const ends = await Promise.allSettled(
    tenants.map(({ supervisor }) =>
      supervisor.run(ending).catch((error: unknown) => {
        broken.abort();
        throw error;
      }),
    ),
  );
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
