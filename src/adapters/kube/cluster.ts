/** One Kubernetes cluster behind the port: reads and writes on one pool of connections, watches each on their own. */
import type { Cache, CacheOptions, Cluster, KubeObject, Resource } from '../../ports/cluster.ts';
import type { System } from '../../ports/system.ts';
import type { Connection } from './connection.ts';
import { openReader } from './reader.ts';
import { Reflector } from './reflector.ts';
import { Transport } from './transport.ts';
import { openWriter } from './writer.ts';

export interface ClusterOptions {
  readonly system: System;
  /** `k8-highlander/<version>`: what audit logs and API server metrics show. */
  readonly userAgent: string;
}

/** Connects on first use. Call `close` after every cache's `run` has ended. */
export function openCluster(connection: Connection, { system, userAgent }: ClusterOptions): Cluster {
  const transport = new Transport(connection, { clock: system.clock, userAgent });
  const reader = openReader(transport);
  const writer = openWriter(transport, reader);
  return {
    ...reader,
    ...writer,
    address: transport.address,
    cache<T extends KubeObject>(resource: Resource, options: CacheOptions<T>): Cache<T> {
      return new Reflector<T>({ transport, reader, resource, system, ...options });
    },
    close: () => transport.close(),
  };
}
