/** One Kubernetes cluster behind the port: reads and writes on one pool of connections, watches each on their own. */
import type { Cache, CacheOptions, Cluster, KubeObject, Resource } from '../../ports/cluster.ts';
import type { System } from '../../ports/system.ts';
import type { Connection } from './connection.ts';
import { openReader } from './reader.ts';
import { Reflector } from './reflector.ts';
import type { RequestObserver } from './request-facts.ts';
import { Transport } from './transport.ts';
import { openWriter } from './writer.ts';

export interface ClusterOptions {
  readonly system: System;
  /** `k8-highlander/<version>`: what audit logs and API server metrics show. */
  readonly userAgent: string;
  /** Told of every request that was sent; for metrics. */
  readonly onRequest?: RequestObserver;
  /** Told of every watch that ended and is begun again; for metrics. */
  readonly onWatchEnded?: (resource: string, cause: string) => void;
}

/** Connects on first use. Call `close` after every cache's `run` has ended. */
export function openCluster(connection: Connection, options: ClusterOptions): Cluster {
  const { system, userAgent, onRequest, onWatchEnded } = options;
  const transport = new Transport(connection, {
    clock: system.clock,
    log: system.log,
    userAgent,
    ...(onRequest === undefined ? {} : { onRequest }),
  });
  const reader = openReader(transport);
  const writer = openWriter(transport, reader);
  return {
    ...reader,
    ...writer,
    address: transport.address,
    warmUp: (connections) => transport.warmUp(connections),
    cache<T extends KubeObject>(resource: Resource, cacheOptions: CacheOptions<T>): Cache<T> {
      return new Reflector<T>({
        transport,
        reader,
        resource,
        system,
        ...cacheOptions,
        ...(onWatchEnded === undefined
          ? {}
          : { onEnded: (cause: string) => onWatchEnded(resource.plural, cause) }),
      });
    },
    close: () => transport.close(),
  };
}
