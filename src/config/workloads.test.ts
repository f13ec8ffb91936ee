import { describe, expect, test } from 'vitest';
import { loadConfig } from './load.ts';
import type { LoadResult } from './config.ts';

function load(text: string, argv: readonly string[] = []): LoadResult {
  return loadConfig(['--config', 'c.yaml', ...argv], {
    env: {},
    exists: (path) => path === 'c.yaml',
    readFile: () => text,
    homedir: '/home/u',
    cwd: '/srv/app',
    hostname: 'host-1',
    list: () => [],
  });
}

/** A file with one process that has these lines beside its name and image. */
function withProcess(...lines: readonly string[]): string {
  const fields = ['- name: p', '  image: busybox:1.36', ...lines.map((line) => `  ${line}`)];
  return ['workloads:', '  processes:', ...fields.map((field) => `    ${field}`), ''].join('\n');
}

function specOf(...lines: readonly string[]) {
  const result = load(withProcess(...lines));
  if ('problems' in result) throw new Error(JSON.stringify(result.problems, null, 1));
  const [workload] = result.config.workloads;
  if (workload === undefined) throw new Error('no workload');
  return { ...workload.spec, warnings: result.warnings };
}

function problemsOf(text: string) {
  const result = load(text);
  if (!('problems' in result)) throw new Error('it was accepted');
  return result.problems;
}

describe('defaults of a process', () => {
  test('a name and an image are enough', () => {
    expect(specOf()).toEqual({
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
      restartPolicy: 'OnFailure',
      maxRestarts: 5,
      warnings: [],
    });
  });

  test('the namespace is that of the setting', () => {
    expect(load(`namespace: team\n${withProcess()}`)).toMatchObject({
      config: { workloads: [{ key: { namespace: 'team' } }] },
    });
    expect(load(`namespace: team\n${withProcess('namespace: other')}`)).toMatchObject({
      config: { workloads: [{ key: { namespace: 'other' } }] },
    });
  });

  test.each([
    ['maxRestarts: 0', { maxRestarts: 5 }],
    ['maxRestarts: -1', { maxRestarts: 5 }],
    ['maxRestarts: 7', { maxRestarts: 7 }],
    ['terminationGracePeriod: 0', { terminationGracePeriod: 30_000 }],
    ['terminationGracePeriod: 45', { terminationGracePeriod: 45_000 }],
    ['terminationGracePeriod: 1m30s', { terminationGracePeriod: 90_000 }],
    ['gracePeriod: 45s', { terminationGracePeriod: 45_000 }],
    ['script: {commands: [a]}', { script: { commands: ['a'], shell: '/bin/sh' } }],
    ['script:', {}],
    ['resources: {cpuRequest: "", memoryLimit: 1Gi}', { resources: { memoryLimit: '1Gi' } }],
    [
      'ports: [{name: http, containerPort: 80}]',
      { ports: [{ name: 'http', containerPort: 80, servicePort: 80 }] },
    ],
    ['command: [/app]', { command: ['/app'] }],
  ])('%s', (line, expected) => {
    expect(specOf(line)).toMatchObject({ ...expected, warnings: [] });
  });
});

test('scalars keep their source text where strings are expected', () => {
  expect(
    specOf(
      'env: {A: 1.50, B: 0777, C: 1e3, D: yes, E: 2024-01-02, F: true, G: null, H: ~, I: "null"}',
      'labels: {version: 1.10}',
      'args: [007, no]',
      'resources: {cpuRequest: 0.50}',
    ),
  ).toMatchObject({
    env: { A: '1.50', B: '0777', C: '1e3', D: 'yes', E: '2024-01-02', F: 'true', G: '', H: '', I: 'null' },
    labels: { version: '1.10' },
    args: ['007', 'no'],
    resources: { cpuRequest: '0.50' },
  });
});

test('a sidecar, in full', () => {
  const sidecar = {
    name: 'ship',
    image: 'shipper:1',
    command: ['/ship'],
    args: ['-v'],
    env: { A: '1' },
    resources: { cpuLimit: '1' },
    volumeMounts: [{ name: 'config-app', mountPath: '/c', readOnly: true }],
    securityContext: { runAsUser: 1000, runAsNonRoot: true },
  };
  expect(specOf('configMaps: [app]', `sidecars: [${JSON.stringify(sidecar)}]`)).toMatchObject({
    sidecars: [sidecar],
    warnings: [],
  });
});

