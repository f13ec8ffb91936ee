import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeResource } from '../../../test/resource-fixture.ts';
import { readYaml } from '../../config/yaml.ts';
import { PROBLEM_CODES } from '../problem.ts';
import { explainProblems, readResource, tenantOfResource } from './custom-resource.ts';
import type { ProcessSpec, WorkloadKind } from './model.ts';
import { PROCESS_FIELDS } from './kind-fields.ts';
import { KIND_ORDER, KINDS } from './kinds.ts';
import { readWorkload } from './workload.ts';

/** A value for every field that all kinds have but script, which excludes command in the model. */
const COMMON = {
  image: 'busybox:1.36',
  command: ['/app'],
  args: ['-v', '007'],
  env: { A: '1.50', B: '' },
  resources: { cpuRequest: '100m', memoryRequest: '64Mi', cpuLimit: 2, memoryLimit: '1Gi' },
  configMaps: ['app'],
  secrets: ['key'],
  labels: { team: 'a' },
  annotations: { note: 'x' },
  nodeSelector: { disk: 'ssd' },
  sidecars: [
    {
      name: 'ship',
      image: 'shipper:1',
      command: ['/ship'],
      args: ['-q'],
      env: { C: 'd' },
      resources: { cpuLimit: '1' },
      volumeMounts: [{ name: 'config-app', mountPath: '/c', readOnly: true }],
      securityContext: {
        privileged: false,
        runAsUser: 1000,
        runAsGroup: 1000,
        runAsNonRoot: true,
        readOnlyRootFilesystem: true,
      },
    },
  ],
  ports: [{ name: 'http', containerPort: 80, servicePort: 8080 }],
  terminationGracePeriod: '45s',
  serviceAccountName: 'robot',
  imagePullSecrets: ['registry'],
  imagePullPolicy: 'Always',
  priorityClassName: 'high',
  podSecurityContext: { fsGroup: 1000 },
  securityContext: { runAsNonRoot: true },
  affinity: { nodeAffinity: {} },
  tolerations: [{ key: 'spot', operator: 'Exists' }],
  envFrom: [{ configMapRef: { name: 'all' } }],
  envValueFrom: { PASSWORD: { secretKeyRef: { name: 'db', key: 'password' } } },
  volumes: [{ name: 'cache', emptyDir: {} }],
  volumeMounts: [{ name: 'cache', mountPath: '/cache' }],
  readinessProbe: { tcpSocket: { port: 80 } },
  livenessProbe: { tcpSocket: { port: 80 } },
  startupProbe: { tcpSocket: { port: 80 } },
  lifecycle: { preStop: { sleep: { seconds: 1 } } },
  dependsOn: ['service/api'],
  nodeLoss: { policy: 'Force', after: '5m' },
  deletionPolicy: 'Orphan',
};

const SERVICE = {
  ...COMMON,
  replicas: 1,
  healthCheckPath: '/h',
  healthCheckPort: 80,
  readinessTimeout: '1m',
};

const FULL: Readonly<Record<WorkloadKind, object>> = {
  process: { ...COMMON, gracePeriod: 45, restartPolicy: 'Always', maxRestarts: 7 },
  cronjob: {
    ...COMMON,
    schedule: '0 3 * * *',
    timeZone: 'Europe/Berlin',
    restartPolicy: 'Never',
    startingDeadline: '1m',
    backoffLimit: 1,
    successfulJobsHistoryLimit: 1,
    failedJobsHistoryLimit: 1,
    onStop: 'Wait',
    drainTimeout: '1h',
    suspend: true,
  },
  service: SERVICE,
  persistent: {
    ...SERVICE,
    serviceName: 'queue',
    persistentVolumes: [{ name: 'data', mountPath: '/data', size: '1Gi', storageClassName: 'fast' }],
  },
};

function specOf(spec: unknown): ProcessSpec {
  const { workload, problems } = readResource(makeResource({ spec }), 'process');
  if (workload === undefined) throw new Error(explainProblems(problems));
  return workload.spec as ProcessSpec;
}

function problemsOf(spec: unknown): readonly unknown[] {
  return readResource(makeResource({ spec }), 'process').problems;
}

describe.each(KIND_ORDER)('a resource of kind %s', (kind) => {
  const full = FULL[kind];

  it('reads as the entry of a file with the same fields, except for its source', () => {
    const entry = { name: 'report', namespace: 'default', ...full };
    const { root } = readYaml(JSON.stringify(entry));
    if (root === undefined) throw new Error('nothing read');
    const source = { from: 'file', path: 'c.yaml' } as const;
    const filed = readWorkload({ node: root, path: 'entry' }, kind, { namespace: 'other', source });
    const { workload, problems } = readResource(makeResource({ spec: full }), kind);
    expect({ problems, filed: filed.problems }).toEqual({ problems: [], filed: [] });
    expect(workload).toEqual({ ...filed.workload, source: { from: 'resource', uid: 'resource-1' } });
  });

  it('knows every described field, and has no other', () => {
    const described = Object.keys(KINDS[kind].fields).toSorted();
    expect(Object.keys({ ...full, script: {} }).toSorted()).toEqual(described);
    const { workload } = readResource(makeResource({ spec: full }), kind);
    const { pod, healthCheck, ...spec } = (workload?.spec ?? {}) as Record<string, object | undefined>;
    const read = { ...spec, ...pod, ...(healthCheck && { healthCheckPath: '', healthCheckPort: 0 }) };
    const older = kind === 'process' ? ['gracePeriod'] : [];
    expect([...Object.keys(read), 'script', ...older].toSorted()).toEqual(described);
  });

  it.each(KIND_ORDER.map((other) => [other, Object.keys(FULL[other])] as const))(
    'says which fields of %s it does not know',
    (other, fields) => {
      const foreign = fields.filter((field) => !(field in KINDS[kind].fields));
      const { problems } = readResource(makeResource({ spec: { ...FULL[other], ...full } }), kind);
      expect(new Set(problems.map(({ path }) => path))).toEqual(
        new Set(foreign.map((field) => `spec.${field}`)),
      );
    },
  );
});

