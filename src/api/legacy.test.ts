import { describe, expect, it } from 'vitest';
import type { ElectionView } from '../core/election/view.ts';
import { FENCING_NOT_ASKED } from '../core/server-fencing.ts';
import { NO_LEADERSHIP } from '../core/leadership.ts';
import type { WorkloadView } from '../core/projection.ts';
import type { SeenWorkload } from '../core/reconcile/seen.ts';
import { formatKey } from '../core/workload/model.ts';
import { mapDebugStatus, mapStatus, openEnvelope, type LegacyFacts } from './legacy.ts';
import { findWorkload, mapWorkloadNames, mapWorkloads } from './legacy-workloads.ts';

const REPORT: SeenWorkload = {
  key: 'process/default/report',
  active: true,
  healthy: true,
  lastTransition: '2026-01-02T03:04:05Z',
  pod: {
    name: 'report-pod',
    phase: 'Running',
    podIP: '10.0.0.1',
    containerReady: true,
    containerRestarts: 0,
  },
};
const like = (key: string): SeenWorkload => ({ ...REPORT, key });
const VIEW: WorkloadView = {
  key: { kind: 'process', namespace: 'default', name: 'report' },
  active: true,
  healthy: true,
  reason: 'Active',
  message: 'running on node-a',
  instance: { pod: 'report-pod', uid: 'u1', node: 'node-a', restarts: 0 },
};
const UP: ElectionView = {
  role: 'leading',
  since: 0,
  epoch: 7,
  holder: 'one/host/uuid',
  store: { up: true },
};
const LEADERSHIP = {
  ...NO_LEADERSHIP,
  latest: 'one/host/uuid',
  previous: 'two/host/uuid',
  vacant: false,
  reason: 'normal transition' as const,
  failovers: 3,
  transitions: 5,
  leaderSince: 1000,
  lastTransition: 1000,
  changes: [{ from: 'two/host/uuid', to: 'one/host/uuid', at: 1000, reason: 'normal transition' as const }],
};

function leader(views: readonly WorkloadView[] = [VIEW], fields: Partial<LegacyFacts> = {}): LegacyFacts {
  return {
    id: 'one',
    tenant: 'default',
    clusterName: 'blue',
    storageType: 'lease',
    storageAddress: 'namespace/system',
    version: '1.2.3',
    buildInfo: 'node 24',
    port: 8080,
    startedAt: 0,
    uptime: 62_500,
    isLeader: true,
    election: UP,
    snapshot: {
      revision: 9,
      workloads: new Map(views.map((view) => [formatKey(view.key), view])),
      leadership: LEADERSHIP,
      serverFencing: { state: 'false' },
    },
    observed: [REPORT],
    clusterProblem: undefined,
    notReady: undefined,
    isStoreUp: true,
    storeFailures: 0,
    disagreement: [],
    ...fields,
  };
}

const follower = (fields: Partial<LegacyFacts> = {}): LegacyFacts =>
  leader([], {
    id: 'two',
    isLeader: false,
    election: { ...UP, role: 'follower' },
    ...fields,
  });

const neverLed = follower({
  election: undefined,
  snapshot: {
    revision: 0,
    workloads: new Map(),
    leadership: NO_LEADERSHIP,
    serverFencing: FENCING_NOT_ASKED,
  },
  notReady: 'the election has not begun yet',
  isStoreUp: false,
});

