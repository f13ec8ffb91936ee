import { expect, test } from 'vitest';
import { IDENTITY, makePersistent } from '../../../test/workload-fixture.ts';
import { renderStatefulSet } from './persistent.ts';
import { renderServices } from './service.ts';

test('the StatefulSet of a persistent workload: one instance, replaced by us alone, claims that outlive it', () => {
  const { template, ...settings } = renderStatefulSet(makePersistent('full'), IDENTITY).spec;
  expect(settings).toEqual({
    replicas: 1,
    serviceName: 'report-db-headless',
    podManagementPolicy: 'Parallel',
    updateStrategy: { type: 'OnDelete' },
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    selector: { matchLabels: { app: 'report' } },
    volumeClaimTemplates: [
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '10Gi' } },
          storageClassName: 'fast',
        },
      },
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'logs' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
  });
  expect(template.spec).toMatchObject({
    restartPolicy: 'Always',
    schedulingGates: [{ name: 'highlander.plexobject.io/permit' }],
  });
  expect(template.metadata.finalizers).toEqual(['highlander.plexobject.io/singleton']);
});

test('the main container mounts the claims after ConfigMaps and Secrets, and before volumes of its own', () => {
  const { containers } = renderStatefulSet(makePersistent('full'), IDENTITY).spec.template.spec;
  expect(containers[0]?.volumeMounts?.map(({ mountPath }) => mountPath)).toEqual([
    '/etc/config/app.conf',
    '/etc/secrets/token',
    '/data',
    '/logs',
    '/scratch',
  ]);
});

test('its liveness is asked for every 30 seconds', () => {
  const set = renderStatefulSet(
    makePersistent('small', { healthCheck: { path: '/ok', port: 5432 } }),
    IDENTITY,
  );
  expect(set.spec.template.spec.containers[0]).toMatchObject({
    readinessProbe: { initialDelaySeconds: 10, periodSeconds: 10, timeoutSeconds: 5 },
    livenessProbe: {
      httpGet: { path: '/ok', port: 5432 },
      initialDelaySeconds: 12,
      periodSeconds: 30,
      timeoutSeconds: 5,
    },
  });
});

test('it is stopped by zero replicas', () => {
  expect(renderStatefulSet(makePersistent('small', { replicas: 0 }), IDENTITY).spec.replicas).toBe(0);
});

test.each(['small', 'full'] as const)(
  'in its %s extent it is governed by a headless Service of its own',
  (extent) => {
    const workload = makePersistent(extent);
    const headless = renderServices(workload, IDENTITY).filter(({ spec }) => spec.clusterIP === 'None');
    expect(headless.map(({ metadata }) => metadata.name)).toEqual([
      renderStatefulSet(workload, IDENTITY).spec.serviceName,
    ]);
  },
);
