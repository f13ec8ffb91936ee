/**
 * A cache kept by list and watch. It is always in one of three situations:
 *
 * - *Without a position* (at start, and after 410 Gone): it asks for the complete state. First choice is a watch that
 *   begins with every object and marks the end of them with a bookmark (`sendInitialEvents`, KEP-3157): one consistent
 *   read, streamed. A server that refuses it (400, 422), or sends no mark, is asked for consistent pages from then on;
 *   never for `resourceVersion=0`, which may answer with a state older than one seen before. The complete state
 *   replaces the cache: what it does not contain is reported as removed.
 * - *Watching from a position*: events and bookmarks move it forward.
 * - *Down*: the watch ended. If the server closed it after a healthy while (its timeout), or after news (a busy server
 *   closes watches that it cannot serve fast enough), the watch resumes at once; otherwise after a pause with full
 *   jitter that doubles up to a cap. The cache stays as it is and `state` says why.
 *
 * 410 comes as a status or as an ERROR event; both lose the position. So does a watch that told nothing, not even a
 * bookmark, until it counted as half-open: a server restored from a backup accepts a position from its own future and
 * stays silent. Every other end keeps the position. A handler that throws rejects `run`: a defect, not a network error.
 */
import type {
  Cache,
  CacheChange,
  CacheOptions,
  CacheState,
  ClusterReader,
  KubeObject,
  Resource,
} from '../../ports/cluster.ts';
import type { Clock, System } from '../../ports/system.ts';
import { MINUTE, SECOND, type Duration, type Instant } from '../../core/time.ts';
import { ObjectStore } from './object-store.ts';
import { statusOf } from './outcome.ts';
import { collectionPath } from './path.ts';
import { boundSignal, type Bound } from '../../ports/bound-signal.ts';
import { pause } from './pause.ts';
import { scopeQuery } from './reader.ts';
import type { Query, Transport } from './transport.ts';
import { readEvents, type StreamEnd, type WatchEvent } from './watch-stream.ts';

/** Pause before a broken watch is tried again: uniform in [0, min(cap, base · 2^failures)). */
export interface WatchBackoff {
  readonly base: Duration;
  readonly cap: Duration;
}

export interface ReflectorOptions<T extends KubeObject> extends CacheOptions<T> {
  readonly transport: Transport;
  readonly reader: ClusterReader;
  readonly resource: Resource;
  readonly system: System;
  readonly backoff?: WatchBackoff;
  /** Longest silence of a watch before it counts as half-open. Above the minute between two bookmarks. */
  readonly silence?: Duration;
  /** Called when the watch comes up (with a complete state) or goes down. */
  readonly onUp?: (up: boolean) => void;
  /** Called with the kind of its end when a watch ended that is to be begun again. */
  readonly onEnded?: (cause: End['kind']) => void;
}

const BACKOFF: WatchBackoff = { base: 0.8 * SECOND, cap: 30 * SECOND };
const SILENCE: Duration = 100 * SECOND;

/** A watch that lived this long makes earlier failures forgotten. */
const HEALTHY: Duration = 2 * MINUTE;

/** How often a type that does not exist is looked for. */
const ABSENT_PAUSE: Duration = MINUTE;

/** Longest silence inside the initial events; then the server is taken not to send their end mark. */
const MARK_LIMIT: Duration = 10 * SECOND;

const NO_MARK = 'the initial events have no end mark';

/** Above the `timeoutSeconds` that is asked for: a server that ignores it. */
const WATCH_LIMIT: Duration = 11 * MINUTE;

/** How one round of `#follow` ended. */
type End =
  | StreamEnd
  /** 410: the position is too old. */
  | { readonly kind: 'expired'; readonly cause: string }
  /** The server cannot stream the initial state. */
  | { readonly kind: 'unsupported'; readonly cause: string }
  /** 404: there is no such type, not even an empty collection of it. */
  | { readonly kind: 'absent'; readonly cause: string }
  /** 403: it may not be read. */
  | { readonly kind: 'forbidden'; readonly cause: string };

