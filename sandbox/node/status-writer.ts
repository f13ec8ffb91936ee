/**
 * Brings the status of one pod to the API server, and at the end asks it to remove the pod. Writes are one at a time and
 * carry the newest state, so that a burst of changes becomes one write. The last status is written, and acknowledged,
 * before the removal is asked for: whoever sees the pod gone could have seen how it ended.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { objectOf } from '../../src/adapters/kube/outcome.ts';
import type { Reply } from '../../src/adapters/kube/transport.ts';
import { SECOND } from '../../src/core/time.ts';
import type { Duration } from '../../src/core/time.ts';
import type { Link } from './link.ts';
import { isSameStatus, statusPatch } from './pod-status.ts';
import type { Pod, PodStatus } from './pod.ts';

/** What is to be written, asked for just before each write. */
export interface StatusSource {
  /** The pod as last read. */
  pod(): Pod;
  status(): PodStatus;
  /** Every process is gone and the pod is marked for deletion: remove it once that is written. */
  isRemovable(): boolean;
  /** The server's reply to a write. */
  seen(pod: Pod): void;
}

const RETRY: Duration = 0.1 * SECOND;
const RETRY_CAP: Duration = 5 * SECOND;

export class StatusWriter {
  readonly #link: Link;
  readonly #source: StatusSource;
  readonly #signal: AbortSignal;
  #dirty = false;
  #writing = false;
  #removed = false;

  /** Nothing is written after `signal` aborts. */
  constructor(link: Link, source: StatusSource, signal: AbortSignal) {
    this.#link = link;
    this.#source = source;
    this.#signal = signal;
  }

  /** The status may have changed. Returns at once. */
  touch(): void {
    this.#dirty = true;
    if (!this.#writing) void this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    let failures = 0;
    while (this.#dirty && !this.#signal.aborted) {
      this.#dirty = false;
      if (await this.#writeOnce()) failures = 0;
      else {
        this.#dirty = true;
        await this.#patience(failures++);
      }
    }
    this.#writing = false;
  }

  /** False when it has to be tried again. */
  async #writeOnce(): Promise<boolean> {
    const pod = this.#source.pod();
    const status = this.#source.status();
    if (!isSameStatus(pod.status, status)) {
      const reply = await this.#link.call({
        method: 'PATCH',
        path: `${pathOf(pod)}/status`,
        body: statusPatch(pod, status),
        contentType: 'application/strategic-merge-patch+json',
      });
      if (isGone(reply)) return true;
      if (reply.kind === 'failed' || reply.status !== 200) return false;
      const seen = objectOf<Pod>(reply.body);
      if (seen !== undefined) this.#source.seen(seen);
      if (this.#dirty) return true;
    }
    return !this.#source.isRemovable() || this.#removed || this.#remove(pod);
  }

  async #remove(pod: Pod): Promise<boolean> {
    const reply = await this.#link.call({
      method: 'DELETE',
      path: pathOf(pod),
      body: {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        gracePeriodSeconds: 0,
        preconditions: { uid: pod.metadata.uid },
      },
    });
    // 409: the name belongs to another pod by now.
    this.#removed = reply.kind === 'answered' && [200, 202, 404, 409].includes(reply.status);
    return this.#removed;
  }

  async #patience(failures: number): Promise<void> {
    try {
      await this.#link.whenOpen(this.#signal);
      const wait = Math.min(RETRY * 2 ** failures, RETRY_CAP);
      await sleep(wait, undefined, { signal: this.#signal, ref: false });
    } catch {
      // The signal aborted: the loop ends.
    }
  }
}

function pathOf({ metadata }: Pod): string {
  return `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
}

/** The watch will tell, or has told, that the pod does not exist any more. */
function isGone(reply: Reply): boolean {
  return reply.kind === 'answered' && reply.status === 404;
}
