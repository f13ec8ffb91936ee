/** Who may ask the HTTP API for what, as configured. */
import { openAccessReview } from '../adapters/kube/access-review.ts';
import type { Connection } from '../adapters/kube/connect.ts';
import type { Config } from '../config/config.ts';
import type { KubeRequest } from '../metrics/observations.ts';
import type { System } from '../ports/system.ts';
import type { Access } from '../server/access.ts';
import { proxyAccess, tokenAccess } from '../server/known-access.ts';
import { localAccess } from '../server/local-access.ts';
import { Reviewer } from '../server/reviewer.ts';

export interface OpenAccess {
  readonly access: Access;
  close(): Promise<void>;
}

/** Asks the API server about tokens and rights, on a connection of its own. */
export function openAccess(
  config: Config,
  system: System,
  connection: Connection,
  userAgent: string,
  onRequest: (request: KubeRequest) => void,
): OpenAccess {
  const { audience } = config.auth;
  const reviews = openAccessReview(connection, {
    system,
    userAgent,
    onRequest,
    ...(audience !== undefined && { audience }),
  });
  const access = chooseAccess(config, new Reviewer(reviews, system.clock));
  return { access, close: () => reviews.close() };
}

function chooseAccess({ auth, metrics }: Config, reviewer: Reviewer): Access {
  const options = { ...auth, metricsPath: metrics.path };
  switch (auth.mode) {
    case 'none':
      return localAccess();
    case 'token':
      return tokenAccess(reviewer, options);
    case 'proxy':
      return proxyAccess(reviewer, options);
  }
}
