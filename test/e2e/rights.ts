/** Rights as texts that can be compared: what RBAC rules grant, and what requests in an audit log took. */
import type { Manifest } from '../../sandbox/api.ts';
import type { AuditEvent } from '../../sandbox/control-plane/audit.ts';

/** An rbac.authorization.k8s.io/v1 PolicyRule, as far as the shipped roles use it. */
interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** `verb group/resource`, with the one namespace of a Role and the one name that a rule may be limited to. */
function rightOf(verb: string, group: string, resource: string, name?: string, namespace?: string): string {
  const type = group === '' ? resource : `${group}/${resource}`;
  const what = name === undefined ? type : `${type} ${name}`;
  return namespace === undefined ? `${verb} ${what}` : `${verb} ${what} in ${namespace}`;
}

/** Each right that the Roles and ClusterRoles among these objects grant, once. */
export function grantedRights(objects: readonly Manifest[]): readonly string[] {
  const rights = objects
    .filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole')
    .flatMap(({ rules, metadata }) =>
      (rules as PolicyRule[]).flatMap(({ apiGroups, resources, resourceNames = [undefined], verbs }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) =>
            resourceNames.flatMap((name) =>
              verbs.map((verb) => rightOf(verb, group, resource, name, metadata.namespace)),
            ),
          ),
        ),
      ),
    );
  return [...new Set(rights)].toSorted();
}

/** Every right that would have been enough for this request: with and without its name and namespace. */
export function takenRights({ verb, objectRef }: AuditEvent): readonly string[] {
  const { resource, subresource, apiGroup = '', name, namespace } = objectRef ?? {};
  if (resource === undefined) return [];
  const type = subresource === undefined ? resource : `${resource}/${subresource}`;
  return [undefined, name].flatMap((one) =>
    [undefined, namespace].map((where) => rightOf(verb, apiGroup, type, one, where)),
  );
}

/**
 * Requests of these users that were refused for want of a right. Refusals by admission, and creates in a namespace that
 * is being deleted, are not among them.
 */
export async function missingRights(
  audit: AsyncIterable<AuditEvent>,
  users: ReadonlySet<string>,
): Promise<readonly string[]> {
  const missing = new Set<string>();
  for await (const { user, verb, requestURI, responseStatus } of audit) {
    const isForWantOfARight = /\bUser ".*" cannot /.test(responseStatus?.message ?? '');
    if (users.has(user.username) && responseStatus?.code === 403 && isForWantOfARight)
      missing.add(`${user.username}: ${verb} ${requestURI}`);
  }
  return [...missing];
}
