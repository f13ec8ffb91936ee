/**
 * The API server as far as singletons need it: objects with versions, compare-and-set, finalizers, graceful deletion of
 * bound pods, and an ordered log of changes that watches read. Written from the Kubernetes API conventions, and simple
 * enough to be believed: everything happens at once and in one order.
 */
import type { KubeObject, PatchOperation, Scope, WriteResult } from '../../src/ports/cluster.ts';

/** What is looked at here of any object. */
export interface Stored extends KubeObject {
  readonly spec?: {
    readonly nodeName?: string;
    readonly schedulingGates?: readonly { readonly name: string }[];
    readonly replicas?: number;
    readonly template?: { readonly metadata?: object; readonly spec?: object };
    readonly terminationGracePeriodSeconds?: number;
  };
  readonly status?: { readonly phase?: string };
}

export interface Change {
  readonly revision: number;
  readonly kind: 'changed' | 'removed';
  readonly plural: string;
  readonly object: Stored;
}

const CONFLICT = { kind: 'conflict', message: 'the object has been modified' } as const;

export class ApiServer {
  readonly log: Change[] = [];
  readonly #objects = new Map<string, Stored>();
  readonly #listeners = new Set<(change: Change) => void>();
  #uids = 0;

  get revision(): number {
    return this.log.length;
  }

  /** Told of each change, in order, until the answer is called. */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get(plural: string, namespace: string, name: string): Stored | undefined {
    return this.#objects.get(pathOf(plural, namespace, name));
  }

  /** In the order of their names, as the store of the API server keeps them. */
  list(plural: string, scope: Scope = {}): readonly Stored[] {
    const all = [...this.#objects].filter(([path]) => path.startsWith(`${plural}/`));
    all.sort(([a], [b]) => (a < b ? -1 : 1));
    return all.map(([, object]) => object).filter((object) => isInScope(object, scope));
  }

  create(plural: string, object: Stored): WriteResult {
    const { namespace = '', name } = object.metadata;
    if (this.get(plural, namespace, name) !== undefined) return { kind: 'exists', message: name };
    this.#uids += 1;
    const born = structuredClone(object);
    return done(this.#store(plural, { ...born, metadata: { ...born.metadata, uid: `uid-${this.#uids}` } }));
  }

  /** PUT with the version that was read. */
  replace(plural: string, object: Stored): WriteResult {
    const { namespace = '', name, resourceVersion } = object.metadata;
    const present = this.get(plural, namespace, name);
    if (present === undefined) return { kind: 'gone' };
    if (present.metadata.resourceVersion !== resourceVersion) return CONFLICT;
    return done(this.#settle(plural, structuredClone(object)));
  }

  patch(plural: string, namespace: string, name: string, operations: readonly PatchOperation[]): WriteResult {
    const present = this.get(plural, namespace, name);
    if (present === undefined) return { kind: 'gone' };
    const version = present.metadata.resourceVersion;
    const pin = operations.find(({ path }) => path === '/metadata/resourceVersion');
    if (pin !== undefined && (pin.op === 'remove' || pin.value !== version)) return CONFLICT;
    const next = structuredClone(present);
    for (const operation of operations)
      if (operation !== pin && !change(next, operation))
        return { kind: 'refused', status: 422, reason: 'Invalid', message: `no ${operation.path}` };
    return done(this.#settle(plural, next));
  }

  /** Without preconditions it is the hand of a person. A bound pod stays until its kubelet has reported its end. */
  delete(
    plural: string,
    namespace: string,
    name: string,
    expected: { readonly uid?: string; readonly resourceVersion?: string; readonly isForced?: boolean } = {},
  ): WriteResult {
    const present = this.get(plural, namespace, name);
    if (present === undefined) return { kind: 'gone' };
    const { uid, resourceVersion } = present.metadata;
    if ((expected.uid ?? uid) !== uid) return CONFLICT;
    if ((expected.resourceVersion ?? resourceVersion) !== resourceVersion) return CONFLICT;
    const grace = present.spec?.terminationGracePeriodSeconds ?? 30;
    const isWaitedFor =
      plural === 'pods' && isBound(present) && !isEnded(present) && expected.isForced !== true;
    const metadata = {
      ...present.metadata,
      deletionTimestamp: present.metadata.deletionTimestamp ?? 'now',
      deletionGracePeriodSeconds: isWaitedFor ? grace : 0,
    };
    return done(this.#settle(plural, { ...present, metadata }));
  }

  /** A machine of the cluster writes, on what is there now; nothing if it is gone, or is another one by now. */
  amend(plural: string, { metadata }: Stored, edit: (object: Stored) => Stored): void {
    const present = this.get(plural, metadata.namespace ?? '', metadata.name);
    if (present?.metadata.uid === metadata.uid && present !== undefined) this.#settle(plural, edit(present));
  }

  /** Stored, or removed where nothing holds it back any more. */
  #settle(plural: string, object: Stored): Stored {
    const { deletionTimestamp, deletionGracePeriodSeconds, finalizers = [] } = object.metadata;
    const isHeld = finalizers.length > 0 || (deletionGracePeriodSeconds ?? 0) > 0;
    if (deletionTimestamp === undefined || isHeld) return this.#store(plural, object);
    const { namespace = '', name } = object.metadata;
    this.#objects.delete(pathOf(plural, namespace, name));
    return this.#append('removed', plural, object);
  }

  #store(plural: string, object: Stored): Stored {
    const { namespace = '', name } = object.metadata;
    const stored = this.#append('changed', plural, object);
    this.#objects.set(pathOf(plural, namespace, name), stored);
    return stored;
  }

  #append(kind: Change['kind'], plural: string, object: Stored): Stored {
    const revision = this.log.length + 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    const entry = { revision, kind, plural, object: stored };
    this.log.push(entry);
    for (const listener of this.#listeners) listener(entry);
    return stored;
  }
}

export function isBound({ spec }: Stored): boolean {
  return (spec?.nodeName ?? '') !== '';
}

export function isEnded({ status }: Stored): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

export function isInScope({ metadata }: Stored, { namespace, labelSelector, fieldSelector }: Scope): boolean {
  if (namespace !== undefined && metadata.namespace !== namespace) return false;
  if (fieldSelector !== undefined && fieldSelector !== `metadata.name=${metadata.name}`) return false;
  const labels = metadata.labels ?? {};
  return (labelSelector ?? '')
    .split(',')
    .filter((term) => term !== '')
    .every((term) => {
      if (term.startsWith('!')) return !(term.slice(1) in labels);
      const [label = '', value] = term.split('=');
      return value === undefined ? label in labels : labels[label] === value;
    });
}

function done(object: Stored): WriteResult {
  return { kind: 'done', object };
}

function pathOf(plural: string, namespace: string, name: string): string {
  return `${plural}/${namespace}/${name}`;
}

/** One operation of RFC 6902, in place; false where there is nothing to replace or remove. */
function change(root: object, operation: PatchOperation): boolean {
  const steps = operation.path.slice(1).split('/');
  const names = steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = names.pop() ?? '';
  let at = root as Record<string, unknown>;
  for (const name of names) {
    const next = at[name];
    if (typeof next !== 'object' || next === null) return false;
    at = next as Record<string, unknown>;
  }
  if (operation.op !== 'add' && !(last in at)) return false;
  if (operation.op === 'remove') {
    if (Array.isArray(at)) at.splice(Number(last), 1);
    else delete at[last];
  } else if (Array.isArray(at) && operation.op === 'add')
    at.splice(last === '-' ? at.length : Number(last), 0, operation.value);
  else at[last] = operation.value;
  return true;
}
