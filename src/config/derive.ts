/** Completes the configuration: values that nobody gave and that follow from others, and checks that need several. */
import { DEFAULT_LEASE_TTL, DEFAULT_TTL, MIN_TTL, planTiming, type Timing } from '../core/election/timing.ts';
import { DATABASE_URL_FORMS, databaseEngine } from '../core/database-url.ts';
import type { Problem } from '../core/problem.ts';
import { deriveAuth, deriveTls } from './auth.ts';
import { LOG_FORMATS, LOG_LEVELS, type Config, type StoreConfig, type Surroundings } from './config.ts';
import { expandHome } from './file-search.ts';
import type { RedisAddress } from '../core/redis-address.ts';
import { deriveRedis } from './redis-address.ts';
import { DEFAULT_REDIS_ADDRESS } from './redis-settings.ts';
import { DEFAULT_CONTROLLER_NAMESPACE } from './schema.ts';
import type { Settings } from './settings.ts';

const SERVICE_ACCOUNT_NAMESPACE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

type Report = (problem: Problem) => void;

/** Everything but the workloads; undefined when a value that cannot be replaced is wrong, which is then reported. */
export function deriveConfig(
  settings: Settings,
  world: Surroundings,
  report: Report,
): Omit<Config, 'workloads' | 'references' | 'tenants' | 'file'> | undefined {
  const redis = deriveRedis(settings, world.homedir, report);
  const store = resolveStore(settings, redis, world, report);
  const timing = resolveTiming(settings, store, report);
  const controllerNamespace = resolveControllerNamespace(settings, world, report);
  const auth = deriveAuth(settings, world.exists(SERVICE_ACCOUNT_NAMESPACE), report);
  const tls = deriveTls(settings, world.homedir, report);
  if (!settings.has('id')) settings.derive('id', world.hostname, 'hostname');
  if (!settings.has('metricsPort')) settings.derive('metricsPort', settings.number('port'), 'port');
  if (store === undefined || timing === undefined || controllerNamespace === undefined) return undefined;
  const kubeconfig = settings.has('cluster.kubeconfig')
    ? { kubeconfig: expandHome(settings.text('cluster.kubeconfig'), world.homedir) }
    : {};
  const level = LOG_LEVELS.find((candidate) => candidate === settings.text('logLevel'));
  const format = LOG_FORMATS.find((candidate) => candidate === settings.text('logFormat'));
  return {
    id: settings.text('id'),
    tenant: settings.text('tenant'),
    port: settings.number('port'),
    namespace: settings.text('namespace'),
    controllerNamespace,
    remainsFollower: settings.isTrue('remainsFollower'),
    store,
    oldLock: redis,
    cluster: { name: settings.text('cluster.name'), ...kubeconfig },
    terminationGracePeriod: settings.number('terminationGracePeriod'),
    timing,
    metrics: { port: settings.number('metricsPort'), path: settings.text('metricsPath') },
    auth,
    ...(tls !== undefined && { tls }),
    log: { level: level ?? 'info', format: format ?? 'text' },
  };
}

/** Unset: Redis if its address is given anywhere, a database if its URL is, else a Lease. */
function resolveStore(
  settings: Settings,
  redis: RedisAddress,
  world: Surroundings,
  report: Report,
): StoreConfig | undefined {
  const implied = ['redis.addr', 'redis.sentinels', 'databaseURL'].find((key) => settings.has(key)) ?? '';
  const said = settings.has('storageType');
  if (!said && settings.isRefused('storageType')) return undefined;
  if (!said) {
    const kind = implied === '' ? 'lease' : implied === 'databaseURL' ? 'db' : 'redis';
    settings.derive('storageType', kind, implied);
  }
  const kind = settings.text('storageType');
  if (kind === 'lease' || kind === 'memory') return { kind };
  if (kind === 'redis') {
    if (!settings.has('redis.addr')) settings.derive('redis.addr', DEFAULT_REDIS_ADDRESS, '');
    return { kind, ...redis };
  }
  return resolveDatabase(settings, world, report);
}

/** Only its scheme is looked at: the rest is read by that database's adapter. */
function resolveDatabase(settings: Settings, world: Surroundings, report: Report): StoreConfig | undefined {
  if (!settings.has('databaseURL')) {
    report({
      code: 'MissingField',
      message: 'storageType db needs databaseURL',
      hint: `set databaseURL or HIGHLANDER_DATABASE_URL: ${DATABASE_URL_FORMS}`,
      ...settings.locate('storageType'),
    });
    return undefined;
  }
  const url = settings.text('databaseURL');
  if (databaseEngine(url) === undefined) {
    report({
      code: 'InvalidValue',
      message: 'databaseURL names no database that this program knows',
      hint: DATABASE_URL_FORMS,
      ...settings.locate('databaseURL'),
    });
    return undefined;
  }
  return {
    kind: 'db',
    url,
    ...(settings.has('databasePassword') && { password: settings.text('databasePassword') }),
    ...(settings.has('databasePasswordFile') && {
      passwordFile: expandHome(settings.text('databasePasswordFile'), world.homedir),
    }),
  };
}

function resolveTiming(
  settings: Settings,
  store: StoreConfig | undefined,
  report: Report,
): Timing | undefined {
  if (!settings.has('leaderLockTTL'))
    settings.derive('leaderLockTTL', store?.kind === 'lease' ? DEFAULT_LEASE_TTL : DEFAULT_TTL, '');
  const ttl = settings.number('leaderLockTTL');
  const renewEvery = settings.has('leaderRenewInterval')
    ? { renewEvery: settings.number('leaderRenewInterval') }
    : {};
  const plan = planTiming(ttl, renewEvery);
  if ('timing' in plan) {
    if (!settings.has('leaderRenewInterval'))
      settings.derive('leaderRenewInterval', plan.timing.renewEvery, 'leaderLockTTL');
    return plan.timing;
  }
  report({ ...plan.problem, ...settings.locate(ttl < MIN_TTL ? 'leaderLockTTL' : 'leaderRenewInterval') });
  return undefined;
}

/**
 * As given, else that of the service account, else a fixed name; never the context of a kubeconfig and never
 * `namespace`. Two replicas that resolved it differently would use two locks, so a file that is there and cannot be read
 * is an error, not a reason to go on with the next choice.
 */
function resolveControllerNamespace(
  settings: Settings,
  world: Surroundings,
  report: Report,
): string | undefined {
  if (settings.has('controllerNamespace')) return settings.text('controllerNamespace');
  if (!world.exists(SERVICE_ACCOUNT_NAMESPACE)) {
    settings.derive('controllerNamespace', DEFAULT_CONTROLLER_NAMESPACE, '');
    return DEFAULT_CONTROLLER_NAMESPACE;
  }
  const namespace = readNamespace(world);
  if (namespace !== '') {
    settings.derive('controllerNamespace', namespace, 'service account');
    return namespace;
  }
  report({
    code: 'ConfigUnreadable',
    message: 'the namespace of the service account cannot be read',
    hint: 'set controllerNamespace',
    path: 'controllerNamespace',
    file: SERVICE_ACCOUNT_NAMESPACE,
  });
  return undefined;
}

/** Empty when it cannot be read. */
function readNamespace(world: Surroundings): string {
  try {
    return world.readFile(SERVICE_ACCOUNT_NAMESPACE).trim();
  } catch {
    return '';
  }
}
