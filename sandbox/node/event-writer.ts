/**
 * Tells what happens to containers in the words of a kubelet (pkg/kubelet/events/event.go), for `kubectl describe pod` and
 * whoever watches events. One event at a time; what finds a long queue before it is dropped, as client-go's recorder does
 * (tools/record/event.go), and so is what cannot be written because the node is cut off.
 */
import { randomUUID } from 'node:crypto';

import type { Link } from './link.ts';
import { apiTime } from './pod.ts';
import type { ContainerSpec, Pod } from './pod.ts';

/** The reasons told here. A kubelet knows more. */
export type EventReason = 'Pulled' | 'Created' | 'Started' | 'Killing' | 'Failed';

/** Events waiting, at most: the length of client-go's queue. */
const BACKLOG = 1000;

export class EventWriter {
  readonly #link: Link;
  readonly #node: string;
  readonly #backlog: { readonly path: string; readonly body: unknown }[] = [];
  #isWriting = false;

  constructor(link: Link, node: string) {
    this.#link = link;
    this.#node = node;
  }

  /** Returns at once. */
  tell({ metadata }: Pod, container: ContainerSpec, reason: EventReason, message: string): void {
    if (this.#backlog.length >= BACKLOG) return;
    const { namespace, name, uid, resourceVersion } = metadata;
    const now = apiTime(Date.now());
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace, name: `${name.slice(0, 200)}.${randomUUID().slice(0, 18)}` },
      involvedObject: {
        apiVersion: 'v1',
        kind: 'Pod',
        namespace,
        name,
        uid,
        resourceVersion,
        fieldPath: `spec.containers{${container.name}}`,
      },
      type: reason === 'Failed' ? 'Warning' : 'Normal',
      reason,
      message,
      source: { component: 'kubelet', host: this.#node },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      reportingComponent: 'kubelet',
      reportingInstance: this.#node,
    };
    this.#backlog.push({ path: `/api/v1/namespaces/${namespace}/events`, body });
    if (!this.#isWriting) void this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    for (let next = this.#backlog.shift(); next !== undefined; next = this.#backlog.shift())
      await this.#link.callAtOnce({ method: 'POST', ...next });
    this.#isWriting = false;
  }
}
