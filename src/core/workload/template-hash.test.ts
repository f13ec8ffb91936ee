import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeResource } from '../../../test/resource-fixture.ts';
import { renderCronJob } from '../manifests/cron-job.ts';
import { renderStatefulSet } from '../manifests/persistent.ts';
import { renderProcessPod } from '../manifests/process.ts';
import { renderDeployment } from '../manifests/service.ts';
import { readResource } from './custom-resource.ts';
import { KIND_ORDER } from './kinds.ts';
import type {
  CronJobWorkload,
  PersistentWorkload,
  ProcessSpec,
  ProcessWorkload,
  ServiceWorkload,
  Workload,
  WorkloadKind,
} from './model.ts';
import { canonicalJson, fnv1a64, hashTemplate } from './template-hash.ts';

const SPEC: ProcessSpec = {
  image: 'busybox:1.36',
  script: { commands: ['sleep 1'], shell: '/bin/sh' },
  env: { A: '1', B: '2' },
  resources: { cpuRequest: '100m' },
  configMaps: [],
  secrets: [],
  labels: { team: 'a' },
  annotations: {},
  nodeSelector: {},
  sidecars: [],
  ports: [],
  terminationGracePeriod: 30_000,
  restartPolicy: 'OnFailure',
  maxRestarts: 5,
};

test.each([
  ['', 'cbf29ce484222325'],
  ['a', 'af63dc4c8601ec8c'],
  ['foobar', '85944171f73967e8'],
])('fnv1a64(%j) is the published value', (text, hash) => {
  expect(fnv1a64(text)).toBe(hash);
});

test('fnv1a64 equals the definition in exact arithmetic', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      let exact = 0xcbf29ce484222325n;
      for (const byte of new TextEncoder().encode(text))
        exact = BigInt.asUintN(64, (exact ^ BigInt(byte)) * 0x100000001b3n);
      expect(fnv1a64(text)).toBe(exact.toString(16).padStart(16, '0'));
    }),
  );
});

describe('the template hash', () => {
  test('is pinned: if this changes, every running instance is replaced on upgrade', () => {
    expect(hashTemplate(SPEC)).toBe('bf3c74657d625b76');
  });

  test('does not depend on the order of keys', () => {
    const reversed = Object.fromEntries(Object.entries(SPEC).toReversed()) as unknown as ProcessSpec;
    expect(hashTemplate({ ...reversed, env: { B: '2', A: '1' } })).toBe(hashTemplate(SPEC));
  });

  test('does not depend on labels and annotations: such an edit restarts nothing', () => {
    expect(hashTemplate({ ...SPEC, labels: { team: 'b' }, annotations: { x: 'y' } })).toBe(
      hashTemplate(SPEC),
    );
  });

  test('does not depend on members that are empty, so a new optional field restarts nothing', () => {
    const grown = { ...SPEC, tolerations: [], affinity: {}, command: [] };
    expect(hashTemplate(grown)).toBe(hashTemplate(SPEC));
  });

  test.each<Partial<ProcessSpec>>([
    { image: 'busybox:1.37' },
    { env: { A: '1', B: '3' } },
    { env: { A: '1' } },
    { env: { A: '1', B: '2', C: '' } },
    { script: { commands: ['sleep 1', ''], shell: '/bin/sh' } },
    { script: { commands: ['sleep 1'], shell: '/bin/bash' } },
    { resources: { cpuLimit: '100m' } },
    { configMaps: ['a'] },
    { nodeSelector: { disk: 'ssd' } },
    { terminationGracePeriod: 31_000 },
    { restartPolicy: 'Always' },
  ])('depends on %o', (change) => {
    expect(hashTemplate({ ...SPEC, ...change })).not.toBe(hashTemplate(SPEC));
  });
});

test('canonical JSON keeps the order of lists and tells a text from a number', () => {
  expect(canonicalJson({ b: ['2', '1'], a: { d: 1, c: '1' } })).toBe('{"a":{"c":"1","d":1},"b":["2","1"]}');
});

