/** The API server as one process reaches it: over a path that delays and loses, with watches that are late but in order. */
import { ObjectStore } from '../../src/adapters/kube/object-store.ts';
import type {
  Cache,
  CacheOptions,
  Cluster,
  GetResult,
  KubeObject,
  ListResult,
  ObjectRef,
  Resource,
  Scope,
  WriteResult,
} from '../../src/ports/cluster.ts';
import { isInScope, type ApiServer, type Stored } from './api-server.ts';
import type { FaultyPath } from './network.ts';
import type { Host, World } from './world.ts';

/** After this time a read is given up, as the real client does. */
const READ_TIMEOUT = 2000;
/** A watch that lost what it was told is resumed within this time. */
const RESUMED_AFTER = 300;

export interface ClientParts {
  readonly world: World;
  readonly host: Host;
  readonly server: ApiServer;
  readonly path: FaultyPath;
}

/** Every cache runs until the signal aborts that it is run with. */
export function connectClient(parts: ClientParts): Cluster {
  const { server } = parts;
  // What was put in is what the caller of the port says it is.
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a port cannot say more
  const as = <T>(value: unknown): T => value as T;
  const read = async <T>(apply: () => T, signal: AbortSignal) =>
    (await ask(parts, 'read', apply, signal)) ?? { kind: 'unavailable' as const, cause: 'no answer' };
  const write = async <T extends KubeObject>(
    apply: () => WriteResult,
    signal: AbortSignal,
  ): Promise<WriteResult<T>> =>
    as((await ask(parts, 'renew', apply, signal)) ?? { kind: 'unknown', cause: 'no answer' });
  return {
    address: 'simulated',
    list: <T extends KubeObject>(
      { plural }: Resource,
      scope: Scope,
      signal: AbortSignal,
    ): Promise<ListResult<T>> =>
      read<ListResult<T>>(() => {
        const items = as<readonly T[]>(server.list(plural, scope));
        return { kind: 'done', items, resourceVersion: String(server.revision) };
      }, signal),
    get: <T extends KubeObject>(
      { resource, namespace, name }: ObjectRef,
      signal: AbortSignal,
    ): Promise<GetResult<T>> =>
      read<GetResult<T>>(() => {
        const object = server.get(resource.plural, namespace, name);
        return object === undefined ? { kind: 'gone' } : { kind: 'done', object: as<T>(object) };
      }, signal),
    create: ({ plural }, object, signal) => write(() => server.create(plural, as<Stored>(object)), signal),
    replace: ({ plural }, object, signal) => write(() => server.replace(plural, as<Stored>(object)), signal),
    patch: ({ resource, namespace, name }, operations, signal) =>
      write(() => server.patch(resource.plural, namespace, name, operations), signal),
    delete: ({ resource, namespace, name }, expected, _propagation, signal, grace) =>
      write(
        () => server.delete(resource.plural, namespace, name, { ...expected, isForced: grace === 'none' }),
        signal,
      ),
    rehearse: () => Promise.resolve({ kind: 'unknown', cause: 'not simulated' }),
    warmUp: () => Promise.resolve(),
    cache: <T extends KubeObject>(resource: Resource, options: CacheOptions<T>) =>
      new WatchedCache<T>(parts, resource, options),
    close: () => Promise.resolve(),
  };
}

/** Undefined when no answer came before the caller gave up. Bytes that were sent stay sent: the server may act on them later. */
async function ask<Reply>(
  { path, host }: ClientParts,
  kind: 'read' | 'renew',
  apply: () => Reply,
  signal: AbortSignal,
): Promise<Reply | undefined> {
  if (signal.aborted) return undefined;
  const { promise, resolve } = Promise.withResolvers<Reply | undefined>();
  const giveUp = (): void => resolve(undefined);
  signal.addEventListener('abort', giveUp);
  const timer = host.clock.timer(host.clock.now() + READ_TIMEOUT, giveUp);
  const carry = async (): Promise<void> => {
    const never = new AbortController().signal;
    const boxed = await path.carry({ kind, name: 'object' }, () => ({ reply: apply() }), never);
    resolve('reply' in boxed ? boxed.reply : undefined);
  };
  void carry();
  const reply = await promise;
  timer.cancel();
  signal.removeEventListener('abort', giveUp);
  return reply;
}

class WatchedCache<T extends KubeObject> implements Cache<T> {
  readonly #parts: ClientParts;
  readonly #resource: Resource;
  readonly #options: CacheOptions<T>;
  readonly #store = new ObjectStore<T>();
  readonly #synced = Promise.withResolvers<void>();
  #position = 0;
  #isSynced = false;

  constructor(parts: ClientParts, resource: Resource, options: CacheOptions<T>) {
    this.#parts = parts;
    this.#resource = resource;
    this.#options = options;
  }

  get(namespace: string, name: string): T | undefined {
    return this.#store.get(namespace, name);
  }

  values(): Iterable<T> {
    return this.#store.values();
  }

  state(): { readonly synced: boolean } {
    return { synced: this.#isSynced };
  }

  synced(): Promise<void> {
    return this.#synced.promise;
  }

  put(object: T): void {
    this.#store.put(this.#options.strip(object), String(this.#position));
  }

  onChange(handler: Parameters<Cache<T>['onChange']>[0]): void {
    this.#store.onChange(handler);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { server, world, host } = this.#parts;
    const forget = server.onChange(({ plural }) => {
      if (plural === this.#resource.plural) this.#tell();
    });
    const resume = (): void => {
      if (signal.aborted || host.isDead) return forget();
      if (this.#position < server.revision) this.#tell();
      world.at(world.now + RESUMED_AFTER, resume);
    };
    resume();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    forget();
  }

  /** The server sends everything up to now, at first as a list; it arrives late, and not after what was sent later. */
  #tell(): void {
    const { server, path } = this.#parts;
    const { revision } = server;
    const listed = this.#isSynced ? undefined : server.list(this.#resource.plural, this.#options.scope);
    path.push(() => (this.#isSynced ? this.#follow(revision) : this.#fill(revision, listed ?? [])));
  }

  #fill(revision: number, listed: readonly Stored[]): void {
    for (const object of listed) this.#store.observe(this.#options.strip(object as unknown as T));
    this.#position = revision;
    this.#isSynced = true;
    this.#synced.resolve();
  }

  #follow(revision: number): void {
    const { log } = this.#parts.server;
    for (; this.#position < revision; this.#position += 1) {
      const entry = log[this.#position];
      if (entry === undefined || entry.plural !== this.#resource.plural) continue;
      // What leaves the selection is removed, as a watch with a selector tells it.
      const isSeen = entry.kind === 'changed' && isInScope(entry.object, this.#options.scope);
      const object = this.#options.strip(entry.object as unknown as T);
      const { namespace = '', name } = entry.object.metadata;
      if (isSeen) this.#store.observe(object);
      else if (this.#store.get(namespace, name) !== undefined) this.#store.remove(object);
    }
  }
}
