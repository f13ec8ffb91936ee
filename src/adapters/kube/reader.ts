/**
 * Consistent reads: unless the caller says which version is new enough, no resourceVersion is sent, so the answer is at
 * least as new as any write that was answered.
 */
import type {
  ClusterReader,
  GetResult,
  KubeObject,
  ListResult,
  ObjectRef,
  ReadFailure,
  Resource,
  Scope,
} from '../../ports/cluster.ts';
import { fieldOf, objectOf, readFailureOf } from './outcome.ts';
import { collectionPath, objectPath } from './path.ts';
import type { Query, Transport } from './transport.ts';

const PAGE_SIZE = '500';

/** Times that a list whose continue token expired between two pages begins anew. */
const RESTARTS = 3;

export function openReader(transport: Transport): ClusterReader {
  return {
    async get<T extends KubeObject>(ref: ObjectRef, signal: AbortSignal): Promise<GetResult<T>> {
      const reply = await transport.call({ method: 'GET', path: objectPath(ref) }, signal);
      if (reply.kind === 'answered' && reply.status === 404) return { kind: 'gone' };
      if (reply.kind === 'failed' || reply.status !== 200) return readFailureOf(reply);
      const object = objectOf<T>(reply.body);
      return object === undefined
        ? { kind: 'unavailable', cause: 'the answer is not an object' }
        : { kind: 'done', object };
    },

    async list<T extends KubeObject>(
      resource: Resource,
      scope: Scope,
      signal: AbortSignal,
      atLeast?: string,
    ): Promise<ListResult<T>> {
      const first = {
        ...scopeQuery(scope),
        limit: PAGE_SIZE,
        ...(atLeast !== undefined && { resourceVersion: atLeast, resourceVersionMatch: 'NotOlderThan' }),
      };
      for (let restart = 0; restart <= RESTARTS; restart++) {
        const result = await listOnce(transport, { resource, scope, first }, signal, objectOf<T>);
        if (result.kind !== 'expired') return result;
      }
      return { kind: 'unavailable', cause: 'the list expired between pages, again and again' };
    },
  };
}

/** The query parameters of a scope. */
export function scopeQuery({ labelSelector, fieldSelector }: Scope): Query {
  return {
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  };
}

interface Listing {
  readonly resource: Resource;
  readonly scope: Scope;
  /** The query of the first page. */
  readonly first: Query;
}

/**
 * All pages of one revision. `expired`: the revision was compacted away between two pages. The server then offers a
 * token for the rest at a newer revision, which would not be consistent.
 */
async function listOnce<T extends KubeObject>(
  transport: Transport,
  { resource, scope, first }: Listing,
  signal: AbortSignal,
  toObject: (body: unknown) => T | undefined,
): Promise<ListResult<T> | { readonly kind: 'expired' } | ReadFailure> {
  const items: T[] = [];
  let token = '';
  for (;;) {
    // A token names its own revision: the server refuses another one beside it.
    const query = token === '' ? first : { ...scopeQuery(scope), limit: PAGE_SIZE, continue: token };
    const path = collectionPath(resource, scope.namespace);
    const reply = await transport.call({ method: 'GET', path, query }, signal);
    if (reply.kind === 'answered' && reply.status === 410 && token !== '') return { kind: 'expired' };
    if (reply.kind === 'failed' || reply.status !== 200) return readFailureOf(reply);
    const metadata = fieldOf(reply.body, 'metadata');
    const resourceVersion = fieldOf(metadata, 'resourceVersion');
    if (typeof resourceVersion !== 'string')
      return { kind: 'unavailable', cause: 'the answer is not a list' };
    const page = fieldOf(reply.body, 'items');
    for (const item of Array.isArray(page) ? page : []) {
      const object = toObject(item);
      if (object === undefined)
        return { kind: 'unavailable', cause: 'the list holds something without a name' };
      items.push(object);
    }
    const next = fieldOf(metadata, 'continue');
    if (typeof next !== 'string' || next === '') return { kind: 'done', items, resourceVersion };
    token = next;
  }
}
