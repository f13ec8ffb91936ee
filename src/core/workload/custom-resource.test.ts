import { describe, expect, it } from 'vitest';
import { makeResource } from '../../../test/resource-fixture.ts';
import { readYaml } from '../../config/yaml.ts';
import { explainProblems, readProcessResource, tenantOfResource } from './custom-resource.ts';
import type { ProcessSpec } from './model.ts';
import { readProcess } from './process.ts';
import { PROCESS_FIELDS } from './spec-fields.ts';

/** A spec with a value for every field; script and command exclude each other in the model. */
const FULL = {
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
  gracePeriod: 45,
  restartPolicy: 'Always',
  maxRestarts: 7,
};

function specOf(spec: unknown): ProcessSpec {
  const { workload, problems } = readProcessResource(makeResource({ spec }));
  if (workload === undefined) throw new Error(explainProblems(problems));
  return workload.spec;
}

function problemsOf(spec: unknown): readonly unknown[] {
  return readProcessResource(makeResource({ spec })).problems;
}

describe('a WorkloadProcess', () => {
  it('reads as the entry of a file with the same fields, except for its source', () => {
    const entry = { name: 'report', namespace: 'default', ...FULL };
    const { root } = readYaml(JSON.stringify(entry));
    if (root === undefined) throw new Error('nothing read');
    const source = { from: 'file', path: 'c.yaml' } as const;
    const filed = readProcess({ node: root, path: 'entry' }, { namespace: 'other', source });
    const { workload } = readProcessResource(makeResource({ spec: FULL }));
    expect(workload).toEqual({
      ...filed.workload,
      source: { from: 'resource', uid: 'resource-1' },
    });
  });

  it('knows every described field, and has no other', () => {
    expect(problemsOf(FULL)).toEqual([]);
    const read = [...Object.keys(specOf(FULL)), 'script', 'gracePeriod'];
    expect(read.toSorted()).toEqual(Object.keys(PROCESS_FIELDS).toSorted());
    expect(Object.keys({ ...FULL, script: {} }).toSorted()).toEqual(Object.keys(PROCESS_FIELDS).toSorted());
  });

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
    expect(readProcessResource(resource).problems).toMatchObject([{ path: 'metadata.name' }]);
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
  const { problems } = readProcessResource(
    makeResource({ spec: { extra: 1, env: { A: [], B: [], C: [] }, image: 'x', maxRestarts: 'x' } }),
  );
  const text = explainProblems(problems);
  expect(text).toContain('spec.env.A: found a list; write a string');
  expect(text).toContain('and 1 more');
  expect(text).not.toContain('extra');
});
