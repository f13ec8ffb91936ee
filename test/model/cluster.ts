/** The protected cluster, as far as an election can see it: the fence anchor and a few objects with compare-and-set. */
import type { AnchorRecord, Epoch } from '../../src/core/election/record.ts';
import type { AnchorView, FenceAnchor, RaiseReply } from '../../src/ports/fence-anchor.ts';
import type { FaultyPath } from './network.ts';

export interface GuardedObject {
  readonly version: number;
  readonly term: Epoch;
}

export class Cluster {
  /** Set while the anchor's namespace is missing. */
  isNamespaceMissing = false;
  /** Called for each write that was accepted. */
  onAccepted: (object: number, epoch: Epoch, before: GuardedObject) => void = () => {};
  readonly #objects: GuardedObject[];
  #anchor: { readonly record: AnchorRecord; readonly version: number } | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(objects: number) {
    this.#objects = Array.from({ length: objects }, () => ({ version: 1, term: 0 }));
  }

  get objects(): readonly GuardedObject[] {
    return this.#objects;
  }

  get anchorRecord(): AnchorRecord | undefined {
    return this.#anchor?.record;
  }

  /** What an API server does: accepts a write only for the version it was made from. */
  write(index: number, version: number, epoch: Epoch): 'accepted' | 'conflict' {
    const before = this.#objects[index];
    if (before === undefined || before.version !== version) return 'conflict';
    this.#objects[index] = { version: version + 1, term: epoch };
    this.onAccepted(index, epoch, before);
    return 'accepted';
  }

  /** The anchor as one host reaches it. */
  anchorVia(path: FaultyPath): FenceAnchor {
    return {
      read: async (signal) => path.carry({ kind: 'read', name: 'anchor' }, () => this.#readAnchor(), signal),
      raise: async (record, version, signal) =>
        path.carry({ kind: 'acquire', name: 'anchor' }, () => this.#raiseAnchor(record, version), signal),
      watch: async (onChange, signal) => {
        let delivered = 0;
        const notify = (): void => {
          const anchor = this.#anchor;
          if (anchor === undefined) return;
          path.push(() => {
            if (signal.aborted || anchor.version <= delivered) return;
            delivered = anchor.version;
            onChange(anchor.record);
          });
        };
        this.#watchers.add(notify);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        this.#watchers.delete(notify);
      },
    };
  }

  /** Watches that lost events deliver the present state again, as a reconnected watch does. */
  redeliver(): void {
    for (const notify of this.#watchers) notify();
  }

  #readAnchor(): AnchorView {
    if (this.isNamespaceMissing) return { kind: 'refused', cause: 'namespace is missing' };
    if (this.#anchor === undefined) return { kind: 'absent' };
    return { kind: 'present', record: this.#anchor.record, version: String(this.#anchor.version) };
  }

  #raiseAnchor(record: AnchorRecord, version: string | undefined): RaiseReply {
    if (this.isNamespaceMissing) return { kind: 'refused', cause: 'namespace is missing' };
    const current = this.#anchor === undefined ? undefined : String(this.#anchor.version);
    if (current !== version) return { kind: 'conflict' };
    const next = { record, version: (this.#anchor?.version ?? 0) + 1 };
    this.#anchor = next;
    this.redeliver();
    return { kind: 'raised', version: String(next.version) };
  }
}