describe('*Status*', () => {
  it('of the leader is complete', () => {
    expect(mapStatus(leader())).toEqual({
      isLeader: true,
      role: 'leading',
      term: 7,
      leaderID: 'one',
      currentLeader: 'one',
      lastLeader: 'two',
      leaderSince: '1970-01-01T00:00:01.000Z',
      lastLeaderTransition: '1970-01-01T00:00:01.000Z',
      leadershipTransitions: 5,
      lastLeadershipChangeReason: 'normal transition',
      failoverCount: 3,
      tenant: 'default',
      clusterName: 'blue',
      clusterHealth: true,
      storageType: 'lease',
      dbConnected: true,
      redisConnected: true,
      dbFailureCount: 0,
      controllerState: 'Normal',
      readyForTraffic: true,
      serverFencing: 'False',
      uptime: 62_500_000_000,
      uptimeText: '1m2s',
      version: '1.2.3',
      buildInfo: 'node 24',
      workloadStatus: {
        process: { report: { active: true, namespace: 'default' } },
        processes: { report: { active: true, namespace: 'default' } },
      },
      workloads: [
        {
          kind: 'process',
          namespace: 'default',
          name: 'report',
          active: true,
          healthy: true,
          reason: 'Active',
          message: 'running on node-a',
          instance: VIEW.instance,
        },
      ],
    });
  });

  it('of a follower says the same of leader and workloads, and what only the leader knows is unknown', () => {
    const status = mapStatus(follower());
    expect(status).toMatchObject({
      isLeader: false,
      role: 'follower',
      leaderID: 'two',
      currentLeader: 'one',
      workloadStatus: mapStatus(leader())['workloadStatus'],
      workloads: [
        {
          active: true,
          healthy: true,
          reason: 'unknown',
          message: 'only the leader knows the reason',
          instance: null,
        },
      ],
    });
  });

  it('before anything is known has no times, an unknown leader and nothing healthy', () => {
    expect(mapStatus(neverLed)).toMatchObject({
      role: 'starting',
      term: null,
      currentLeader: 'unknown',
      lastLeader: '',
      leaderSince: null,
      lastLeaderTransition: null,
      lastLeadershipChangeReason: '',
      dbConnected: false,
      redisConnected: false,
      controllerState: 'Degraded',
      readyForTraffic: false,
      notReadyBecause: 'the election has not begun yet',
    });
  });

  it('with the store down says so, and since how many operations', () => {
    const store = { up: false, cause: 'Redis refused the connection', since: 0 } as const;
    expect(
      mapStatus(follower({ election: { ...UP, store }, isStoreUp: false, storeFailures: 4 })),
    ).toMatchObject({
      dbConnected: false,
      redisConnected: false,
      dbFailureCount: 4,
      lastError: 'Redis refused the connection',
    });
  });

  it('with the cluster out of sight calls every workload unknown, with the cause', () => {
    const status = mapStatus(follower({ clusterProblem: 'ECONNREFUSED' }));
    expect(status).toMatchObject({
      clusterHealth: false,
      workloadStatus: { process: { report: { active: null } } },
      workloads: [{ active: null, healthy: null, reason: 'unknown', message: 'ECONNREFUSED' }],
    });
  });

  it('after a lock was seen free names who held it last', () => {
    const snapshot = { ...leader().snapshot, leadership: { ...LEADERSHIP, vacant: true } };
    const { holder: _, ...free } = UP;
    expect(mapStatus(follower({ snapshot, election: free }))).toMatchObject({
      currentLeader: '',
      lastLeader: 'one',
    });
  });

  it('of a workload that failed has the retries and the error', () => {
    const failed: WorkloadView = {
      ...VIEW,
      active: false,
      healthy: false,
      reason: 'CrashLoop',
      message: 'exit 1',
    };
    expect(mapStatus(leader([failed]))).toMatchObject({
      workloadStatus: {
        process: {
          report: {
            active: false,
            healthy: false,
            retryCount: 0,
            lastError: 'CrashLoop: exit 1',
            nextRetry: null,
          },
        },
      },
    });
  });

  it('stands in the envelope and at the top, and has no key that the envelope has', () => {
    const status = mapStatus(leader());
    expect(status).not.toHaveProperty('status');
    expect(status).not.toHaveProperty('data');
    expect(openEnvelope(status)).toEqual({ status: 'success', data: status, ...status });
  });
});

it('/debug/status is the union of what the Go program served and of its documents', () => {
  const usage = { activeResources: 12, heapUsed: 1, heapTotal: 2, resident: 3, garbageCollections: 4 };
  expect(mapDebugStatus(leader(), usage)).toEqual({
    healthStatus: mapStatus(leader()),
    uptime: 62_500_000_000,
    uptimeText: '1m2s',
    startTime: '1970-01-01T00:00:00.000Z',
    goroutineCount: 12,
    memoryStats: { alloc: 1, totalAlloc: 2, sys: 3, numGC: 4 },
    serverInfo: { dbInfo: 'lease namespace/system', port: '8080' },
    leadershipHistory: [
      { from: 'two', to: 'one', timestamp: '1970-01-01T00:00:01.000Z', reason: 'normal transition' },
    ],
  });
});

