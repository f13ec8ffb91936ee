/**
 * What this process knows about one Lease, and since when. A Lease has no clock of its own: it has expired when it did
 * not change for its duration *as seen here*, on the monotonic clock. So a fresh process waits one full duration, and a
 * process that slept learns the present version before it concludes anything.
 */
import type { LockView } from '../../core/election/record.ts';
import type { Duration, Instant } from '../../core/time.ts';
import { recordOf, type Lease, type LeaseRecord } from './lease-record.ts';
import { isOlder } from './version.ts';

export class LeaseObservation {
  #lease: Lease | undefined;
  #record: LeaseRecord | undefined;
  #changedAt: Instant = 0;
  #exists = false;

  /** The Lease as last seen; undefined when it was never seen or does not exist now. */
  get lease(): Lease | undefined {
    return this.#exists ? this.#lease : undefined;
  }

  /** What the Lease said when it was last seen, also after it vanished. */
  get record(): LeaseRecord | undefined {
    return this.#record;
  }

  /**
   * A reply of the server to a request of ours, received at `now`; `asked` is what `lease` was when it was sent. If the
   * watch has told of something newer meanwhile, the reply is history: believed, it would hide a release for a whole
   * TTL. An older version is news only when nothing was heard, as after a restore of the server.
   */
  answer(lease: Lease, now: Instant, asked: Lease | undefined): void {
    const overtaken =
      this.#lease !== asked && isOlder(lease.metadata.resourceVersion, this.#lease?.metadata.resourceVersion);
    if (!this.#exists || !overtaken) this.see(lease, now);
  }

  /** What the server says now, at `now`. */
  see(lease: Lease, now: Instant): void {
    const isSame = this.#exists && versionOf(lease) === versionOf(this.#lease);
    this.#exists = true;
    if (isSame) return;
    this.#lease = lease;
    this.#record = recordOf(lease);
    this.#changedAt = now;
  }

  /** An event of the watch, which may be older than a reply. */
  hear(lease: Lease, now: Instant): void {
    if (!this.#exists || !isOlder(lease.metadata.resourceVersion, this.#lease?.metadata.resourceVersion))
      this.see(lease, now);
  }

  /** The Lease does not exist. A holder whose time was running keeps it: its process does not know yet. */
  miss(): void {
    this.#exists = false;
  }

  /** Time until the present holder's grant has expired; 0 when it has, or when nobody holds the lock. */
  remaining(now: Instant): Duration {
    if (this.#record === undefined || this.#record.holder === '') return 0;
    return Math.max(0, this.#changedAt + this.#record.ttl - now);
  }

  view(now: Instant): LockView {
    const remaining = this.remaining(now);
    const { holder = '', nonce, epoch = 0, lastHolder } = this.#record ?? {};
    if (remaining > 0)
      return { kind: 'held', holder, epoch, remaining, ...(nonce !== undefined && { nonce }) };
    const last = holder === '' ? lastHolder : holder;
    return { kind: 'free', epoch, ...(last !== undefined && { lastHolder: last }) };
  }
}

function versionOf(lease: Lease | undefined): string {
  return `${lease?.metadata.uid}/${lease?.metadata.resourceVersion}`;
}
