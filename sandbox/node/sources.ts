/** The ConfigMaps and Secrets of one pod, as far as its containers refer to them. */
import { objectOf } from '../../src/adapters/kube/outcome.ts';
import { objectPath } from '../../src/adapters/kube/path.ts';
import { CONFIG_MAPS } from '../../src/ports/cluster.ts';
import type { KubeObject, Resource } from '../../src/ports/cluster.ts';
import type { SourceLookup } from './environment.ts';
import type { Link } from './link.ts';
import type { ContainerSpec, Pod, SourceData, Volume, VolumeSource } from './pod.ts';

type SourceKind = 'ConfigMap' | 'Secret';

/** One source of the pod's namespace. */
export interface SourceKey {
  readonly kind: SourceKind;
  readonly name: string;
}

const SECRETS: Resource = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true };

interface SourceObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** The sources inside a volume. One with a service account token is none of ours: see `filesOf`. */
export function volumeSources(volume: Volume): readonly VolumeSource[] {
  return volume.projected === undefined ? [volume] : (volume.projected.sources ?? []);
}

/** Everything that starting the container needs to read. */
export function referencedSources(
  container: ContainerSpec,
  volumes: readonly Volume[],
): readonly SourceKey[] {
  const found = new Map<string, SourceKey>();
  const add = (kind: SourceKind, name: string | undefined): void => {
    if (name !== undefined && name !== '') found.set(`${kind}/${name}`, { kind, name });
  };
  for (const { valueFrom } of container.env ?? []) {
    add('ConfigMap', valueFrom?.configMapKeyRef?.name);
    add('Secret', valueFrom?.secretKeyRef?.name);
  }
  for (const from of container.envFrom ?? []) {
    add('ConfigMap', from.configMapRef?.name);
    add('Secret', from.secretRef?.name);
  }
  for (const source of volumes.flatMap(volumeSources)) {
    add('ConfigMap', source.configMap?.name);
    add('Secret', source.secret?.secretName ?? source.secret?.name);
  }
  return [...found.values()];
}

/** Reads sources, and remembers what it read last for when the API server cannot be reached, as a kubelet does. */
export class SourceReader {
  readonly #link: Link;
  readonly #known = new Map<string, SourceData | undefined>();

  constructor(link: Link) {
    this.#link = link;
  }

  /** Answers a lookup over `wanted`, or why one of them cannot be told. */
  async read(pod: Pod, wanted: readonly SourceKey[]): Promise<SourceLookup | string> {
    const { namespace } = pod.metadata;
    const problems = await Promise.all(wanted.map((key) => this.#refresh(namespace, key)));
    const problem = problems.find((one) => one !== undefined);
    if (problem !== undefined) return problem;
    const known = new Map(this.#known);
    return (kind, name) => known.get(`${kind}/${name}`);
  }

  async #refresh(namespace: string, { kind, name }: SourceKey): Promise<string | undefined> {
    const key = `${kind}/${name}`;
    const resource = kind === 'Secret' ? SECRETS : CONFIG_MAPS;
    const path = objectPath({ resource, namespace, name });
    const reply = await this.#link.call({ method: 'GET', path });
    const status = reply.kind === 'answered' ? reply.status : 0;
    const object =
      reply.kind === 'answered' && status === 200 ? objectOf<SourceObject>(reply.body) : undefined;
    if (object !== undefined) this.#known.set(key, decode(kind, object));
    else if (status === 404) this.#known.set(key, undefined);
    else if (!this.#known.has(key))
      return `failed to read ${kind} "${name}": ${reply.kind === 'failed' ? reply.cause : `HTTP ${status}`}`;
    return undefined;
  }
}

function decode(kind: SourceKind, object: SourceObject): SourceData {
  const text = kind === 'Secret' ? 'base64' : 'utf8';
  return {
    ...Object.fromEntries(
      Object.entries(object.data ?? {}).map(([key, value]) => [key, Buffer.from(value, text)]),
    ),
    ...Object.fromEntries(
      Object.entries(object.binaryData ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
    ),
  };
}