describe('/api/workloads', () => {
  const report = {
    name: 'report',
    type: 'process',
    namespace: 'default',
    active: true,
    healthy: true,
    reason: 'Active',
    message: 'running on node-a',
    lastTransition: '2026-01-02T03:04:05Z',
    details: {
      startedAt: null,
      stoppedAt: null,
      podName: 'report-pod',
      podPhase: 'Running',
      podIP: '10.0.0.1',
      hostIP: '',
      nodeName: '',
      containerReady: true,
      containerRestartCount: 0,
      containerStartTime: null,
    },
  };

  it('has four groups, each with its details as the Go program and its workloads as the documents', () => {
    const groups = mapWorkloads(leader());
    expect(Object.keys(groups)).toEqual(['processes', 'cronjobs', 'service', 'persistent']);
    expect(groups['processes']).toEqual({
      name: 'processes',
      type: 'processManager',
      active: true,
      healthy: true,
      lastTransition: '2026-01-02T03:04:05Z',
      details: { processes: { report } },
      report,
    });
    expect(groups['cronjobs']).toEqual({
      name: 'cronjobs',
      type: 'cronjobManager',
      active: true,
      healthy: true,
      lastTransition: null,
      details: { cronJobs: {} },
    });
  });

  it('has a group that is not healthy when one of its workloads is not, and that says which', () => {
    const sick = { ...REPORT, key: 'process/default/sick', healthy: false };
    const pending = { reason: 'ImagePullBackOff', message: 'no such image' };
    const seen = { ...sick, pod: { name: 'sick-pod', pending } };
    expect(mapWorkloads(follower({ observed: [REPORT, seen] }))['processes']).toMatchObject({
      healthy: false,
      lastError: 'sick is unhealthy: ImagePullBackOff: no such image',
    });
  });

  it('calls a group unknown while the cluster is out of sight', () => {
    expect(mapWorkloads(follower({ clusterProblem: 'gone' }))['processes']).toMatchObject({
      active: null,
      healthy: null,
      report: { active: null, healthy: null, unknownBecause: 'gone' },
    });
  });

  it('keeps the fields of the group over a workload that is named like one', () => {
    const named = { ...REPORT, key: 'process/default/type' };
    const group = mapWorkloads(follower({ observed: [named] }))['processes'];
    expect(group).toMatchObject({
      type: 'processManager',
      details: { processes: { type: { name: 'type' } } },
    });
  });

  it('shows workloads of one name with their namespaces', () => {
    const observed = [REPORT, { ...REPORT, key: 'process/web/report' }];
    const shown = mapWorkloads(follower({ observed }))['processes'];
    expect(shown).toMatchObject({
      'default/report': { namespace: 'default' },
      'web/report': { namespace: 'web' },
    });
    expect(shown).not.toHaveProperty('report');
  });
});

it('/api/workload-names has each name once, sorted', () => {
  const keys = [
    'process/web/report',
    'process/default/report',
    'cronjob/default/tick',
    'process/default/audit',
  ];
  const observed = keys.map(like);
  expect(mapWorkloadNames(follower({ observed }))).toEqual(['audit', 'report', 'tick']);
});

describe('/api/workloads/{name}', () => {
  const observed = [
    'process/default/report',
    'process/web/report',
    'cronjob/web/report',
    'service/web/service',
  ].map(like);
  const facts = follower({ observed });

  it.each([
    ['processes', {}, 200, { type: 'processManager' }],
    ['service', {}, 200, { type: 'serviceManager' }],
    ['service', { type: 'service' }, 200, { type: 'service', namespace: 'web' }],
    ['report', { type: 'cronjob' }, 200, { type: 'cronjob' }],
    ['report', { type: 'cronjobs' }, 200, { type: 'cronjob' }],
    ['report', { type: 'process', namespace: 'web' }, 200, { type: 'process', namespace: 'web' }],
  ])('%s %j', (name, filter, status, data) => {
    expect(findWorkload(facts, name, filter)).toMatchObject({ status, data });
  });

  it('asks which one where several have the name', () => {
    expect(findWorkload(facts, 'report', { namespace: 'web' })).toMatchObject({
      status: 409,
      candidates: [
        { type: 'cronjob', namespace: 'web', name: 'report' },
        { type: 'process', namespace: 'web', name: 'report' },
      ],
    });
  });

  it.each([
    ['nothing', {}, 404, 'workload not found'],
    ['report', { type: 'process', namespace: 'none' }, 404, 'workload not found'],
    ['', {}, 400, 'Invalid workload path'],
    ['report', { type: 'pod' }, 400, 'type must be one of process, cronjob, service, persistent'],
  ])('%j %j is refused with %i', (name, filter, status, error) => {
    expect(findWorkload(facts, name, filter)).toEqual({ status, error });
  });
});
