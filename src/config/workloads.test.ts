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

test('kinds of later versions are refused one by one, and their names are checked', () => {
  const text = [
    'workloads:',
    '  cronJobs:',
    '    - {name: daily, image: x, schedule: "0 0 * * *"}',
    '    - {name: Weekly, image: x}',
    '  services:',
    '    - {name: api}',
    '  persistentSets:',
    '    - {name: queue, workloadCRDRef: {name: q}}',
    '  processes: []',
  ].join('\n');
  expect(problemsOf(text).map(({ code, path, line }) => [line, code, path])).toEqual([
    [3, 'NotInThisVersion', 'workloads.cronJobs[0]'],
    [4, 'NotInThisVersion', 'workloads.cronJobs[1]'],
    [4, 'InvalidValue', 'workloads.cronJobs[1].name'],
    [6, 'MissingField', 'workloads.services[0].image'],
    [6, 'NotInThisVersion', 'workloads.services[0]'],
    [8, 'NotInThisVersion', 'workloads.persistentSets[0]'],
  ]);
});

test('a reference to a custom resource is refused, and nothing else is asked of that entry', () => {
  const text = 'workloads: {processes: [{name: a, workloadCRDRef: {kind: WorkloadProcess, name: a}}]}';
  expect(problemsOf(text)).toMatchObject([
    { code: 'NotInThisVersion', path: 'workloads.processes[0].workloadCRDRef' },
  ]);
});
