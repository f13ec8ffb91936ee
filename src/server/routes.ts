/** Which path answers what. */
import {
  envelope,
  mapDebugStatus,
  mapStatus,
  openEnvelope,
  type LegacyFacts,
  type ProcessFacts,
} from '../api/legacy.ts';
import { findWorkload, mapWorkloadNames, mapWorkloads } from '../api/legacy-workloads.ts';
import type { ProcessMetrics } from '../metrics/process-metrics.ts';
import { listPods, mapDbInfo, type PodFacts } from '../api/legacy-pods.ts';
import { decode, json, text, type Handler, type Reply, type Request, type Route } from './route.ts';
import type { Need } from './access.ts';
import { describeRefusal } from './http.ts';

export interface RouteSources {
  readonly facts: () => LegacyFacts;
  readonly usage: () => ProcessFacts;
  readonly pods: PodFacts;
  readonly metrics: ProcessMetrics;
  /** Absent: the metrics are not served here. */
  readonly metricsPath?: string;
  /** Why this process is not ready, where the word of this tenant alone does not say it. */
  readonly notReady?: () => string | undefined;
}

/** Before anything is connected: alive, not ready. Liveness never depends on the store or the API server. */
export function startingRoutes(): readonly Route[] {
  const starting: Handler = () => text(503, 'not ready - starting');
  return [
    legacy('/healthz', 'probe', () => text(200, 'ok')),
    legacy('/readyz', 'probe', starting),
    legacy('/health', 'probe', starting),
    { ...legacy('/api/v1', 'nothing', startingV1), refusals: 'problem' },
    { ...legacy('/api/v1/*', 'nothing', startingV1), refusals: 'problem' },
    legacy('/api/*', 'nothing', () => json(404, { status: 'error', error: 'no such path' })),
  ];
}

/**
 * The paths of the Go program on a connected controller; they replace the ones of `startingRoutes`. `base`: what stands
 * before each of them.
 */
export function controllerRoutes(sources: RouteSources, base = ''): readonly Route[] {
  const { facts, usage, pods, metrics, metricsPath } = sources;
  const notReady = sources.notReady ?? ((): string | undefined => facts().notReady);
  const ready: Handler = () => {
    const because = notReady();
    return because === undefined ? text(200, 'ok') : text(503, `not ready - ${because}`);
  };
  const status: Handler = () => json(200, openEnvelope(mapStatus(facts())));
  return [
    legacy('/healthz', 'probe', () => text(200, 'ok')),
    legacy('/readyz', 'probe', ready),
    legacy('/health', 'probe', ready),
    legacy('/status', 'read', status),
    legacy('/api/status', 'read', status),
    legacy('/debug/status', 'read', () => json(200, openEnvelope(mapDebugStatus(facts(), usage())))),
    legacy('/api/dbinfo', 'read', () => json(200, envelope(mapDbInfo(facts())))),
    legacy('/api/pods', 'read', (request) => answerPods(pods, request)),
    legacy('/api/workloads', 'read', () => {
      const known = facts();
      return json(200, envelope(mapWorkloads(known), known.clusterProblem));
    }),
    legacy('/api/workload-names', 'read', () => {
      const known = facts();
      return json(200, envelope(mapWorkloadNames(known), known.clusterProblem));
    }),
    legacy('/api/workloads/*', 'read', (request) => answerWorkload(facts(), request)),
    ...(metricsPath === undefined
      ? []
      : [legacy(metricsPath, 'metrics', async () => ({ status: 200, ...(await metrics.render()) }))]),
  ].map((route) => measured({ ...route, pattern: base + route.pattern }, metrics));
}

const startingV1: Handler = (request) =>
  describeRefusal(
    { refusals: 'problem' },
    { code: 'starting', detail: 'nothing is connected yet', headers: { 'retry-after': '1' } },
    request,
  );

function legacy(pattern: string, needs: Need, handle: Handler): Route {
  return { method: 'GET', pattern, needs, refusals: 'envelope', handle };
}

async function answerPods(pods: PodFacts, { query }: Request): Promise<Reply> {
  const { code, body } = await listPods(pods, query);
  return json(code, body);
}

/** Segments behind the name are ignored, as the Go program does. */
function answerWorkload(facts: LegacyFacts, { rest, query }: Request): Reply {
  const name = decode(rest.split('/', 1)[0] ?? '');
  if (name === undefined) return json(400, { status: 'error', error: 'Invalid workload path' });
  const type = query.get('type');
  const namespace = query.get('namespace');
  const found = findWorkload(facts, name, {
    ...(type === null ? {} : { type }),
    ...(namespace === null ? {} : { namespace }),
  });
  if (found.status === 200) return json(200, envelope(found.data));
  const { status, ...error } = found;
  return json(status, { status: 'error', ...error });
}

/** The route, with its requests counted under its pattern, the refused ones too. */
export function measured(route: Route, metrics: ProcessMetrics): Route {
  return {
    ...route,
    answered: ({ method, status, duration }) =>
      metrics.observeHttp({ route: route.pattern, method, code: status, duration }),
  };
}
