/** A cache that a test feeds as a watch would, on the store of the real one. */
import { ObjectStore } from '../src/adapters/kube/object-store.ts';
import type { Cache, KubeObject } from '../src/ports/cluster.ts';

export interface MemoryCache<T extends KubeObject> extends Cache<T> {
  /** ADDED or MODIFIED in the watch. */
  observe(object: T): void;
  /** DELETED in the watch. */
  remove(object: T): void;
}

export function createMemoryCache<T extends KubeObject>(): MemoryCache<T> {
  const store = new ObjectStore<T>();
  return {
    get: (namespace, name) => store.get(namespace, name),
    values: () => store.values(),
    state: () => ({ synced: true }),
    synced: () => Promise.resolve(),
    put: (object) => store.put(object, undefined),
    onChange: (handler) => store.onChange(handler),
    run: () => Promise.resolve(),
    observe: (object) => store.observe(object),
    remove: (object) => store.remove(object),
  };
}