describe('what wins over what is said in a warning', () => {
  test('script over command and args', () => {
    const spec = specOf('script: {commands: [a]}', 'command: [b]', 'args: [c]');
    expect(spec).not.toHaveProperty('command');
    expect(spec).not.toHaveProperty('args');
    expect(spec.warnings).toMatchObject([
      { code: 'IgnoredValue', path: 'workloads.processes[0].command', line: 6 },
      { code: 'IgnoredValue', path: 'workloads.processes[0].args', line: 7 },
    ]);
  });

  test('terminationGracePeriod over its older name', () => {
    const spec = specOf('gracePeriod: 10s', 'terminationGracePeriod: 20s');
    expect(spec.terminationGracePeriod).toBe(20_000);
    expect(spec.warnings).toMatchObject([
      { code: 'IgnoredValue', path: 'workloads.processes[0].gracePeriod' },
    ]);
  });

  test.each([
    'labels: {app: x, team: a}',
    'labels: {managed-by: x, team: a}',
    'labels: {highlander.plexobject.io/tenant: x, team: a}',
    'annotations: {highlander.plexobject.io/term: 99, team: a}',
    'annotations: {k8-highlander.io/leader-id: x, team: a}',
    'env: {HIGHLANDER_FENCING_TOKEN: 1, team: a}',
  ])('our own names over %s', (line) => {
    const spec = specOf(line);
    expect({ ...spec.labels, ...spec.annotations, ...spec.env }).toEqual({ team: 'a' });
    expect(spec.warnings).toMatchObject([{ code: 'IgnoredValue', line: 5 }]);
  });
});

describe('names', () => {
  test('may be used again in another namespace', () => {
    const result = load(
      'workloads: {processes: [{name: a, image: x}, {name: a, image: x, namespace: other}]}',
    );
    expect('config' in result && result.config.workloads.length).toBe(2);
  });

  test('may not be used twice in one, also where an entry has other faults', () => {
    const text = 'workloads:\n  processes:\n    - {name: a, image: x}\n    - {name: a, namespace: default}\n';
    expect(problemsOf(text)).toMatchObject([
      { code: 'MissingField', line: 4 },
      {
        code: 'DuplicateName',
        line: 4,
        path: 'workloads.processes[1].name',
        message: expect.stringContaining('line 3'),
      },
    ]);
  });
});

/** What is read of a file with one entry in one list. */
function entryOf(list: string, entry: string) {
  const result = load(`workloads: {${list}: [${entry}]}`);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems, null, 1));
  const { workloads, references } = result.config;
  return { workload: workloads[0], reference: references[0], warnings: result.warnings };
}

describe('the least that a kind needs, and its defaults', () => {
  test('a cron job: a schedule', () => {
    expect(entryOf('cronJobs', '{name: a, image: x, schedule: "@daily"}').workload?.spec).toMatchObject({
      schedule: '@daily',
      restartPolicy: 'OnFailure',
      startingDeadline: 300_000,
      backoffLimit: 6,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      onStop: 'Wait',
      suspend: false,
    });
  });

  test('a service and a set: nothing more', () => {
    const common = { replicas: 1, readinessTimeout: 300_000, ports: [] };
    expect(entryOf('services', '{name: a, image: x}').workload?.spec).toMatchObject(common);
    expect(entryOf('persistentSets', '{name: a, image: x}').workload?.spec).toMatchObject({
      ...common,
      serviceName: 'a',
      persistentVolumes: [],
    });
  });
});

test('a volume of a set may not have the name of the volume of a ConfigMap', () => {
  const volume = '{name: config-app, mountPath: /data, size: 1Gi}';
  const text = `workloads: {persistentSets: [{name: a, image: x, configMaps: [app], persistentVolumes: [${volume}]}]}`;
  expect(problemsOf(text)).toMatchObject([
    { code: 'DuplicateName', path: 'workloads.persistentSets[0].persistentVolumes' },
  ]);
});

