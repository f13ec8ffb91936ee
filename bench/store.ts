/** The lock stores that rows are run with: how a controller is told, and how a release is seen from outside. */
import { createClient } from '@redis/client';
import type { AuditEvent } from '../sandbox/control-plane/audit.ts';
import { createProgress } from '../sandbox/progress.ts';
import { startRedis } from '../sandbox/servers/redis.ts';
import { redisChannel } from '../src/core/workload/names.ts';
import type { World } from '../test/e2e/world.ts';

/** Microseconds since the Unix epoch, by the clock of this machine, which the API server uses too. */
export type Micros = number;

export interface BenchStore {
  readonly name: string;
  readonly ttlMs: number;
  /** The part of the configuration that chooses it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** When the lock was released, so far, in order. */
  releases(world: World): Promise<readonly Micros[]>;
  stop(): Promise<void>;
}

/** The Lease store: a release is the update that clears the holder, as completed in the audit log. */
export async function openLeaseStore(): Promise<BenchStore> {
  return {
    name: 'lease',
    ttlMs: 8000,
    config: { storageType: 'lease', leaderLockTTL: '8s' },
    async releases({ sandbox }) {
      const times: Micros[] = [];
      for await (const event of sandbox.audit())
        if (isRelease(event)) times.push(micros(event.stageTimestamp));
      return times.toSorted((a, b) => a - b);
    },
    stop: async () => {},
  };
}

/** A real Redis: a release is the notice that it publishes with it. */
export async function openRedisStore(): Promise<BenchStore> {
  const surroundings = { env: process.env, progress: createProgress(process.stderr) };
  const redis = await startRedis(surroundings, new AbortController().signal);
  const client = createClient({ url: `redis://${redis.address}` });
  await client.connect();
  const times: Micros[] = [];
  await client.subscribe(redisChannel('default'), (message) => {
    if (message.startsWith('r:')) times.push((performance.timeOrigin + performance.now()) * 1000);
  });
  return {
    name: 'redis',
    ttlMs: 5000,
    config: { storageType: 'redis', redis: { addr: redis.address }, leaderLockTTL: '5s' },
    releases: async () => times,
    async stop() {
      client.destroy();
      await redis.stop();
    },
  };
}

function isRelease({ objectRef, verb, requestObject, responseStatus, stage }: AuditEvent): boolean {
  const accepted = stage === 'ResponseComplete' && (responseStatus?.code ?? 500) < 300;
  if (!accepted || objectRef?.resource !== 'leases' || verb !== 'update') return false;
  const { spec } = requestObject as { readonly spec?: { readonly holderIdentity?: string } };
  return (spec?.holderIdentity ?? '') === '';
}

/** RFC 3339 with microseconds. */
export function micros(timestamp: string): Micros {
  const [seconds = '', fraction = ''] = timestamp.replace('Z', '').split('.');
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}
