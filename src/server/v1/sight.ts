/**
 * What one caller may see. Most see everything; who may list workloads in some namespaces only sees those, and is told how
 * many are left out. Never silently fewer: where a right could not be asked about, the request is refused.
 */
import type { Facts } from '../../api/v1/facts.ts';
import type { Filter } from '../../api/v1/filter.ts';
import type { Refusal } from '../../api/v1/problem.ts';
import type { Partial, WorkloadRow } from '../../api/v1/schema/state.ts';
import { parseKey, type WorkloadKey } from '../../core/workload/model.ts';
import { workloadType } from '../../runtime/resource.ts';
import type { Request } from '../route.ts';
import type { Board } from './board.ts';

type Place = Pick<WorkloadKey, 'kind' | 'namespace'>;

export interface Sight {
  /** Equal for callers who see the same; empty for those who see everything. */
  readonly canonical: string;
  readonly sees: (place: { readonly kind: string; readonly namespace: string }) => boolean;
}

export const EVERYTHING: Sight = { canonical: '', sees: () => true };

/** Rights that are asked about at a time, and for one request. What is beyond that stays hidden. */
const AT_ONCE = 16;
const MOST_PLACES = 400;
/** Named in the text about what is hidden. */
const MOST_NAMES = 5;

/** Asks for each kind and namespace that there is; nothing is seen anywhere: why. */
export async function sightOf(request: Request, facts: Facts): Promise<Sight | Refusal> {
  if (request.principal.sees !== 'some') return EVERYTHING;
  const seen = new Set<string>();
  let first: Refusal | undefined;
  const places = placesOf(facts, request.query);
  for (let at = 0; at < places.length; at += AT_ONCE) {
    const asked = places.slice(at, at + AT_ONCE).map(async (place) => {
      const denied = await mayList(request, place);
      if (denied === undefined) seen.add(nameOf(place));
      return denied;
    });
    for (const denied of await Promise.all(asked)) {
      if (denied !== undefined && denied.code !== 'forbidden') return denied;
      first ??= denied;
    }
  }
  if (seen.size === 0)
    return (
      first ?? { code: 'forbidden', detail: `${request.principal.name} may list no kind of workload here` }
    );
  return { canonical: JSON.stringify([...seen].toSorted()), sees: (place) => seen.has(nameOf(place)) };
}

/** Each once, those of the namespaces that the query names alone if it names any. */
function placesOf(facts: Facts, query: URLSearchParams): readonly Place[] {
  const named = query.getAll('namespace').flatMap((value) => value.split(','));
  const places = new Map<string, Place>();
  for (const name of facts.keys()) {
    const key = parseKey(name);
    if (key === undefined || (named.length > 0 && !named.includes(key.namespace))) continue;
    places.set(nameOf(key), key);
  }
  return [...places.values()].toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)).slice(0, MOST_PLACES);
}

/** In all namespaces, which is one question for each kind, or in this one. */
async function mayList(request: Request, { kind, namespace }: Place): Promise<Refusal | undefined> {
  const { group, plural } = workloadType(kind);
  const right = { verb: 'list', group, resource: plural } as const;
  const denied = await request.authorize(right);
  return denied?.code === 'forbidden' ? request.authorize({ ...right, namespace }) : denied;
}

function nameOf({ kind, namespace }: { readonly kind: string; readonly namespace: string }): string {
  return `${kind}/${namespace}`;
}

/** The rows that pass both. */
export function narrow(filter: Filter, { canonical, sees }: Sight): Filter {
  if (canonical === '') return filter;
  return {
    canonical: JSON.stringify([filter.canonical, canonical]),
    matches: (candidate) => sees(candidate.row) && filter.matches(candidate),
  };
}

/** Whether a record about this may be seen: about no workload, it is about the tenant. */
export function seesSubject({ sees }: Sight, subject: string): boolean {
  const key = parseKey(subject);
  return key === undefined || sees(key);
}

export function visibleRows({ byName }: Board, { canonical, sees }: Sight): readonly WorkloadRow[] {
  const rows = byName.map(({ row }) => row);
  return canonical === '' ? rows : rows.filter(sees);
}

/** How many are left out, whatever the filter: it must not tell what is in them. */
export function hiddenPartial({ canonical, sees }: Sight, { byName }: Board): Partial[] {
  if (canonical === '') return [];
  const hidden = byName.filter(({ row }) => !sees(row));
  if (hidden.length === 0) return [];
  const namespaces = [...new Set(hidden.map(({ row }) => row.namespace))];
  const more = namespaces.length > MOST_NAMES ? ` and ${namespaces.length - MOST_NAMES} more` : '';
  const where = `${namespaces.slice(0, MOST_NAMES).join(', ')}${more}`;
  return [
    { source: 'access', code: 'hidden', detail: `${hidden.length} hidden: no right to list in ${where}` },
  ];
}