describe('replicas', () => {
  test('above one are said not to run', () => {
    const { workload, warnings } = entryOf('services', '{name: a, image: x, replicas: 3}');
    expect(workload?.spec).toMatchObject({ replicas: 3 });
    expect(warnings).toMatchObject([
      {
        code: 'ReplicasClamped',
        path: 'workloads.services[0].replicas',
        message: '3 replicas are asked for, one runs',
      },
    ]);
  });

  test('of zero stop it', () => {
    const { workload, warnings } = entryOf('services', '{name: a, image: x, replicas: 0}');
    expect({ spec: workload?.spec, warnings }).toMatchObject({ spec: { replicas: 0 }, warnings: [] });
  });
});

test('a health check needs path and port; one of them alone is warned of', () => {
  const both = entryOf('services', '{name: a, image: x, healthCheckPath: /h, healthCheckPort: 80}');
  expect(both.workload?.spec).toMatchObject({ healthCheck: { path: '/h', port: 80 } });
  for (const field of ['healthCheckPath: /h', 'healthCheckPort: 80']) {
    const { workload, warnings } = entryOf('services', `{name: a, image: x, ${field}}`);
    expect(workload?.spec).not.toHaveProperty('healthCheck');
    expect(warnings).toMatchObject([{ code: 'IgnoredValue' }]);
  }
});

