import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ProcessSpec, ProcessWorkload } from '../workload/model.ts';
import { hashTemplate } from '../workload/template-hash.ts';
import { renderProcessPod } from './process.ts';

const SPEC: ProcessSpec = {
  image: 'busybox:1.36',
  script: { commands: ['echo start', 'sleep 60'], shell: '/bin/sh' },
  env: { Z: '26', A: '1' },
  resources: { cpuRequest: '100m', memoryLimit: '64Mi' },
  configMaps: ['app.conf'],
  secrets: ['token'],
  labels: { team: 'a' },
  annotations: { note: 'n' },
  nodeSelector: { disk: 'ssd' },
  sidecars: [
    {
      name: 'ship',
      image: 'shipper:1',
      args: ['-v'],
      env: { B: '2' },
      resources: {},
      volumeMounts: [{ name: 'config-app.conf', mountPath: '/c', readOnly: true }],
      securityContext: { runAsUser: 1000 },
    },
  ],
  ports: [{ name: 'http', containerPort: 8080, servicePort: 80 }],
  terminationGracePeriod: 1_500,
  restartPolicy: 'OnFailure',
  maxRestarts: 5,
};
const IDENTITY = { tenant: 'default', fingerprint: 'fp' };

function workload(change: Partial<ProcessSpec> = {}): ProcessWorkload {
  const spec = { ...SPEC, ...change };
  return {
    key: { kind: 'process', namespace: 'ns', name: 'report' },
    spec,
    source: { from: 'file', path: '/etc/config.yaml' },
    templateHash: hashTemplate(spec),
  };
}

test('the pod of a process, in full', () => {
  expect(renderProcessPod(workload(), IDENTITY)).toEqual({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'report-pod',
      namespace: 'ns',
      labels: {
        app: 'report',
        'app.kubernetes.io/managed-by': 'k8-highlander',
        'app.kubernetes.io/name': 'report',
        'highlander.plexobject.io/kind': 'process',
        'highlander.plexobject.io/tenant': 'default',
        'managed-by': 'k8-highlander',
        team: 'a',
      },
      annotations: {
        'highlander.plexobject.io/fingerprint': 'fp',
        'highlander.plexobject.io/source': 'file',
        'highlander.plexobject.io/template-hash': workload().templateHash,
        'highlander.plexobject.io/workload': 'process/ns/report',
        note: 'n',
      },
      finalizers: ['highlander.plexobject.io/singleton'],
    },
    spec: {
      restartPolicy: 'OnFailure',
      schedulingGates: [{ name: 'highlander.plexobject.io/permit' }],
      terminationGracePeriodSeconds: 2,
      nodeSelector: { disk: 'ssd' },
      containers: [
        {
          name: 'main',
          image: 'busybox:1.36',
          imagePullPolicy: 'IfNotPresent',
          command: ['/bin/sh'],
          args: ['-c', '#!/bin/sh\nset -e\n\necho start\nsleep 60\n'],
          env: [
            { name: 'A', value: '1' },
            {
              name: 'HIGHLANDER_FENCING_TOKEN',
              valueFrom: {
                fieldRef: { fieldPath: "metadata.annotations['highlander.plexobject.io/fencing-token']" },
              },
            },
            { name: 'Z', value: '26' },
          ],
          ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
          resources: { requests: { cpu: '100m' }, limits: { memory: '64Mi' } },
          volumeMounts: [
            { name: expect.stringMatching(/^config-app-conf-/), mountPath: '/etc/config/app.conf' },
            { name: 'secret-token', mountPath: '/etc/secrets/token' },
          ],
        },
        {
          name: 'ship',
          image: 'shipper:1',
          imagePullPolicy: 'IfNotPresent',
          args: ['-v'],
          env: [{ name: 'B', value: '2' }],
          volumeMounts: [
            { name: expect.stringMatching(/^config-app-conf-/), mountPath: '/c', readOnly: true },
          ],
          securityContext: { runAsUser: 1000 },
        },
      ],
      volumes: [
        { name: expect.stringMatching(/^config-app-conf-/), configMap: { name: 'app.conf' } },
        { name: 'secret-token', secret: { secretName: 'token' } },
      ],
    },
  });
});

test('the three mentions of a volume with a derived name agree', () => {
  const { spec } = renderProcessPod(workload(), IDENTITY);
  const name = spec.volumes?.[0]?.name;
  expect(spec.containers.map((container) => container.volumeMounts?.[0]?.name)).toEqual([name, name]);
});

describe('without a script', () => {
  const { script: _script, ...rest } = SPEC;
  const render = (program: Pick<ProcessSpec, 'command' | 'args'>) =>
    renderProcessPod({ ...workload(), spec: { ...rest, ...program } }, IDENTITY).spec.containers[0];

  test('command and args are used as they are', () => {
    expect(render({ command: ['/app'], args: ['-x'] })).toMatchObject({ command: ['/app'], args: ['-x'] });
  });

  test('the entrypoint of the image runs if there is neither', () => {
    expect(render({})).not.toHaveProperty('command');
    expect(render({})).not.toHaveProperty('args');
  });
});

test('reserved labels and annotations win over the same keys of a user', () => {
  const pod = renderProcessPod(
    workload({
      labels: { app: 'x', 'managed-by': 'x', 'highlander.plexobject.io/tenant': 'x' },
      annotations: { 'highlander.plexobject.io/workload': 'x', 'highlander.plexobject.io/fingerprint': 'x' },
      env: { HIGHLANDER_FENCING_TOKEN: '1' },
    }),
    IDENTITY,
  );
  expect(JSON.stringify(pod)).not.toContain('"x"');
  expect(pod.spec.containers[0]?.env).toHaveLength(1);
});

test('labels for people and tools give way to those that a workload had before', () => {
  const pod = renderProcessPod(workload({ labels: { 'app.kubernetes.io/name': 'mine' } }), IDENTITY);
  expect(pod.metadata.labels?.['app.kubernetes.io/name']).toBe('mine');
});

test('neither term, token nor leader is in a new pod: a change of leader is no change of spec', () => {
  const { metadata } = renderProcessPod(workload(), IDENTITY);
  const names = [...Object.keys(metadata.labels ?? {}), ...Object.keys(metadata.annotations ?? {})];
  expect(names.filter((name) => /term|token|leader|controller|cluster/.test(name))).toEqual([]);
});

test('the order of maps changes neither a byte of the pod nor the hash', () => {
  const maps = fc.dictionary(fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,6}$/), fc.string(), { maxKeys: 6 });
  const reordered = (map: Readonly<Record<string, string>>, seed: number) =>
    Object.fromEntries(
      Object.entries(map).toSorted(
        ([a], [b]) => ((a.length * seed) % 7) - ((b.length * seed) % 7) || (a < b ? 1 : -1),
      ),
    );
  fc.assert(
    fc.property(
      fc.tuple(maps, maps, maps, maps),
      fc.nat(),
      ([env, labels, annotations, nodeSelector], seed) => {
        const one = workload({ env, labels, annotations, nodeSelector });
        const other = workload({
          nodeSelector: reordered(nodeSelector, seed),
          annotations: reordered(annotations, seed),
          labels: reordered(labels, seed),
          env: reordered(env, seed),
        });
        expect(other.templateHash).toBe(one.templateHash);
        expect(JSON.stringify(renderProcessPod(other, IDENTITY))).toBe(
          JSON.stringify(renderProcessPod(one, IDENTITY)),
        );
      },
    ),
  );
});
