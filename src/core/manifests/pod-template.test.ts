import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  IDENTITY,
  makeCronJob,
  makePersistent,
  makeProcess,
  makeService,
} from '../../../test/workload-fixture.ts';
import type { CommonSpec } from '../workload/model.ts';
import { hashTemplate } from '../workload/template-hash.ts';
import { renderCronJob } from './cron-job.ts';
import { renderStatefulSet } from './persistent.ts';
import { renderProcessPod } from './process.ts';
import { renderDeployment, renderServices } from './service.ts';

function renderAll(change: Partial<CommonSpec> = {}): readonly unknown[] {
  const service = makeService('full', change);
  const persistent = makePersistent('full', change);
  return [
    renderProcessPod(makeProcess('full', change), IDENTITY),
    renderCronJob(makeCronJob('full', change), IDENTITY),
    renderDeployment(service, IDENTITY),
    ...renderServices(service, IDENTITY),
    renderStatefulSet(persistent, IDENTITY),
    ...renderServices(persistent, IDENTITY),
  ];
}

test('neither term, token nor leader is in anything that is rendered: a change of leader is no change of spec', () => {
  const names = new Set<string>();
  JSON.stringify(renderAll(), (key, value: unknown) => {
    names.add(key);
    return value;
  });
  expect([...names].filter((name) => /term$|token|leader|controller|cluster-name/.test(name))).toEqual([]);
});

describe('options of the pod', () => {
  const { spec } = renderProcessPod(makeProcess('full'), IDENTITY);
  const [main, sidecar] = spec.containers;

  test('of the pod itself', () => {
    expect(spec).toMatchObject({
      serviceAccountName: 'runner',
      imagePullSecrets: [{ name: 'registry' }],
      priorityClassName: 'system-cluster-critical',
      securityContext: { fsGroup: 2000, runAsNonRoot: true },
      affinity: { nodeAffinity: expect.anything() },
      tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'batch', effect: 'NoSchedule' }],
    });
    expect(spec.volumes?.at(-1)).toEqual({ name: 'scratch', emptyDir: { sizeLimit: '1Gi' } });
  });

  test('of the main container', () => {
    expect(main).toMatchObject({
      imagePullPolicy: 'Always',
      securityContext: { allowPrivilegeEscalation: false },
      lifecycle: { preStop: { exec: { command: ['sleep', '1'] } } },
      startupProbe: { failureThreshold: 30 },
      envFrom: [
        { configMapRef: { name: 'defaults', optional: true } },
        { prefix: 'K_', secretRef: { name: 'keys' } },
      ],
    });
    expect(main?.volumeMounts?.at(-1)).toEqual({ name: 'scratch', mountPath: '/scratch', readOnly: false });
  });

  test('values and references to values stand in one order', () => {
    expect(main?.env?.map(({ name }) => name)).toEqual([
      'A',
      'HIGHLANDER_FENCING_TOKEN',
      'NODE',
      'PASSWORD',
      'Z',
    ]);
  });

  test('images of sidecars are pulled as the main one is, and nothing else is theirs', () => {
    expect(sidecar?.imagePullPolicy).toBe('Always');
    expect(sidecar).not.toHaveProperty('envFrom');
    expect(sidecar).not.toHaveProperty('lifecycle');
  });

  test('the fencing token is ours, whatever is set under its name', () => {
    const pod = renderProcessPod(
      makeProcess('small', {
        env: { HIGHLANDER_FENCING_TOKEN: '1' },
        pod: { envValueFrom: { HIGHLANDER_FENCING_TOKEN: { secretKeyRef: { name: 'x', key: 'x' } } } },
      }),
      IDENTITY,
    );
    expect(pod.spec.containers[0]?.env).toEqual([
      {
        name: 'HIGHLANDER_FENCING_TOKEN',
        valueFrom: {
          fieldRef: { fieldPath: "metadata.annotations['highlander.plexobject.io/fencing-token']" },
        },
      },
    ]);
  });

  test('a reference wins over a value of the same name', () => {
    const NODE = { fieldRef: { fieldPath: 'spec.nodeName' } };
    const pod = renderProcessPod(
      makeProcess('small', { env: { NODE: 'x' }, pod: { envValueFrom: { NODE } } }),
      IDENTITY,
    );
    expect(pod.spec.containers[0]?.env).toContainEqual({ name: 'NODE', valueFrom: NODE });
    expect(pod.spec.containers[0]?.env).toHaveLength(2);
  });

  test('nothing is written where nothing is set', () => {
    const pod = renderProcessPod(makeProcess('small', { pod: {} }), IDENTITY);
    expect(pod).toEqual(renderProcessPod(makeProcess('small'), IDENTITY));
    expect(Object.keys(pod.spec).toSorted()).toEqual([
      'containers',
      'restartPolicy',
      'schedulingGates',
      'terminationGracePeriodSeconds',
    ]);
  });
});

test('the order of maps changes neither a byte of any object nor the hash', () => {
  const maps = fc.dictionary(fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,6}$/), fc.string(), { maxKeys: 6 });
  const objects = fc.object({ maxDepth: 2, maxKeys: 4, key: fc.stringMatching(/^[a-z]{1,4}$/) });
  /** The same data with the members of every object in the opposite order. */
  const turned = <T>(value: T): T =>
    (Array.isArray(value)
      ? value.map(turned)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(
            Object.entries(value)
              .toReversed()
              .map(([key, member]) => [key, turned<unknown>(member)]),
          )
        : value) as T;
  fc.assert(
    fc.property(
      fc.tuple(maps, maps, maps, maps, objects, objects),
      ([env, labels, annotations, nodeSelector, object, other]) => {
        const change: Partial<CommonSpec> = {
          env,
          labels,
          annotations,
          nodeSelector,
          pod: {
            affinity: object,
            envValueFrom: { X: object, A: other },
            volumes: [object, other],
            lifecycle: other,
          },
        };
        expect(hashTemplate(makeService('full', turned(change)).spec)).toBe(
          hashTemplate(makeService('full', change).spec),
        );
        expect(JSON.stringify(renderAll(turned(change)))).toBe(JSON.stringify(renderAll(change)));
      },
    ),
    { numRuns: 50 },
  );
});
