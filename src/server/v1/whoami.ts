/** Who the caller is taken for, and what they may do: the same questions that an action would ask. */
import { ACTIONS } from '../../api/v1/action.ts';
import type { Permission, WhoAmI } from '../../api/v1/schema/action.ts';
import { controlName } from '../../core/workload/names.ts';
import { CONFIG_MAPS } from '../../ports/cluster.ts';
import type { Right } from '../../ports/access-review.ts';
import { WORKLOAD_TYPES } from '../../runtime/resource.ts';
import type { Request } from '../route.ts';
import { refuse, reply, type Answer } from './desk.ts';

/** Each is a question for each kind. */
const MOST_NAMESPACES = 10;

/** `?namespace=` asks about the workloads there, instead of in all namespaces. */
export const whoami: Answer = async ({ facts }, request) => {
  const named = [...new Set(request.query.getAll('namespace').flatMap((value) => value.split(',')))];
  const namespaces = named.filter((namespace) => namespace !== '');
  if (namespaces.length > MOST_NAMESPACES)
    return refuse(request, {
      code: 'invalid-argument',
      detail: `namespace: at most ${MOST_NAMESPACES} at a time`,
      errors: [{ path: 'namespace', message: 'too many', hint: `at most ${MOST_NAMESPACES}` }],
    });
  const { tenant, controllerNamespace } = facts.identity;
  const control: Right = {
    verb: 'patch',
    group: CONFIG_MAPS.group,
    resource: CONFIG_MAPS.plural,
    namespace: controllerNamespace,
    name: controlName(tenant),
  };
  const none = { source: null, kind: null, namespace: null };
  const questions: (readonly [Omit<Permission, 'allowed' | 'because'>, Right])[] = [
    [{ actions: [...ACTIONS.tenant], target: { is: 'tenant', ...none } }, control],
    [{ actions: [...ACTIONS.controller], target: { is: 'controller', ...none } }, control],
    [{ actions: [...ACTIONS.workload], target: { is: 'workload', ...none, source: 'file' } }, control],
  ];
  for (const [kind, { group, plural }] of WORKLOAD_TYPES)
    for (const namespace of namespaces.length === 0 ? [null] : namespaces)
      questions.push([
        { actions: [...ACTIONS.workload], target: { is: 'workload', source: 'cr', kind, namespace } },
        { verb: 'patch', group, resource: plural, ...(namespace === null ? {} : { namespace }) },
      ]);
  const permissions = await Promise.all(questions.map(([what, right]) => judge(request, what, right)));
  const { name, groups } = request.principal;
  return reply({
    kind: 'WhoAmI',
    user: name,
    groups: [...groups],
    role: roleOf(permissions),
    permissions,
  } satisfies WhoAmI);
};

async function judge(
  request: Request,
  what: Omit<Permission, 'allowed' | 'because'>,
  right: Right,
): Promise<Permission> {
  const refusal = await request.authorize(right);
  if (refusal === undefined) return { ...what, allowed: 'true', because: null };
  const isKnown = refusal.code === 'forbidden' || refusal.code === 'unauthenticated';
  return { ...what, allowed: isKnown ? 'false' : 'unknown', because: refusal.detail };
}

function roleOf(permissions: readonly Permission[]): WhoAmI['role'] {
  if (permissions.some(({ allowed }) => allowed === 'true')) return 'operator';
  return permissions.every(({ allowed }) => allowed === 'false') ? 'reader' : 'unknown';
}
