/**
 * Modes token and proxy: callers have names, and the cluster says what each of them may do. Where everybody may read, a
 * read asks nobody, so that it is answered while the API server is away; an action is never answered unasked.
 */
import type { Refusal } from '../api/v1/problem.ts';
import type { Right, Subject } from '../ports/access-review.ts';
import { WORKLOAD_TYPES } from '../runtime/resource.ts';
import { ANONYMOUS, isForEverybody, type Access, type Admission, type Caller, type Need } from './access.ts';
import { addressTest } from './peer.ts';
import { CHALLENGE, type Reviewer } from './reviewer.ts';
import { crossSite } from './same-site.ts';

/** Who it is, or why that cannot be told. */
type Identify = (caller: Caller) => Subject | Refusal | Promise<Subject | Refusal>;

/** Who a caller is, by what it says. */
interface Identification {
  readonly identify: Identify;
  /** Whether it says anything. */
  readonly isNamed: (caller: Caller) => boolean;
  readonly isProxy: (peer: string) => boolean;
}

export interface KnownAccessOptions {
  readonly anonymous: 'reader' | 'none';
  readonly metricsPath: string;
}

/** By `Authorization: Bearer`. */
export function tokenAccess(reviewer: Reviewer, options: KnownAccessOptions): Access {
  const identify: Identify = ({ headers }) => {
    const token = /^bearer +([\w.~+/-]+=*) *$/i.exec(headers.authorization ?? '')?.[1];
    return token === undefined ? nobody('send Authorization: Bearer with a token') : reviewer.identify(token);
  };
  const isNamed = ({ headers }: Caller): boolean => headers.authorization !== undefined;
  return knownAccess({ identify, isNamed, isProxy: () => false }, reviewer, options);
}

/** By the headers of a proxy, from the addresses of proxies alone. */
export function proxyAccess(
  reviewer: Reviewer,
  options: KnownAccessOptions & { readonly trustedProxies: readonly string[] },
): Access {
  const isProxy = addressTest(options.trustedProxies);
  const identify: Identify = ({ headers, peer }) => {
    if (!isProxy(peer)) return nobody('this address is no trusted proxy');
    const user = headers['x-forwarded-user'];
    if (typeof user !== 'string' || user.trim() === '') return nobody('the proxy names no user');
    const given = headers['x-forwarded-groups'];
    const groups = typeof given === 'string' ? given.split(',').map((group) => group.trim()) : [];
    // The cluster's own names are not a proxy's to give: `system:masters` may do anything.
    if ([user, ...groups].some((name) => name.startsWith('system:')))
      return nobody('a proxy may not name users or groups of the cluster itself');
    // Node joins a header that came twice: one of them is then not the proxy's.
    if (user.includes(',')) return nobody('the proxy names two users');
    return { user, groups: [...groups.filter((group) => group !== ''), 'system:authenticated'] };
  };
  const isNamed = ({ headers, peer }: Caller): boolean =>
    isProxy(peer) && headers['x-forwarded-user'] !== undefined;
  return knownAccess({ identify, isNamed, isProxy }, reviewer, options);
}

function knownAccess(
  { identify, isNamed, isProxy }: Identification,
  reviewer: Reviewer,
  { anonymous, metricsPath }: KnownAccessOptions,
): Access {
  const isOpen = (caller: Caller, need: Need): boolean => {
    if (isForEverybody(need)) return true;
    if (need === 'self' && isNamed(caller)) return false;
    return need !== 'act' && anonymous === 'reader';
  };
  return {
    isProxy,
    admit: async (caller, need): Promise<Admission> => {
      if (isOpen(caller, need)) return ANONYMOUS;
      const refused = need === 'act' ? crossSite(caller) : undefined;
      if (refused !== undefined) return { refused };
      const subject = await identify(caller);
      if ('code' in subject) return { refused: subject };
      const somebody = { name: subject.user, groups: subject.groups, subject };
      const rights = need === 'act' || need === 'self' ? [] : rightsToRead(caller, need, metricsPath);
      const answers = await Promise.all(rights.map((right) => reviewer.authorize(subject, right)));
      const missing = answers.filter((refusal) => refusal !== undefined);
      const [denied] = missing;
      if (denied === undefined) return somebody;
      const isSome = need === 'rows' && missing.every(({ code }) => code === 'forbidden');
      return isSome ? { ...somebody, sees: 'some' } : { refused: denied };
    },
    authorize: ({ subject }, right) =>
      subject === undefined ? Promise.resolve(nobody('nobody is known')) : reviewer.authorize(subject, right),
  };
}

/** One workload: to list its kind in its namespace. Anything else shows all of them. The scrape: its path. */
function rightsToRead({ params, method }: Caller, need: Need, metricsPath: string): readonly Right[] {
  if (need === 'metrics')
    return [{ verb: method === 'HEAD' ? 'get' : method.toLowerCase(), path: metricsPath }];
  const { kind, namespace } = params;
  const types = [...WORKLOAD_TYPES];
  const one = types.find(([name]) => name === kind)?.[1];
  if (one !== undefined && namespace !== undefined)
    return [{ verb: 'list', group: one.group, resource: one.plural, namespace }];
  return types.map(([, { group, plural }]) => ({ verb: 'list', group, resource: plural }));
}

function nobody(detail: string): Refusal {
  return { code: 'unauthenticated', detail, headers: CHALLENGE };
}
