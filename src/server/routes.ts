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
import type { Metrics } from '../metrics/metrics.ts';
import type { Clock } from '../ports/system.ts';
import { json, text, type Handler, type Reply, type Request } from './http.ts';

/** Paths and what answers them, see `Routes`. */
export type RouteList = readonly (readonly [string, Handler])[];

export interface RouteSources {
  readonly facts: () => LegacyFacts;
  readonly usage: () => ProcessFacts;
  readonly metrics: Metrics;
  readonly metricsPath: string;
  readonly clock: Clock;
}

/** Before anything is connected: alive, not ready. Liveness never depends on the store or the API server. */
export function startingRoutes(): RouteList {
  const starting: Handler = () => text(503, 'not ready - starting');
  return [
    ['/healthz', () => text(200, 'ok')],
    ['/readyz', starting],
    ['/health', starting],
  ];
}

/** The paths of a connected controller; they replace the ones of `startingRoutes`. */
export function controllerRoutes({ facts, usage, metrics, metricsPath, clock }: RouteSources): RouteList {
  const ready: Handler = () => {
    const because = facts().notReady;
    return because === undefined ? text(200, 'ok') : text(503, `not ready - ${because}`);
  };
  const status: Handler = () => json(200, openEnvelope(mapStatus(facts())));
  const routes: RouteList = [
    ['/healthz', () => text(200, 'ok')],
    ['/readyz', ready],
    ['/health', ready],
    ['/status', status],
    ['/api/status', status],
    ['/debug/status', () => json(200, openEnvelope(mapDebugStatus(facts(), usage())))],
    ['/api/workloads', () => json(200, envelope(mapWorkloads(facts())))],
    ['/api/workload-names', () => json(200, envelope(mapWorkloadNames(facts())))],
    ['/api/workloads/*', (request) => answerWorkload(facts(), request)],
    [metricsPath, async () => ({ status: 200, ...(await metrics.render()) })],
  ];
  return routes.map(([route, handler]) => [route, measured(route, handler, metrics, clock)]);
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

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function measured(route: string, handler: Handler, metrics: Metrics, clock: Clock): Handler {
  return async (request) => {
    const startedAt = clock.now();
    const reply = await handler(request);
    const duration = clock.now() - startedAt;
    metrics.observeHttp({ route, method: request.method, code: reply.status, duration });
    return reply;
  };
}
