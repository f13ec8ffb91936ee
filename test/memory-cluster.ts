/** The reads and writes of a cluster over objects in memory: compare-and-set by resourceVersion where a patch names one, one level deep. */
import type {
  Cluster,
  GetResult,
  KubeObject,
  ListResult,
  ObjectRef,
  PatchOperation,
  Resource,
  WriteResult,
} from '../src/ports/cluster.ts';

type Texts = Record<string, string>;
type Stored = KubeObject & { readonly data?: Texts };

export type MemoryCluster = Pick<Cluster, 'get' | 'list' | 'create' | 'replace' | 'patch'> & {
  /** Every write that was carried out. */
  readonly writes: number;
  put(resource: Resource, object: KubeObject): void;
  find(resource: Resource, namespace: string, name: string): Stored | undefined;
};

export function memoryCluster(): MemoryCluster {
  const objects = new Map<string, Stored>();
  let version = 0;
  let writes = 0;
  const pathOf = ({ resource, namespace, name }: ObjectRef): string =>
    `${resource.plural}/${namespace}/${name}`;
  const keep = (path: string, object: KubeObject): void => {
    version += 1;
    objects.set(path, { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } });
  };
  const placeOf = ({ plural }: Resource, { metadata }: KubeObject): string =>
    `${plural}/${metadata.namespace ?? ''}/${metadata.name}`;
  // What was put in is what the caller of the port says it is.
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a port cannot say more
  const as = <T extends KubeObject>(object: KubeObject | undefined): T => object as T;
  return {
    get writes() {
      return writes;
    },
    put: (resource, object) => keep(placeOf(resource, object), object),
    find: ({ plural }, namespace, name) => objects.get(`${plural}/${namespace}/${name}`),
    get: <T extends KubeObject>(ref: ObjectRef): Promise<GetResult<T>> => {
      const object = objects.get(pathOf(ref));
      return Promise.resolve(
        object === undefined ? { kind: 'gone' } : { kind: 'done', object: as<T>(object) },
      );
    },
    list: <T extends KubeObject>({ plural }: Resource): Promise<ListResult<T>> => {
      const items = [...objects]
        .filter(([path]) => path.startsWith(`${plural}/`))
        .map(([, one]) => as<T>(one));
      return Promise.resolve({ kind: 'done', items, resourceVersion: String(version) });
    },
    create: <T extends KubeObject>(resource: Resource, object: T): Promise<WriteResult<T>> => {
      const path = placeOf(resource, object);
      if (objects.has(path)) return Promise.resolve({ kind: 'exists', message: path });
      keep(path, object);
      writes += 1;
      return Promise.resolve({ kind: 'done', object: as<T>(objects.get(path)) });
    },
    replace: <T extends KubeObject>(resource: Resource, object: T): Promise<WriteResult<T>> => {
      const path = placeOf(resource, object);
      const present = objects.get(path);
      if (present === undefined) return Promise.resolve({ kind: 'gone' });
      if (present.metadata.resourceVersion !== object.metadata.resourceVersion)
        return Promise.resolve({ kind: 'conflict', message: path });
      keep(path, object);
      writes += 1;
      return Promise.resolve({ kind: 'done', object: as<T>(objects.get(path)) });
    },
    patch: <T extends KubeObject>(
      ref: ObjectRef,
      operations: readonly PatchOperation[],
    ): Promise<WriteResult<T>> => {
      const path = pathOf(ref);
      const object = objects.get(path);
      if (object === undefined) return Promise.resolve({ kind: 'gone' });
      const pin = operations.find((operation) => operation.path === '/metadata/resourceVersion');
      const rest = operations.filter((operation) => operation !== pin);
      if (pin !== undefined && (!('value' in pin) || pin.value !== object.metadata.resourceVersion))
        return Promise.resolve({ kind: 'conflict', message: path });
      const next = structuredClone(object) as { data?: Texts; metadata: { annotations?: Texts } };
      for (const operation of rest) {
        const isData = operation.path.startsWith('/data');
        const parent = isData ? (next.data ??= {}) : (next.metadata.annotations ??= {});
        const at = operation.path.slice((isData ? '/data/' : '/metadata/annotations/').length);
        const field = at.replaceAll('~1', '/').replaceAll('~0', '~');
        if (operation.op === 'remove') delete parent[field];
        else if (field !== '') parent[field] = String(operation.value);
      }
      keep(path, next as Stored);
      writes += 1;
      return Promise.resolve({ kind: 'done', object: as<T>(objects.get(path)) });
    },
  };
}
