/** What the README of the Go program shows must load as it stands there. */
import { describe, expect, test } from 'vitest';
import type { LoadResult } from './config.ts';
import { loadConfig } from './load.ts';

function load(text: string): LoadResult {
  return loadConfig(['--config', '/c.yaml'], {
    env: {},
    readFile: () => text,
    exists: (path) => path === '/c.yaml',
    list: () => [],
    homedir: '/home/u',
    cwd: '/w',
    hostname: 'h',
  });
}

/** The README shows entries without the section they belong in. */
const inSection = (entries: string): string => `workloads:\n${entries.replaceAll(/^(?=.)/gm, '  ')}`;

/** Where it shows `# ... configuration ...`, something has to stand. */
const completed = (text: string): string =>
  text
    .replaceAll(/^( *)# \.\.\. cron job .*\.\.\.$/gm, '$1image: "busybox:latest"\n$1schedule: "@daily"')
    .replaceAll(/# \.\.\. .*\.\.\.$/gm, 'image: "busybox:latest"');

const PROCESS = `processes:
  - name: "data-processor"
    image: "mycompany/data-processor:latest"
    script:
      commands:
        - "echo 'Starting data processor'"
        - "/app/process-data.sh"
      shell: "/bin/sh"
    env:
      DB_HOST: "postgres.example.com"
    resources:
      cpuRequest: "200m"
      memoryRequest: "256Mi"
    restartPolicy: "OnFailure"
`;

const BASIC = `# config.yaml
id: "controller-1"
tenant: "default"
namespace: "default"

redis:
  addr: "redis:6379"

workloads:
  processes:
    - name: "singleton-processor"
      image: "busybox:latest"
      script:
        commands:
          - "echo 'Starting singleton processor'"
          - "while true; do echo 'Processing...'; sleep 60; done"
        shell: "/bin/sh"
      resources:
        cpuRequest: "100m"
        memoryRequest: "64Mi"
      restartPolicy: "Never"
`;

const TENANT = `# controller-1.yaml
id: "controller-1"
tenant: "tenant-a"  # First tenant
namespace: "tenant-a"

redis:
  addr: "redis:6379"

workloads:
  processes:
    - name: "tenant-a-processor"
      # ... configuration ...
`;

const WHOLE = `# config.yaml
id: ""  # Will use hostname if empty
tenant: "default"
port: 8080
namespace: "default"

# Storage configuration
storageType: "redis"  # "redis" or "db"
redis:
  addr: "redis-host:6379"
  password: ""
  db: 0
databaseURL: ""  # Used if storageType is "db"

# Cluster configuration
cluster:
  name: "primary"
  kubeconfig: ""  # Will use in-cluster config if empty

# Workloads configuration
workloads:
  processes:
    - name: "example-process"
      # ... process configuration ...

  cronJobs:
    - name: "example-cronjob"
      # ... cron job configuration ...

  services:
    - name: "example-service"
      # ... service configuration ...

  persistentSets:
    - name: "example-persistent"
      # ... persistent set configuration ...
`;

const CRON_JOB = `cronJobs:
  - name: "daily-report"
    schedule: "0 0 * * *"  # Daily at midnight
    image: "mycompany/report-generator:latest"
    script:
      commands:
        - "echo 'Generating daily report'"
        - "/app/generate-report.sh"
      shell: "/bin/sh"
    env:
      REPORT_TYPE: "daily"
    restartPolicy: "OnFailure"
`;

const SERVICE = `services:
  - name: "admin-api"
    image: "mycompany/admin-api:latest"
    replicas: 1
    ports:
      - name: "http"
        containerPort: 8080
        servicePort: 80
    env:
      LOG_LEVEL: "info"
    resources:
      cpuRequest: "100m"
      memoryRequest: "128Mi"
`;

const PERSISTENT = `persistentSets:
  - name: "message-queue"
    image: "ibmcom/mqadvanced-server:latest"
    replicas: 1
    ports:
      - name: "mq"
        containerPort: 1414
        servicePort: 1414
    persistentVolumes:
      - name: "data"
        mountPath: "/var/mqm"
        size: "10Gi"
    env:
      LICENSE: "accept"
      MQ_QMGR_NAME: "QM1"
    resources:
      cpuRequest: "500m"
      memoryRequest: "1Gi"
`;

describe('an example loads without a word', () => {
  test.each([
    ['process', inSection(PROCESS), 1],
    ['basic setup', BASIC, 1],
    ['one of many tenants', completed(TENANT), 1],
    ['cron job', inSection(CRON_JOB), 1],
    ['service', inSection(SERVICE), 1],
    ['persistent set', inSection(PERSISTENT), 1],
    ['whole file', completed(WHOLE), 4],
  ])('%s', (_name, text, count) => {
    const loaded = load(text);
    expect('problems' in loaded ? loaded.problems : loaded.warnings).toEqual([]);
    expect('config' in loaded && loaded.config.workloads).toHaveLength(count);
  });
});

test('the basic setup means what it says', () => {
  const loaded = load(BASIC);
  if ('problems' in loaded) throw new Error('refused');
  expect(loaded.config).toMatchObject({
    id: 'controller-1',
    tenant: 'default',
    namespace: 'default',
    store: { kind: 'redis', address: 'redis:6379', database: 0 },
    cluster: { name: 'default' },
  });
  expect(loaded.config.workloads[0]).toMatchObject({
    key: { kind: 'process', namespace: 'default', name: 'singleton-processor' },
    spec: {
      script: {
        shell: '/bin/sh',
        commands: [
          "echo 'Starting singleton processor'",
          "while true; do echo 'Processing...'; sleep 60; done",
        ],
      },
      resources: { cpuRequest: '100m', memoryRequest: '64Mi' },
      restartPolicy: 'Never',
    },
  });
});

test('the process means what it says, with the documented defaults', () => {
  const loaded = load(inSection(PROCESS));
  if ('problems' in loaded) throw new Error('refused');
  expect(loaded.config.workloads[0]?.spec).toMatchObject({
    env: { DB_HOST: 'postgres.example.com' },
    restartPolicy: 'OnFailure',
    maxRestarts: 5,
  });
});

test('the other kinds mean what they say, with the documented defaults', () => {
  const loaded = load(`workloads:\n${[CRON_JOB, SERVICE, PERSISTENT].join('').replaceAll(/^(?=.)/gm, '  ')}`);
  if ('problems' in loaded) throw new Error('refused');
  expect(loaded.config.workloads).toMatchObject([
    {
      key: { kind: 'cronjob', namespace: 'default', name: 'daily-report' },
      spec: { schedule: '0 0 * * *', restartPolicy: 'OnFailure', terminationGracePeriod: 30_000 },
    },
    {
      key: { kind: 'service', name: 'admin-api' },
      spec: {
        replicas: 1,
        readinessTimeout: 300_000,
        ports: [{ name: 'http', containerPort: 8080, servicePort: 80 }],
      },
    },
    {
      key: { kind: 'persistent', name: 'message-queue' },
      spec: {
        serviceName: 'message-queue',
        persistentVolumes: [{ name: 'data', mountPath: '/var/mqm', size: '10Gi', storageClassName: '' }],
      },
    },
  ]);
});