export class Reflector<T extends KubeObject> implements Cache<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #store = new ObjectStore<T>();
  readonly #waiting = new Set<() => void>();
  #position: string | undefined;
  #streams = true;
  #synced = false;
  #problem: string | undefined = 'not started';
  /** Since when the present watch is up. */
  #upSince: Instant | undefined;
  /** The present watch has moved the position: resuming it cannot spin. */
  #isMoving = false;
  /** The present watch has told something, if only a bookmark. */
  #heard = false;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
  }

  get(namespace: string, name: string): T | undefined {
    return this.#store.get(namespace, name);
  }

  values(): Iterable<T> {
    return this.#store.values();
  }

  state(): CacheState {
    return { synced: this.#synced, ...(this.#problem !== undefined && { problem: this.#problem }) };
  }

  async synced(signal: AbortSignal): Promise<void> {
    if (this.#synced) return;
    await new Promise<void>((resolve, reject) => {
      const leave = (settle: () => void) => (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', abort);
        settle();
      };
      const done = leave(resolve);
      const abort = leave(() => reject(new Error('aborted before the cache was complete')));
      if (signal.aborted) return abort();
      this.#waiting.add(done);
      signal.addEventListener('abort', abort);
    });
  }

  put(object: T): void {
    this.#store.put(this.#options.strip(object), this.#position);
  }

  onChange(handler: (change: CacheChange<T>) => void): void {
    this.#store.onChange(handler);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options.system;
    const { backoff = BACKOFF, silence = SILENCE } = this.#options;
    let failures = 0;
    let askedAnew = false;
    let warnedOf: End['kind'] | undefined;
    while (!signal.aborted) {
      const end = await this.#follow(signal);
      if (!signal.aborted) this.#options.onEnded?.(end.kind);
      const lived = this.#upSince === undefined ? 0 : clock.now() - this.#upSince;
      this.#upSince = undefined;
      const isWorking = lived >= HEALTHY || this.#isMoving;
      this.#isMoving = false;
      // With the position lost, or pages to fall back to, the next round asks for something else: no pause, once.
      askedAnew =
        !askedAnew &&
        (end.kind === 'unsupported' || (end.kind === 'expired' && this.#position !== undefined));
      if (end.kind === 'unsupported') this.#streams = false;
      const isLost = end.kind === 'expired' || end.kind === 'absent';
      if (isLost || (!this.#heard && lived >= 0.9 * silence)) this.#position = undefined;
      if (isWorking) failures = 0;
      if (signal.aborted || (end.kind === 'clean' && isWorking)) continue;
      this.#goDown('cause' in end ? end.cause : 'closed by the server');
      const backedOff = random.uniform() * Math.min(backoff.cap, backoff.base * 2 ** failures);
      const delay = askedAnew ? 0 : end.kind === 'absent' ? ABSENT_PAUSE : backedOff;
      const hint = HINT[end.kind];
      const facts = { resource: this.#options.resource.plural, end: end.kind, cause: this.#problem };
      if (end.kind === 'malformed')
        log.error('the API server sent something that is not a watch event', facts);
      else if (hint !== undefined && warnedOf !== end.kind) log.warn(hint, facts);
      else log.debug('watch ended', { ...facts, retryInMs: Math.round(delay) });
      if (hint !== undefined) warnedOf = end.kind;
      else if (lived > 0) warnedOf = undefined;
      if (askedAnew) continue;
      failures += 1;
      await pause(clock, delay, signal);
    }
    this.#goDown('stopped');
  }

  /** From the present situation to the end of one watch. */
  async #follow(signal: AbortSignal): Promise<End> {
    if (this.#position !== undefined) return this.#watch(this.#position, signal);
    if (this.#streams) return this.#watch(undefined, signal);
    const { reader, resource, scope, strip } = this.#options;
    const list = await reader.list<T>(resource, scope, signal);
    if (list.kind === 'refused') return endOf({ code: list.status, message: list.message }, false);
    if (list.kind === 'unavailable') return { kind: 'broken', cause: list.cause };
    this.#replaceAll(list.items.map(strip), list.resourceVersion);
    return this.#watch(list.resourceVersion, signal);
  }

  /** Watches from `position`, or from the complete state when there is none. */
  async #watch(position: string | undefined, signal: AbortSignal): Promise<End> {
    const { transport, resource, scope, system } = this.#options;
    const bound = boundSignal(
      system.clock,
      signal,
      Number.POSITIVE_INFINITY,
      'the initial events have no end mark',
    );
    try {
      const opened = await transport.open(
        collectionPath(resource, scope.namespace),
        this.#query(position),
        bound.signal,
        this.#options.silence ?? SILENCE,
      );
      if (opened.kind === 'failed') return { kind: 'broken', cause: opened.cause };
      if (opened.kind === 'answered')
        return endOf(statusOf(opened.body, opened.status), position === undefined);
      const initial = position === undefined ? new InitialState<T>(bound, system.clock) : undefined;
      if (initial === undefined) this.#comeUp();
      return await this.#consume(opened.body, initial, bound.signal);
    } finally {
      bound.release();
      bound.abort(new Error('the watch is over'));
    }
  }

  async #consume(
    body: AsyncIterable<Buffer>,
    initial: InitialState<T> | undefined,
    signal: AbortSignal,
  ): Promise<End> {
    const stream = readEvents<T>(body, signal);
    try {
      for (;;) {
        const next = await stream.next();
        if (next.done) return initial?.lacksMark(next.value) ?? next.value;
        for (const event of next.value) {
          if (event.type === 'ERROR') return endOf(event.status, initial?.isOpen ?? false);
          if (initial?.isOpen) this.#collect(event, initial);
          else this.#apply(event);
        }
      }
    } finally {
      await stream.return({ kind: 'clean' });
    }
  }

  #collect(event: Exclude<WatchEvent<T>, { type: 'ERROR' }>, initial: InitialState<T>): void {
    if (event.type !== 'BOOKMARK') initial.add(event.type, this.#options.strip(event.object));
    else if (event.endsInitialEvents) this.#replaceAll(initial.finish(), event.resourceVersion);
    if (!initial.isOpen) this.#comeUp();
  }

  #apply(event: Exclude<WatchEvent<T>, { type: 'ERROR' }>): void {
    this.#heard = true;
    if (event.type === 'BOOKMARK') {
      this.#position = event.resourceVersion;
      return;
    }
    this.#isMoving = true;
    const object = this.#options.strip(event.object);
    // Before the handlers run: what one of them puts is compared with the position that it has seen.
    this.#position = event.object.metadata.resourceVersion ?? this.#position;
    if (event.type === 'DELETED') this.#store.remove(object);
    else this.#store.observe(object);
  }

  #replaceAll(objects: Iterable<T>, version: string): void {
    this.#position = version;
    this.#store.replaceAll(objects, version);
    this.#synced = true;
    for (const done of this.#waiting) done();
  }

  #comeUp(): void {
    this.#upSince = this.#options.system.clock.now();
    this.#heard = false;
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#options.onUp?.(true);
  }

  #goDown(cause: string): void {
    const wasUp = this.#problem === undefined;
    this.#problem = cause;
    if (wasUp) this.#options.onUp?.(false);
  }

  #query(position: string | undefined): Query {
    return {
      ...scopeQuery(this.#options.scope),
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(290 + Math.floor(this.#options.system.random.uniform() * 291)),
      ...(position === undefined
        ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
        : { resourceVersion: position }),
    };
  }
}

/** Collects the initial events of a streaming list until their end mark; aborts the watch when they fall silent. */
class InitialState<T extends KubeObject> {
  readonly #bound: Bound;
  readonly #clock: Clock;
  readonly #objects = new Map<string, T>();
  isOpen = true;

  constructor(bound: Bound, clock: Clock) {
    this.#bound = bound;
    this.#clock = clock;
    this.#awaitNext();
  }

  add(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void {
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    if (type === 'DELETED') this.#objects.delete(key);
    else this.#objects.set(key, object);
    this.#awaitNext();
  }

  /** The mark came. */
  finish(): Iterable<T> {
    this.isOpen = false;
    this.#bound.extend(this.#clock.now() + WATCH_LIMIT);
    return this.#objects.values();
  }

  /** The end to report instead of `end` if the connection was fine and the mark did not come. */
  lacksMark(end: StreamEnd): End | undefined {
    const inTime = end.kind !== 'clean' && !this.#bound.signal.aborted;
    return inTime || !this.isOpen ? undefined : { kind: 'unsupported', cause: NO_MARK };
  }

  #awaitNext(): void {
    this.#bound.extend(this.#clock.now() + MARK_LIMIT);
  }
}

/** Said once when it begins: nothing but a person ends it. */
const HINT: { readonly [K in End['kind']]?: string } = {
  absent: 'this type does not exist: install its CustomResourceDefinition; looking again every minute',
  forbidden: 'this type may not be listed and watched: grant the right; trying again',
};

/** What a Status means for the watch. */
function endOf(
  { code, message }: { readonly code: number; readonly message: string },
  initial: boolean,
): End {
  if (code === 410) return { kind: 'expired', cause: message };
  if (code === 404) return { kind: 'absent', cause: message };
  if (code === 403) return { kind: 'forbidden', cause: message };
  if (initial && (code === 400 || code === 422)) return { kind: 'unsupported', cause: message };
  return { kind: 'broken', cause: message };
}
