/** Workloads of every kind for tests: small ones, and ones in which everything is set that can be. */
import type {
  CommonSpec,
  CronJobSpec,
  CronJobWorkload,
  PersistentSpec,
  PersistentWorkload,
  PodOptions,
  ProcessSpec,
  ProcessWorkload,
  ServiceSpec,
  ServiceWorkload,
  Workload,
} from '../src/core/workload/model.ts';
import { hashTemplate } from '../src/core/workload/template-hash.ts';

export const IDENTITY = { tenant: 'default', fingerprint: 'fp' };

const SMALL: CommonSpec = {
  image: 'busybox:1.36',
  env: {},
  resources: {},
  configMaps: [],
  secrets: [],
  labels: {},
  annotations: {},
  nodeSelector: {},
  sidecars: [],
  ports: [],
  terminationGracePeriod: 30_000,
};

const FULL_OPTIONS: Required<PodOptions> = {
  serviceAccountName: 'runner',
  imagePullSecrets: ['registry'],
  imagePullPolicy: 'Always',
  priorityClassName: 'system-cluster-critical',
  podSecurityContext: { runAsNonRoot: true, fsGroup: 2000, seccompProfile: { type: 'RuntimeDefault' } },
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a', 'b'] }] }],
      },
    },
  },
  tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'batch', effect: 'NoSchedule' }],
  envFrom: [
    { configMapRef: { name: 'defaults', optional: true } },
    { secretRef: { name: 'keys' }, prefix: 'K_' },
  ],
  envValueFrom: {
    PASSWORD: { secretKeyRef: { name: 'token', key: 'password' } },
    NODE: { fieldRef: { fieldPath: 'spec.nodeName' } },
  },
  volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '1Gi' } }],
  volumeMounts: [{ name: 'scratch', mountPath: '/scratch', readOnly: false }],
  readinessProbe: { tcpSocket: { port: 8080 } },
  livenessProbe: { exec: { command: ['true'] } },
  startupProbe: { httpGet: { path: '/up', port: 'http' }, failureThreshold: 30 },
  lifecycle: { preStop: { exec: { command: ['sleep', '1'] } } },
};

const FULL: CommonSpec = {
  image: 'busybox:1.36',
  script: { commands: ['echo start', 'sleep 60'], shell: '/bin/sh' },
  env: { Z: '26', A: '1' },
  resources: { cpuRequest: '100m', memoryRequest: '32Mi', cpuLimit: '1.5', memoryLimit: '64Mi' },
  configMaps: ['app.conf'],
  secrets: ['token'],
  labels: { team: 'a' },
  annotations: { note: 'n' },
  nodeSelector: { disk: 'ssd' },
  sidecars: [
    {
      name: 'ship',
      image: 'shipper:1',
      command: ['/ship'],
      args: ['-v'],
      env: { B: '2' },
      resources: { cpuRequest: '10m', memoryLimit: '16Mi' },
      volumeMounts: [{ name: 'config-app.conf', mountPath: '/c', readOnly: true }],
      securityContext: {
        privileged: false,
        runAsUser: 1000,
        runAsGroup: 1000,
        runAsNonRoot: true,
        readOnlyRootFilesystem: true,
      },
    },
  ],
  ports: [
    { name: 'http', containerPort: 8080, servicePort: 80 },
    { name: 'admin', containerPort: 9000, servicePort: 9000 },
  ],
  terminationGracePeriod: 1_500,
  pod: FULL_OPTIONS,
};

/** Where nothing but what a kind needs is set, and where everything is. */
export type Extent = 'small' | 'full';

const common = (extent: Extent): CommonSpec => (extent === 'small' ? SMALL : FULL);

function workloadOf<K extends Workload['key']['kind'], S extends CommonSpec>(kind: K, spec: S) {
  return {
    key: { kind, namespace: 'ns', name: 'report' },
    spec,
    source: { from: 'file', path: '/etc/config.yaml' },
    templateHash: hashTemplate(spec),
  } as const;
}

export function makeProcess(extent: Extent, change: Partial<ProcessSpec> = {}): ProcessWorkload {
  return workloadOf('process', { ...common(extent), restartPolicy: 'OnFailure', maxRestarts: 5, ...change });
}

export function makeCronJob(extent: Extent, change: Partial<CronJobSpec> = {}): CronJobWorkload {
  return workloadOf('cronjob', {
    ...common(extent),
    schedule: '0 3 * * *',
    restartPolicy: 'OnFailure',
    startingDeadline: 200_000,
    backoffLimit: 6,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
    onStop: 'Wait',
    suspend: false,
    ...(extent === 'small' ? {} : { timeZone: 'Europe/Berlin', drainTimeout: 60_000 }),
    ...change,
  });
}

export function makeService(extent: Extent, change: Partial<ServiceSpec> = {}): ServiceWorkload {
  return workloadOf('service', { ...common(extent), ...serving(extent), ...change });
}

export function makePersistent(extent: Extent, change: Partial<PersistentSpec> = {}): PersistentWorkload {
  return workloadOf('persistent', {
    ...common(extent),
    ...serving(extent),
    serviceName: extent === 'small' ? 'report' : 'report-db',
    persistentVolumes:
      extent === 'small'
        ? []
        : [
            { name: 'data', mountPath: '/data', size: '10Gi', storageClassName: 'fast' },
            { name: 'logs', mountPath: '/logs', size: '1Gi', storageClassName: '' },
          ],
    ...change,
  });
}

function serving(extent: Extent): Pick<ServiceSpec, 'replicas' | 'readinessTimeout' | 'healthCheck'> {
  const healthCheck = { path: '/healthz', port: 8080 };
  return { replicas: 1, readinessTimeout: 300_000, ...(extent === 'small' ? {} : { healthCheck }) };
}
