/**
 * The environment of a container, by the rules of Kubernetes: `envFrom` first, then `env` in order, later entries
 * winning; `$(NAME)` is replaced by what was defined before it, `$$` is a literal `$`, and an unknown name stays as it is
 * written (third_party/forked/golang/expansion of Kubernetes).
 */
import type { ContainerSpec, EnvVariable, Pod, SourceData } from './pod.ts';

/** Where a pod runs, for the downward API. */
export interface PodPlace {
  readonly nodeName: string;
  readonly hostIP: string;
  readonly podIP: string;
}

/** Finds a ConfigMap or Secret of the pod's namespace; undefined when there is none. */
export type SourceLookup = (kind: 'ConfigMap' | 'Secret', name: string) => SourceData | undefined;

/** A value, or the message of the waiting reason `CreateContainerConfigError`. */
export type Rendered<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'missing'; readonly message: string };

export function done<T>(value: T): Rendered<T> {
  return { kind: 'done', value };
}

export function missing(message: string): { readonly kind: 'missing'; readonly message: string } {
  return { kind: 'missing', message };
}

/** Replaces `$(NAME)` where `lookup` knows the name. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (lookup(name) ?? whole),
  );
}

/** The value of a `fieldRef`; undefined for a path that the downward API does not have. */
export function fieldValue(pod: Pod, place: PodPlace, path: string): string | undefined {
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed !== null)
    return pod.metadata[keyed[1] === 'labels' ? 'labels' : 'annotations']?.[keyed[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace;
    case 'metadata.uid':
      return pod.metadata.uid;
    case 'metadata.labels':
      return mapLines(pod.metadata.labels);
    case 'metadata.annotations':
      return mapLines(pod.metadata.annotations);
    case 'spec.nodeName':
      return place.nodeName;
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? 'default';
    case 'status.hostIP':
    case 'status.hostIPs':
      return place.hostIP;
    case 'status.podIP':
    case 'status.podIPs':
      return place.podIP;
    default:
      return undefined;
  }
}

/** A whole map as a downward API file shows it: sorted `key="value"` lines. */
function mapLines(map: Readonly<Record<string, string>> = {}): string {
  return Object.entries(map)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

/**
 * The variables that `container` declares. A source or key that does not exist, and is not optional, makes the answer
 * `missing` with the kubelet's wording.
 */
export function renderEnvironment(
  pod: Pod,
  container: ContainerSpec,
  place: PodPlace,
  sources: SourceLookup,
): Rendered<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const from of container.envFrom ?? []) {
    const kind = from.secretRef === undefined ? 'ConfigMap' : 'Secret';
    const ref = from.secretRef ?? from.configMapRef;
    const data = sources(kind, ref?.name ?? '');
    if (data === undefined && ref?.optional !== true) return missing(notFound(kind, ref?.name));
    for (const [key, value] of Object.entries(data ?? {}))
      env[`${from.prefix ?? ''}${key}`] = value.toString();
  }
  for (const variable of container.env ?? []) {
    const value = variableValue(variable, pod, place, sources, env);
    if (value.kind === 'missing') return value;
    if (value.value !== undefined) env[variable.name] = value.value;
  }
  return done(env);
}

function variableValue(
  variable: EnvVariable,
  pod: Pod,
  place: PodPlace,
  sources: SourceLookup,
  env: Readonly<Record<string, string>>,
): Rendered<string | undefined> {
  const from = variable.valueFrom;
  if (from === undefined) return done(expand(variable.value ?? '', (name) => env[name]));
  if (from.fieldRef !== undefined) {
    const value = fieldValue(pod, place, from.fieldRef.fieldPath);
    return value === undefined ? missing(`unsupported fieldPath: ${from.fieldRef.fieldPath}`) : done(value);
  }
  const kind = from.secretKeyRef === undefined ? 'ConfigMap' : 'Secret';
  const ref = from.secretKeyRef ?? from.configMapKeyRef;
  if (ref === undefined) return missing(`env ${variable.name}: this node has no resourceFieldRef`);
  const data = sources(kind, ref.name ?? '');
  const value = data?.[ref.key];
  if (value !== undefined) return done(value.toString());
  if (ref.optional === true) return done(undefined);
  if (data === undefined) return missing(notFound(kind, ref.name));
  return missing(`couldn't find key ${ref.key} in ${kind} ${pod.metadata.namespace}/${ref.name}`);
}

export function notFound(kind: 'ConfigMap' | 'Secret', name: string | undefined): string {
  return `${kind.toLowerCase()} "${name ?? ''}" not found`;
}
