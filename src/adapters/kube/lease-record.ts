/**
 * What a Lease says about the lock, and how we write it. The standard fields are enough for any reader, so that
 * `kubectl get lease` and client-go understand our Lease and we honour theirs; annotations add what they cannot hold.
 */
import { SECOND, type Duration, type WallTime } from '../../core/time.ts';
import type { Epoch, Nonce } from '../../core/election/record.ts';
import { GROUP } from '../../core/workload/names.ts';
import type { KubeObject, ObjectMeta } from '../../ports/cluster.ts';

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ */
export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export const LOCK_ANNOTATION = {
  nonce: `${GROUP}/lock-nonce`,
  /** The epoch; `leaseTransitions` holds it too, as far as 32 bits go. */
  epoch: `${GROUP}/lock-epoch`,
  /** Exact TTL in milliseconds; `leaseDurationSeconds` is that rounded up. */
  ttl: `${GROUP}/lock-ttl-ms`,
  lastHolder: `${GROUP}/lock-last-holder`,
  /** `true` if the present grant was given without a counter, so that its repetition says so as well. */
  amnesia: `${GROUP}/lock-amnesia`,
} as const;

export interface LeaseRecord {
  /** Empty when the lock is released. */
  readonly holder: string;
  /** Absent when the present holder is not one of ours. */
  readonly nonce?: Nonce;
  readonly epoch: Epoch;
  readonly ttl: Duration;
  readonly lastHolder?: string;
  readonly amnesia: boolean;
}

/** Assumed when a Lease names a holder but no duration: client-go's default. */
const DEFAULT_TTL: Duration = 15 * SECOND;

/** `leaseTransitions` is an int32. */
const MOST_TRANSITIONS = 2_147_483_647;

/** Reads any Lease. Our annotations count only while they agree with `leaseTransitions`: another program changes that alone. */
export function recordOf({ metadata, spec = {} }: Lease): LeaseRecord {
  const annotations = metadata.annotations ?? {};
  const transitions = spec.leaseTransitions ?? 0;
  const written = naturalOf(annotations[LOCK_ANNOTATION.epoch]);
  const isOurs = written !== undefined && Math.min(written, MOST_TRANSITIONS) === transitions;
  const nonce = annotations[LOCK_ANNOTATION.nonce];
  const lastHolder = annotations[LOCK_ANNOTATION.lastHolder];
  const duration = spec.leaseDurationSeconds === undefined ? DEFAULT_TTL : spec.leaseDurationSeconds * SECOND;
  const exact = isOurs ? naturalOf(annotations[LOCK_ANNOTATION.ttl]) : undefined;
  return {
    holder: spec.holderIdentity ?? '',
    epoch: Math.max(transitions, written ?? 0),
    ttl: exact !== undefined && Math.ceil(exact / SECOND) * SECOND === duration ? exact : duration,
    amnesia: isOurs && annotations[LOCK_ANNOTATION.amnesia] === 'true',
    ...(isOurs && nonce !== undefined && { nonce }),
    ...(lastHolder !== undefined && { lastHolder }),
  };
}

/** The Lease with the lock held as `record` says. `base` is the Lease it was read from, or a new one's metadata. */
export function heldLease(base: Lease, record: LeaseRecord, acquired: boolean, now: WallTime): Lease {
  const time = microTime(now);
  return withAnnotations(
    {
      ...base,
      spec: {
        ...base.spec,
        holderIdentity: record.holder,
        leaseDurationSeconds: Math.ceil(record.ttl / SECOND),
        leaseTransitions: Math.min(record.epoch, MOST_TRANSITIONS),
        // For people. Nobody's clock but the reader's own decides about expiry.
        renewTime: time,
        ...(acquired && { acquireTime: time }),
      },
    },
    {
      [LOCK_ANNOTATION.nonce]: record.nonce,
      [LOCK_ANNOTATION.epoch]: String(record.epoch),
      [LOCK_ANNOTATION.ttl]: String(record.ttl),
      [LOCK_ANNOTATION.lastHolder]: record.lastHolder,
      [LOCK_ANNOTATION.amnesia]: record.amnesia ? 'true' : undefined,
    },
  );
}

/** The Lease with the lock free. The counter stays. */
export function releasedLease(base: Lease, now: WallTime): Lease {
  const { epoch, holder } = recordOf(base);
  return withAnnotations(
    {
      ...base,
      spec: {
        ...base.spec,
        holderIdentity: '',
        leaseTransitions: Math.min(epoch, MOST_TRANSITIONS),
        renewTime: microTime(now),
      },
    },
    {
      [LOCK_ANNOTATION.nonce]: undefined,
      [LOCK_ANNOTATION.epoch]: String(epoch),
      [LOCK_ANNOTATION.lastHolder]: holder,
      [LOCK_ANNOTATION.amnesia]: undefined,
    },
  );
}

/** A Lease that does not exist yet. */
export function newLease(namespace: string, name: string): Lease {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name } };
}

/** Sets the defined ones, removes the undefined ones, keeps everybody else's. */
function withAnnotations(lease: Lease, changes: Readonly<Record<string, string | undefined>>): Lease {
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries({ ...lease.metadata.annotations, ...changes }))
    if (value !== undefined) annotations[key] = value;
  const metadata: ObjectMeta = { ...lease.metadata, annotations };
  return { ...lease, metadata };
}

/** Kubernetes' MicroTime: RFC 3339 with exactly six digits. */
function microTime(time: WallTime): string {
  return new Date(time).toISOString().replace('Z', '000Z');
}

function naturalOf(text: string | undefined): number | undefined {
  const value = /^\d+$/.test(text ?? '') ? Number(text) : undefined;
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}
