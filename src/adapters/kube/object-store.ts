/**
 * The objects of one cache. The watch is the truth; `put` lets the reply of an own write arrive first. An entry that
 * came from `put` is *ahead* until the watch has caught up with it; versions are compared only against such entries,
 * so that a server restored to an older state still wins everywhere else.
 */
import type { CacheChange, KubeObject } from '../../ports/cluster.ts';
import { isOlder, isOrdered } from './version.ts';

interface Entry<T> {
  readonly object: T;
  readonly ahead: boolean;
}

export class ObjectStore<T extends KubeObject> {
  #entries = new Map<string, Entry<T>>();
  readonly #handlers: ((change: CacheChange<T>) => void)[] = [];

  get(namespace: string, name: string): T | undefined {
    return this.#entries.get(`${namespace}/${name}`)?.object;
  }

  *values(): Iterable<T> {
    for (const { object } of this.#entries.values()) yield object;
  }

  onChange(handler: (change: CacheChange<T>) => void): void {
    this.#handlers.push(handler);
  }

  /** ADDED or MODIFIED in a watch. */
  observe(object: T): void {
    const key = keyOf(object);
    const known = this.#entries.get(key);
    if (known?.ahead && isOlder(versionOf(object), versionOf(known.object))) return;
    this.#set(key, object, false);
  }

  /** DELETED in a watch; the object carries the version of its removal. */
  remove(object: T): void {
    const key = keyOf(object);
    const known = this.#entries.get(key);
    if (known === undefined || (known.ahead && isOlder(versionOf(object), versionOf(known.object)))) return;
    this.#entries.delete(key);
    this.#emit({ kind: 'removed', object });
  }

  /** A complete state as of `version`: what it does not contain has vanished, unless it was put since. */
  replaceAll(objects: Iterable<T>, version: string): void {
    const present = new Set<string>();
    for (const object of objects) {
      present.add(keyOf(object));
      this.observe(object);
    }
    for (const [key, { object, ahead }] of this.#entries) {
      if (present.has(key) || (ahead && isOlder(version, versionOf(object)))) continue;
      this.#entries.delete(key);
      this.#emit({ kind: 'removed', object });
    }
  }

  /** The reply of an own write. `position`: the version up to which the watch has told everything. */
  put(object: T, position: string | undefined): void {
    const version = versionOf(object);
    if (!isOrdered(version)) return;
    // What the watch has passed it has either told or removed again.
    if (isOrdered(position) && !isOlder(position, version)) return;
    const key = keyOf(object);
    const known = this.#entries.get(key);
    if (known === undefined || isOlder(versionOf(known.object), version)) this.#set(key, object, true);
  }

  #set(key: string, object: T, ahead: boolean): void {
    const previous = this.#entries.get(key)?.object;
    this.#entries.set(key, { object, ahead });
    if (previous === undefined) this.#emit({ kind: 'changed', object });
    else if (previous.metadata.uid !== object.metadata.uid) {
      this.#emit({ kind: 'removed', object: previous });
      this.#emit({ kind: 'changed', object });
    } else if (versionOf(previous) !== versionOf(object)) this.#emit({ kind: 'changed', object, previous });
  }

  #emit(change: CacheChange<T>): void {
    for (const handler of this.#handlers) handler(change);
  }
}

function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function versionOf(object: KubeObject): string | undefined {
  return object.metadata.resourceVersion;
}
