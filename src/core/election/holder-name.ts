/**
 * The name under which a process holds a lock: `<id>/<place>/<incarnation>`. The id is for people, the incarnation makes it
 * unique, and the place says where it runs. Of one kind of place more is known: who is the first process of a container,
 * which a kubelet runs once at a time, has outlived every earlier one of that container, because the kernel ends a pid
 * namespace with its first process (pid_namespaces(7)) and the kubelet starts a container anew only when it has ended.
 */

/** Where a process runs. */
export type Place =
  /** A name that says nothing about who else runs there: of a host, or the uid of a pod. */
  | { readonly kind: 'named'; readonly name: string }
  /** It is the first process of this container of this pod. */
  | { readonly kind: 'container'; readonly podUid: string; readonly container: string };

/** `id` may contain slashes; `incarnation` must be unique, and must not. */
export function formatHolder(id: string, place: Place, incarnation: string): string {
  const where =
    place.kind === 'named' ? place.name.replaceAll(/[/:]/g, '-') : `${place.podUid}:${place.container}`;
  return `${id}/${where}/${incarnation}`;
}

/** Whether the other holder cannot be alive, because `own` runs as the first process of the same container of the same pod. */
export function isOutlived(own: string, other: string): boolean {
  const container = containerOf(own);
  return container !== undefined && container === containerOf(other) && own !== other;
}

function containerOf(holder: string): string | undefined {
  const place = holder.split('/').at(-2) ?? '';
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[a-z0-9-]{1,63}$/.test(place) ? place : undefined;
}