/** Two values for every field whose change may or may not reach a pod; the first is that of an absent field or simple. */
const CHOICES = {
  image: ['a', 'b'],
  script: [undefined, { commands: ['a'] }],
  command: [undefined, ['a'], ['b']],
  args: [undefined, ['-v']],
  env: [{}, { A: '1' }, { A: '2' }],
  resources: [{}, { cpuLimit: '1' }],
  configMaps: [[], ['app']],
  secrets: [[], ['key']],
  nodeSelector: [{}, { disk: 'ssd' }],
  sidecars: [[], [{ name: 's', image: 'x' }]],
  ports: [
    [],
    [{ name: 'http', containerPort: 80 }],
    [{ name: 'http', containerPort: 80, servicePort: 8080 }],
    [{ name: 'http', containerPort: 81 }],
  ],
  terminationGracePeriod: [undefined, '30s', '31s'],
  serviceAccountName: [undefined, 'robot'],
  imagePullPolicy: [undefined, 'IfNotPresent', 'Always'],
  affinity: [undefined, { podAffinity: {} }, { nodeAffinity: {} }],
  volumes: [undefined, [{ name: 'v', emptyDir: {} }], [{ name: 'v' }]],
  readinessProbe: [undefined, { tcpSocket: { port: 80 } }],
  dependsOn: [undefined, ['service/other']],
  nodeLoss: [undefined, { policy: 'Force', after: '5m' }],
  deletionPolicy: [undefined, 'Orphan'],
};
const SERVER = {
  ...CHOICES,
  replicas: [undefined, 0, 1],
  healthCheckPath: [undefined, '/h'],
  healthCheckPort: [undefined, 80],
  readinessTimeout: [undefined, '1m'],
};
const KIND_CHOICES: Readonly<Record<WorkloadKind, Readonly<Record<string, readonly unknown[]>>>> = {
  process: { ...CHOICES, restartPolicy: [undefined, 'OnFailure', 'Never'] },
  cronjob: {
    ...CHOICES,
    schedule: ['@daily', '@hourly'],
    timeZone: [undefined, 'Europe/Berlin'],
    restartPolicy: [undefined, 'Never'],
    startingDeadline: [undefined, '1m'],
    backoffLimit: [undefined, 1],
    successfulJobsHistoryLimit: [undefined, 1],
    failedJobsHistoryLimit: [undefined, 2],
    onStop: [undefined, 'Delete'],
    drainTimeout: [undefined, '1h'],
    suspend: [undefined, true],
  },
  service: SERVER,
  persistent: {
    ...SERVER,
    serviceName: [undefined, 'other'],
    persistentVolumes: [
      [],
      [{ name: 'data', mountPath: '/data', size: '1Gi' }],
      [{ name: 'data', mountPath: '/data', size: '2Gi', storageClassName: 'fast' }],
      [{ name: 'data', mountPath: '/other', size: '1Gi' }],
    ],
  },
};

function podSpecOf(workload: Workload): unknown {
  const identity = { tenant: 't', fingerprint: 'f' };
  switch (workload.key.kind) {
    case 'process':
      return renderProcessPod(workload as ProcessWorkload, identity).spec;
    case 'cronjob':
      return renderCronJob(workload as CronJobWorkload, identity).spec.jobTemplate.spec.template.spec;
    case 'service':
      return renderDeployment(workload as ServiceWorkload, identity).spec.template.spec;
    case 'persistent':
      return renderStatefulSet(workload as PersistentWorkload, identity).spec.template.spec;
  }
}

// Thousands of renderings: long on a machine that is busy with other tests.
test.each(KIND_ORDER)(
  'of a %s, two specs have one hash exactly if their pods are the same',
  { timeout: 90_000 },
  (kind) => {
    const choices = KIND_CHOICES[kind];
    const spec = fc.record(
      Object.fromEntries(
        Object.entries(choices).map(([field, values]) => [field, fc.constantFrom(...values)]),
      ),
    );
    const field = fc.constantFrom(...Object.keys(choices));
    fc.assert(
      fc.property(spec, spec, field, (before, other, changed) => {
        const after = { ...before, [changed]: other[changed] };
        const [a, b] = [before, after].map((one) => {
          const { workload } = readResource(makeResource({ spec: JSON.parse(JSON.stringify(one)) }), kind);
          if (workload === undefined) throw new Error('not readable');
          return { hash: workload.templateHash, pod: JSON.stringify(podSpecOf(workload)) };
        });
        expect({ changed, same: a?.hash === b?.hash }).toEqual({ changed, same: a?.pod === b?.pod });
      }),
      { numRuns: 2000 },
    );
  },
);
