/** A request as people count it: verb and resource as RBAC and the audit log name them. Few values, never a name. */

export interface RequestFacts {
  /** `get`, `list`, `watch`, `create`, `update`, `patch` or `delete`. */
  readonly verb: string;
  /** Plural, with its subresource: `pods`, `workloadprocesses/status`. */
  readonly resource: string;
  /** The HTTP status, or `failed` when no answer came. */
  readonly code: string;
}

export type RequestObserver = (request: RequestFacts) => void;

const WRITES: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Reads verb and resource from the path (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris). */
export function describeRequest(
  {
    method,
    path,
    query,
  }: { readonly method: string; readonly path: string; readonly query?: Readonly<Record<string, string>> },
  code: string,
): RequestFacts {
  const parts = path.split('/').slice(1);
  const inGroup = parts.slice(parts[0] === 'apis' ? 3 : 2);
  const [collection = '', , plural] = inGroup;
  // `namespaces/NAME/PLURAL` is inside a namespace, `namespaces/NAME` is the namespace itself.
  const [resource = '', name, subresource] =
    collection === 'namespaces' && plural !== undefined ? inGroup.slice(2) : inGroup;
  const read = query?.['watch'] === 'true' ? 'watch' : name === undefined ? 'list' : 'get';
  return {
    verb: WRITES[method] ?? read,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    code,
  };
}
