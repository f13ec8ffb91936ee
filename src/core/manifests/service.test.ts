import { describe, expect, test } from 'vitest';
import { IDENTITY, makePersistent, makeService } from '../../../test/workload-fixture.ts';
import { renderDeployment, renderServices } from './service.ts';

const LABELS = {
  app: 'report',
  'app.kubernetes.io/managed-by': 'k8-highlander',
  'app.kubernetes.io/name': 'report',
  'highlander.plexobject.io/kind': 'service',
  'highlander.plexobject.io/tenant': 'default',
  'managed-by': 'k8-highlander',
  team: 'a',
};

test('the Deployment of a service: one instance, recreated, every part with our labels', () => {
  const workload = makeService('full');
  const annotations = {
    'highlander.plexobject.io/fingerprint': 'fp',
    'highlander.plexobject.io/source': 'file',
    'highlander.plexobject.io/template-hash': workload.templateHash,
    'highlander.plexobject.io/workload': 'service/ns/report',
    note: 'n',
  };
  const { spec, ...rest } = renderDeployment(workload, IDENTITY);
  expect(rest).toEqual({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'report', namespace: 'ns', labels: LABELS, annotations },
  });
  const { template, ...settings } = spec;
  expect(settings).toEqual({
    replicas: 1,
    strategy: { type: 'Recreate' },
    revisionHistoryLimit: 3,
    progressDeadlineSeconds: 300,
    selector: { matchLabels: { app: 'report' } },
  });
  expect(template).toMatchObject({
    metadata: { labels: LABELS, annotations, finalizers: ['highlander.plexobject.io/singleton'] },
    spec: { restartPolicy: 'Always', schedulingGates: [{ name: 'highlander.plexobject.io/permit' }] },
  });
});

test.each([
  [0, 0],
  [1, 1],
  [5, 1],
])('of %i declared replicas %i are asked for', (declared, replicas) => {
  expect(renderDeployment(makeService('small', { replicas: declared }), IDENTITY).spec.replicas).toBe(
    replicas,
  );
});

test('the progress deadline is at least a second: the API server refuses 0', () => {
  const deployment = renderDeployment(makeService('small', { readinessTimeout: 0 }), IDENTITY);
  expect(deployment.spec.progressDeadlineSeconds).toBe(1);
});

describe('probes', () => {
  const main = (workload: ReturnType<typeof makeService>) =>
    renderDeployment(workload, IDENTITY).spec.template.spec.containers[0];
  const healthCheck = { path: '/healthz', port: 8080 };
  const httpGet = { path: '/healthz', port: 8080 };

  test('follow from the health check', () => {
    expect(main(makeService('small', { healthCheck }))).toMatchObject({
      readinessProbe: {
        httpGet,
        initialDelaySeconds: 10,
        periodSeconds: 10,
        timeoutSeconds: 5,
        failureThreshold: 3,
      },
      livenessProbe: {
        httpGet,
        initialDelaySeconds: 15,
        periodSeconds: 15,
        timeoutSeconds: 5,
        failureThreshold: 3,
      },
    });
  });

  test('that are given win, each for itself', () => {
    const readinessProbe = { tcpSocket: { port: 1 } };
    const container = main(makeService('small', { healthCheck, pod: { readinessProbe } }));
    expect(container?.readinessProbe).toEqual(readinessProbe);
    expect(container?.livenessProbe).toMatchObject({ httpGet });
  });

  test('are none without a health check', () => {
    expect(Object.keys(main(makeService('small')) ?? {}).filter((key) => key.endsWith('Probe'))).toEqual([]);
  });
});

describe('Services', () => {
  const specs = (workload: Parameters<typeof renderServices>[0]) =>
    renderServices(workload, IDENTITY).map(({ metadata, spec }) => [metadata.name, spec]);
  const selector = { app: 'report' };
  const client = {
    type: 'ClusterIP',
    selector,
    ports: [
      { name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 },
      { name: 'admin', protocol: 'TCP', port: 9000, targetPort: 9000 },
    ],
  };

  test('a service has one under its name, with the mapping of its ports', () => {
    expect(specs(makeService('full'))).toEqual([['report', client]]);
  });

  test('a service without ports has none', () => {
    expect(specs(makeService('small'))).toEqual([]);
  });

  test('a persistent set has one for clients and a headless one that governs it', () => {
    const ports = [
      { name: 'http', protocol: 'TCP', port: 8080, targetPort: 8080 },
      { name: 'admin', protocol: 'TCP', port: 9000, targetPort: 9000 },
    ];
    expect(specs(makePersistent('full'))).toEqual([
      ['report-db', client],
      ['report-db-headless', { type: 'ClusterIP', clusterIP: 'None', selector, ports }],
    ]);
  });

  test('a persistent set without ports has a headless one under its name alone', () => {
    expect(specs(makePersistent('small'))).toEqual([
      ['report', { type: 'ClusterIP', clusterIP: 'None', selector }],
    ]);
  });

  test('they carry labels and annotations as the other objects do', () => {
    const workload = makeService('full');
    expect(renderServices(workload, IDENTITY)[0]?.metadata).toEqual(
      renderDeployment(workload, IDENTITY).metadata,
    );
  });
});
