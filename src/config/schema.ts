/**
 * Every setting, once. The loader, `--help` and the reference page are made from this table. Each setting can be given
 * as flag, environment variable and key of the file; the first of these wins over the next, and over the default.
 */
import { AUTH_SETTINGS } from './auth-settings.ts';
import { LOG_FORMATS, LOG_LEVELS } from './config.ts';
import { REDIS_SETTINGS } from './redis-settings.ts';
import type { Setting } from './setting.ts';

/** All stores that a configuration may name. */
const STORAGE_TYPES = ['redis', 'db', 'lease', 'memory'] as const;

/** Used where no service account names the namespace of this process. */
export const DEFAULT_CONTROLLER_NAMESPACE = 'k8-highlander';

/** Part of the names of Leases and ConfigMaps, and a label value. */
export const DNS_SUBDOMAIN = {
  regex: /^(?=.{1,63}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/,
  hint: 'use at most 63 lower-case letters, digits, - and ., beginning and ending alphanumeric',
};

/** The name of a namespace. */
export const DNS_LABEL = {
  regex: /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/,
  hint: 'use at most 63 lower-case letters, digits and -, beginning and ending alphanumeric',
};

export const SETTINGS: readonly Setting[] = [
  {
    key: 'id',
    env: 'HIGHLANDER_ID',
    flag: '--id',
    type: 'string',
    fallback: 'hostname',
    doc: 'Name of this instance, for people; in a pod the pod name',
  },
  {
    key: 'tenant',
    env: 'HIGHLANDER_TENANT',
    flag: '--tenant',
    type: 'string',
    pattern: DNS_SUBDOMAIN,
    default: 'default',
    doc: 'Instances with the same tenant elect one leader among them',
  },
  {
    key: 'port',
    env: 'HIGHLANDER_PORT',
    flag: '--port',
    type: 'integer',
    range: [0, 65_535],
    default: 8080,
    doc: 'Port of the HTTP server; 0 takes any free one',
  },
  {
    key: 'namespace',
    env: 'HIGHLANDER_NAMESPACE',
    flag: '--namespace',
    type: 'string',
    pattern: DNS_LABEL,
    default: 'default',
    doc: 'Namespace of workloads that name none',
  },
  {
    key: 'controllerNamespace',
    env: 'HIGHLANDER_CONTROLLER_NAMESPACE',
    flag: '--controller-namespace',
    type: 'string',
    pattern: DNS_LABEL,
    fallback: `that of the service account, else ${DEFAULT_CONTROLLER_NAMESPACE}`,
    doc: 'Namespace of the lock, the fence and the registry; the same for all instances of a tenant',
  },
  {
    key: 'remainsFollower',
    env: 'HIGHLANDER_REMAINS_FOLLOWER',
    flag: '--remains-follower',
    type: 'boolean',
    default: false,
    doc: 'Never lead',
  },
  {
    key: 'storageType',
    env: 'HIGHLANDER_STORAGE_TYPE',
    flag: '--storage-type',
    type: 'string',
    choices: STORAGE_TYPES,
    fallback: 'redis if redis.addr or redis.sentinels is set, db if databaseURL is, else lease',
    doc: 'Where the lock is kept',
  },
  ...REDIS_SETTINGS,
  {
    key: 'databaseURL',
    env: 'HIGHLANDER_DATABASE_URL',
    flag: '--database-url',
    type: 'string',
    secret: 'credentials',
    fallback: 'none',
    doc: 'Address of the database, for storageType db; its scheme chooses PostgreSQL, MySQL or SQLite',
  },
  {
    key: 'databasePassword',
    env: 'HIGHLANDER_DATABASE_PASSWORD',
    flag: '--database-password',
    type: 'string',
    secret: 'whole',
    fallback: 'that of databaseURL',
    doc: 'Password of the database; wins over one in databaseURL',
  },
  {
    key: 'databasePasswordFile',
    env: 'HIGHLANDER_DATABASE_PASSWORD_FILE',
    flag: '--database-password-file',
    type: 'string',
    fallback: 'none',
    doc: 'File that holds the password of the database, read for each connection; wins over databasePassword',
  },
  {
    key: 'cluster.name',
    env: 'HIGHLANDER_CLUSTER_NAME',
    flag: '--cluster-name',
    type: 'string',
    default: 'default',
    doc: 'Name of the cluster in labels and status; a cluster of that name in the kubeconfig is used',
  },
  {
    key: 'cluster.kubeconfig',
    env: 'HIGHLANDER_KUBECONFIG',
    flag: '--kubeconfig',
    type: 'string',
    fallback: '~/.kube/config if present, else KUBECONFIG, else in-cluster',
    doc: 'Path of the kubeconfig',
  },
  {
    key: 'workloadFiles',
    env: 'HIGHLANDER_WORKLOAD_FILES',
    flag: '--workload-files',
    type: 'boolean',
    default: true,
    doc: 'Also read process-*, cronjob-*, service-* and persistent-*.yaml or .yml in the working directory',
  },
  {
    key: 'terminationGracePeriod',
    env: 'HIGHLANDER_TERMINATION_GRACE_PERIOD',
    flag: '--termination-grace-period',
    type: 'duration',
    default: '29s',
    doc: 'Budget of the whole shutdown; 0 and less mean the default',
  },
  {
    key: 'leaderLockTTL',
    env: 'HIGHLANDER_LEADER_LOCK_TTL',
    flag: '--leader-lock-ttl',
    type: 'duration',
    fallback: '8s for the lease store, 5s for the others',
    doc: 'How long the lock outlives its holder',
  },
  {
    key: 'leaderRenewInterval',
    env: 'HIGHLANDER_LEADER_RENEW_INTERVAL',
    flag: '--leader-renew-interval',
    type: 'duration',
    fallback: 'a fifth of leaderLockTTL',
    doc: 'How often the leader renews the lock',
  },
  {
    key: 'metricsPort',
    env: 'HIGHLANDER_METRICS_PORT',
    flag: '--metrics-port',
    type: 'integer',
    range: [0, 65_535],
    fallback: 'same as port',
    doc: 'A second port that serves the metrics',
  },
  {
    key: 'metricsPath',
    env: 'HIGHLANDER_METRICS_PATH',
    flag: '--metrics-path',
    type: 'string',
    pattern: { regex: /^\/[^\s?#]*$/, hint: 'write a path that begins with /' },
    default: '/metrics',
    doc: 'Path of the metrics',
  },
  ...AUTH_SETTINGS,
  {
    key: 'logLevel',
    env: 'HIGHLANDER_LOG_LEVEL',
    flag: '--log-level',
    type: 'string',
    choices: LOG_LEVELS,
    default: 'info',
    doc: 'The least severity that is logged',
  },
  {
    key: 'logFormat',
    env: 'HIGHLANDER_LOG_FORMAT',
    flag: '--log-format',
    type: 'string',
    choices: LOG_FORMATS,
    default: 'text',
    doc: 'Form of the log on standard error',
  },
];

/** The default path of the configuration file: the only one that may be missing although it is named. */
export const DEFAULT_CONFIG_PATH = '/etc/k8-highlander/config.yaml';
