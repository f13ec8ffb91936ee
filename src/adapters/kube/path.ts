/** URL paths of the API (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris). */
import type { ObjectRef, Resource } from '../../ports/cluster.ts';

/** The collection: of one namespace, or of all when `namespace` is absent or empty. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.group === '' ? '/api' : `/apis/${resource.group}`;
  const inside = resource.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}/${resource.version}${inside}/${resource.plural}`;
}

export function objectPath(ref: ObjectRef, subresource?: string): string {
  const path = `${collectionPath(ref.resource, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}
