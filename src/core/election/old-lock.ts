/**
 * Whether the first term of all may begin while a leader of the Go program may be about. The two programs see each other
 * only in the same store under the same tenant, and an installation can change both without meaning to: the old image set
 * tenant and store by environment variables that beat the file, flags were ignored beside a file, and the store that
 * nobody names was Redis there and is a Lease here. Once an epoch exists, this program has led before and the question is
 * settled.
 */
import type { StringMap } from '../workload/model.ts';
import { LABEL, redisLockKey } from '../workload/names.ts';

/** A lock of the Go program that is held. */
export interface OldLock {
  readonly tenant: string;
  /** The id of its holder, which the Go program writes into the label `controller-id` of its objects. */
  readonly holder: string;
}

/** The pattern that finds the locks of all tenants in Redis. */
export const LOCK_KEYS = redisLockKey('*');

/**
 * The lock that a key and its value stand for; undefined if one of ours holds it, which bears a nonce. Text that is not
 * the Go program's JSON is an older form of it: the whole of it is the holder.
 */
export function readOldLock(key: string, text: string): OldLock | undefined {
  const tenant = key.slice(redisLockKey('').length);
  const fields = parseObject(text);
  if (fields === undefined) return { tenant, holder: text };
  if (typeof fields['nonce'] === 'string') return undefined;
  return { tenant, holder: typeof fields['value'] === 'string' ? fields['value'] : text };
}

/** This instance, in what can differ from the Go program's. */
export interface Candidate {
  readonly tenant: string;
  readonly store: 'lease' | 'redis' | 'db';
  /** The store in which the locks were looked for, … */
  readonly lookedIn: 'redis' | 'db';
  /** … and where that is. */
  readonly address: string;
}

/** An object in the cluster that the Go program made and that this instance is to manage. */
export interface OldObject {
  /** `pod default/report-pod`. */
  readonly name: string;
  readonly labels: StringMap;
}

/** Whether this instance keeps its own lock elsewhere, so that the two programs cannot see each other. */
export function isBeside({ store, lookedIn }: Pick<Candidate, 'store' | 'lookedIn'>): boolean {
  return store !== lookedIn;
}

/** The locks that matter: all of them in a store beside ours, those of other tenants in our own. */
export function rivalsOf(candidate: Candidate, locks: readonly OldLock[]): readonly OldLock[] {
  return isBeside(candidate) ? locks : locks.filter((lock) => lock.tenant !== candidate.tenant);
}

/** Why this instance may not lead yet and which setting differs; undefined if nothing speaks against it. */
export function refuseFirstTerm(
  candidate: Candidate,
  locks: readonly OldLock[],
  wanted: readonly OldObject[],
): string | undefined {
  const { tenant, store, lookedIn, address } = candidate;
  const rivals = rivalsOf(candidate, locks);
  if (isBeside(candidate)) {
    const [rival] = rivals;
    if (rival === undefined) return undefined;
    const alsoTenant = rival.tenant === tenant ? '' : ` and tenant: ${rival.tenant}`;
    return (
      `storageType differs: ${describe(rival)} leads through ${STORE_NAME[lookedIn]} at ${address}, and this instance would lead beside it ` +
      `through ${STORE_NAME[store]}; set storageType: ${lookedIn}${alsoTenant}, or stop that program`
    );
  }
  for (const rival of rivals) {
    const object = wanted.find(({ labels }) => labels[LABEL.controllerId] === rival.holder);
    if (object !== undefined)
      return (
        `tenant differs: ${describe(rival)} leads and owns ${object.name}, which this instance manages as tenant ${tenant}; ` +
        `set tenant: ${rival.tenant}, or stop that program`
      );
  }
  return undefined;
}

const STORE_NAME = { lease: 'a Lease', redis: 'Redis', db: 'a database' } as const;

function describe({ tenant, holder }: OldLock): string {
  return `k8-highlander (Go) ${holder} of tenant ${tenant}`;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