describe('what users of Kubernetes set on a pod', () => {
  const OPTIONS = {
    serviceAccountName: 'robot',
    imagePullSecrets: ['registry'],
    imagePullPolicy: 'Always',
    priorityClassName: 'high',
    podSecurityContext: { fsGroup: 1000 },
    securityContext: { runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
    affinity: { nodeAffinity: { weight: 1.5, list: [null, 'a'] } },
    tolerations: [{ key: 'spot', operator: 'Exists', tolerationSeconds: 30 }],
    envFrom: [{ configMapRef: { name: 'all' } }],
    envValueFrom: { PASSWORD: { secretKeyRef: { name: 'db', key: 'password' } } },
    volumes: [{ name: 'cache', emptyDir: {} }],
    volumeMounts: [{ name: 'cache', mountPath: '/cache', readOnly: false }],
    readinessProbe: { httpGet: { path: '/r', port: 80 } },
    livenessProbe: { exec: { command: ['true'] } },
    startupProbe: { tcpSocket: { port: 'http' } },
    lifecycle: { preStop: { exec: { command: ['sleep', '1'] } } },
  };

  test.each(['processes', 'cronJobs', 'services', 'persistentSets'])('is read in %s', (list) => {
    const entry = {
      name: 'a',
      image: 'x',
      ...OPTIONS,
      ...(list === 'cronJobs' ? { schedule: '@daily' } : {}),
    };
    const { workload, warnings } = entryOf(list, JSON.stringify(entry));
    expect(workload?.spec.pod).toEqual(OPTIONS);
    expect(warnings).toEqual([]);
  });

  test('may be mounted by a sidecar', () => {
    const sidecars = [{ name: 's', image: 'x', volumeMounts: [{ name: 'cache', mountPath: '/c' }] }];
    const { warnings } = entryOf(
      'processes',
      JSON.stringify({ name: 'a', image: 'x', ...OPTIONS, sidecars }),
    );
    expect(warnings).toEqual([]);
  });

  test('means numbers and booleans where they are plain', () => {
    const spec = '{name: a, image: x, affinity: {a: 1, b: "1", c: true, d: 1.10, e: yes-man, f: ~}}';
    expect(entryOf('processes', spec).workload?.spec.pod?.affinity).toEqual({
      a: 1,
      b: '1',
      c: true,
      d: 1.1,
      e: 'yes-man',
      f: null,
    });
  });
});

describe('nodeLoss and deletionPolicy', () => {
  test('are left out at their defaults', () => {
    const spec = entryOf(
      'processes',
      '{name: a, image: x, nodeLoss: {policy: Fenced}, deletionPolicy: Delete}',
    ).workload?.spec;
    expect(spec).not.toHaveProperty('nodeLoss');
    expect(spec).not.toHaveProperty('deletionPolicy');
  });

  test('say what they say', () => {
    expect(
      entryOf(
        'processes',
        '{name: a, image: x, nodeLoss: {policy: Force, after: 5m}, deletionPolicy: Orphan}',
      ).workload?.spec,
    ).toMatchObject({ nodeLoss: { policy: 'Force', after: 300_000 }, deletionPolicy: 'Orphan' });
  });
});

describe('dependencies', () => {
  test('without a namespace are in the one of the workload', () => {
    const text =
      'workloads: {services: [{name: api, namespace: n, image: x}], processes: [{name: a, namespace: n, image: x, dependsOn: [service/api]}]}';
    const result = load(text);
    expect('config' in result && result.config.workloads[0]?.spec.dependsOn).toEqual([
      { kind: 'service', namespace: 'n', name: 'api' },
    ]);
    expect('warnings' in result && result.warnings).toEqual([]);
  });

  test('on what is not there are warned of', () => {
    expect(
      entryOf('processes', '{name: a, image: x, dependsOn: [service/other/api]}').warnings,
    ).toMatchObject([{ code: 'UnknownDependency', path: 'workloads.processes[0].dependsOn' }]);
  });

  test('in a circle are refused, and the circle is named', () => {
    const text = [
      'workloads:',
      '  processes:',
      '    - {name: a, image: x, dependsOn: [service/b]}',
      '    - {name: free, image: x, dependsOn: [process/a]}',
      '  services:',
      '    - {name: b, image: x, dependsOn: [persistent/c]}',
      '  persistentSets:',
      '    - {name: c, image: x, dependsOn: [process/a]}',
    ].join('\n');
    expect(problemsOf(text)).toMatchObject([
      {
        code: 'DependencyCycle',
        line: 3,
        file: 'c.yaml',
        message:
          'workloads wait for each other: process/default/a → service/default/b → persistent/default/c → process/default/a',
      },
    ]);
  });
});

describe('one name in two kinds', () => {
  test('is allowed, with a warning that says what is shared', () => {
    const result = load('workloads: {processes: [{name: a, image: x}], services: [{name: a, image: x}]}');
    expect('warnings' in result && result.warnings).toMatchObject([
      {
        code: 'SharedName',
        path: 'workloads.services[0].name',
        message: expect.stringContaining('share the label app=a') as string,
      },
    ]);
  });

  test('is refused where both would make the same Service', () => {
    const ports = 'ports: [{name: http, containerPort: 80}]';
    const text = `workloads: {services: [{name: a, image: x, ${ports}}], persistentSets: [{name: b, image: x, serviceName: a, ${ports}}]}`;
    expect(problemsOf(text)).toMatchObject([
      {
        code: 'DuplicateName',
        message: 'persistent/default/b and service/default/a would both make the Service a',
      },
    ]);
  });

  test('is no matter in two namespaces', () => {
    const result = load(
      'workloads: {processes: [{name: a, image: x}], services: [{name: a, namespace: n, image: x}]}',
    );
    expect('warnings' in result && result.warnings).toEqual([]);
  });
});

describe('a reference to a custom resource', () => {
  const ref = 'workloadCRDRef: {apiVersion: highlander.plexobject.io/v1, kind: WorkloadService, name: web}';

  test('needs nothing but a name, and is looked for in default whatever the setting says', () => {
    const result = load(`namespace: team\nworkloads: {services: [{name: a, ${ref}}]}`);
    expect(result).toMatchObject({
      config: {
        workloads: [],
        references: [{ target: { kind: 'service', namespace: 'default', name: 'web' } }],
      },
    });
  });

  test('has the name of the resource, with a warning where the entry has another', () => {
    expect(entryOf('services', `{name: web, ${ref}}`).warnings).toEqual([]);
    expect(entryOf('services', `{name: a, ${ref}}`).warnings).toMatchObject([
      { code: 'IgnoredValue', path: 'workloads.services[0].name', hint: 'write name: web' },
    ]);
  });

  test('keeps an inline spec as fall-back under the name of the resource', () => {
    expect(entryOf('services', `{name: a, image: x, ${ref}}`).reference?.fallback).toMatchObject({
      key: { kind: 'service', namespace: 'default', name: 'web' },
      spec: { image: 'x', replicas: 1 },
    });
  });

  test('is one workload with an entry of that name', () => {
    expect(problemsOf(`workloads: {services: [{name: web, ${ref}}, {name: web, image: x}]}`)).toMatchObject([
      { code: 'DuplicateName', path: 'workloads.services[1].name' },
    ]);
  });

  test('of another kind than its list is refused', () => {
    expect(problemsOf(`workloads: {processes: [{name: web, ${ref}}]}`)).toMatchObject([
      {
        code: 'InvalidValue',
        path: 'workloads.processes[0].workloadCRDRef.kind',
        hint: 'write WorkloadProcess',
      },
    ]);
  });
});
