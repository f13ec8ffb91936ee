/** The HTTP health check of a service or a persistent set, as the probes of its main container. */
import type { HealthCheck } from '../workload/model.ts';
import type { Container } from './pod.ts';

interface Timing {
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
}

const TIMEOUT_SECONDS = 5;
const FAILURES = 3;

/** None without a health check. */
export function renderHealthProbes(
  check: HealthCheck | undefined,
  timing: { readonly readiness: Timing; readonly liveness: Timing },
): Pick<Container, 'readinessProbe' | 'livenessProbe'> {
  if (check === undefined) return {};
  const probe = (when: Timing) => ({
    httpGet: { path: check.path, port: check.port },
    ...when,
    timeoutSeconds: TIMEOUT_SECONDS,
    failureThreshold: FAILURES,
  });
  return { readinessProbe: probe(timing.readiness), livenessProbe: probe(timing.liveness) };
}
