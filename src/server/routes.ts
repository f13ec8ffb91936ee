/** Which path answers what. */
import type { Metrics } from '../metrics.ts';
import { json, text, type Handler } from './http.ts';
import { renderStatus, type StatusSources } from './status.ts';

/** Before anything is connected: alive, not ready. Liveness never depends on the store or the API server. */
export function startingRoutes(): readonly (readonly [string, Handler])[] {
  return [
    ['/healthz', () => text(200, 'ok')],
    ['/readyz', () => text(503, 'not ready - starting')],
  ];
}

/** The paths of a connected controller; they replace the ones of `startingRoutes`. */
export function controllerRoutes(
  sources: StatusSources,
  metrics: Metrics,
  metricsPath: string,
): readonly (readonly [string, Handler])[] {
  const status: Handler = () => json(200, renderStatus(sources));
  const ready: Handler = () => {
    const because = sources.notReady();
    return because === undefined ? text(200, 'ok') : text(503, `not ready - ${because}`);
  };
  return [
    ['/healthz', () => text(200, 'ok')],
    ['/readyz', ready],
    ['/status', status],
    [metricsPath, async () => ({ status: 200, ...(await metrics.render()) })],
  ];
}