it.each(KIND_ORDER)(
  'whatever is stored as a %s is a workload or has a problem that is not a warning',
  (kind) => {
    const fields = Object.entries(FULL[kind]).map(([field, value]) => [
      field,
      fc.oneof(fc.constant(value), fc.jsonValue({ maxDepth: 3 })),
    ]);
    const spec = fc.oneof(
      fc.jsonValue(),
      fc.record(Object.fromEntries(fields), { requiredKeys: [] }),
      fc.record(Object.fromEntries(fields)),
    );
    fc.assert(
      fc.property(spec, (stored) => {
        const { workload, problems } = readResource(makeResource({ spec: stored }), kind);
        const fatal = problems.filter(({ code }) => PROBLEM_CODES[code].exit !== 0);
        expect(workload === undefined).toBe(fatal.length > 0);
        for (const { path, message, hint } of problems) expect([path, message, hint]).not.toContain('');
      }),
      { numRuns: 500 },
    );
  },
);

describe('a WorkloadProcess', () => {
  it('has the defaults of the description', () => {
    const { restartPolicy, maxRestarts, terminationGracePeriod } = specOf({ image: 'x' });
    expect({ restartPolicy, maxRestarts, terminationGracePeriod }).toEqual({
      restartPolicy: PROCESS_FIELDS.restartPolicy.default,
      maxRestarts: PROCESS_FIELDS.maxRestarts.default,
      terminationGracePeriod: PROCESS_FIELDS.terminationGracePeriod.default,
    });
  });

  it('with the fields that the Go program knew reads without a word', () => {
    const old = {
      image: 'busybox:latest',
      script: { commands: ['echo a', 'sleep 10'], shell: '/bin/sh' },
      env: { A: 'b' },
      resources: { cpuRequest: '50m', memoryRequest: '32Mi', cpuLimit: '100m', memoryLimit: '64Mi' },
      restartPolicy: 'Never',
      maxRestarts: 0,
      gracePeriod: '20s',
    };
    expect(problemsOf(old)).toEqual([]);
    expect(specOf(old)).toMatchObject({ maxRestarts: 5, terminationGracePeriod: 20_000 });
  });

  it.each([
    [{}, 'spec.image', 'MissingField'],
    [{ image: 'a b' }, 'spec.image', 'InvalidValue'],
    [{ image: 'x', maxRestarts: '5' }, 'spec.maxRestarts', 'WrongType'],
    [{ image: 'x', resources: { cpuLimit: 'much' } }, 'spec.resources.cpuLimit', 'InvalidValue'],
    [
      { image: 'x', ports: [{ name: 'http', containerPort: 0 }] },
      'spec.ports[0].containerPort',
      'InvalidValue',
    ],
    [{ image: 'x', env: { A: ['b'] } }, 'spec.env.A', 'WrongType'],
    [undefined, 'spec', 'WrongType'],
  ])('%j is refused at %s', (spec, path, code) => {
    expect(problemsOf(spec)).toMatchObject([{ path, code, hint: expect.stringMatching(/\w/) as string }]);
  });

  it('is refused when its name cannot be a label value', () => {
    const resource = makeResource({ metadata: { name: 'a'.repeat(64) } });
    expect(readResource(resource, 'process').problems).toMatchObject([{ path: 'metadata.name' }]);
  });

  it('with script and command warns, and the script wins', () => {
    const spec = { image: 'x', script: { commands: ['a'] }, command: ['b'] };
    expect(problemsOf(spec)).toMatchObject([{ code: 'IgnoredValue', path: 'spec.command' }]);
    expect(specOf(spec)).not.toHaveProperty('command');
  });

  it('belongs to the tenant of its label, else to default', () => {
    const labels = { 'highlander.plexobject.io/tenant': 'blue' };
    expect(tenantOfResource(makeResource({ metadata: { labels } }))).toBe('blue');
    expect(tenantOfResource(makeResource())).toBe('default');
  });
});

it('problems are explained with path and remedy, three at most, without the warnings', () => {
  const { problems } = readResource(
    makeResource({ spec: { extra: 1, env: { A: [], B: [], C: [] }, image: 'x', maxRestarts: 'x' } }),
    'process',
  );
  const text = explainProblems(problems);
  expect(text).toContain('spec.env.A: found a list; write a string');
  expect(text).toContain('and 1 more');
  expect(text).not.toContain('extra');
});
