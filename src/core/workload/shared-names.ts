/** Workloads of different kinds that share a name in one namespace, and what Kubernetes objects that touches. */
import { formatKey, type Workload } from './model.ts';

/** The objects of both would have the same name, or only the selector label. */
export interface SharedName {
  readonly first: Workload;
  readonly second: Workload;
  /** The Service that both would make; absent: only the label `app` is shared. */
  readonly service?: string;
}

/** Each pair that shares something; `second` comes later in the list. */
export function findSharedNames(workloads: readonly Workload[]): readonly SharedName[] {
  const shared: SharedName[] = [];
  const byName = new Map<string, Workload>();
  const byService = new Map<string, Workload>();
  for (const second of workloads) {
    const { namespace, name } = second.key;
    const services = servicesOf(second).map((service) => ({ service, at: `${namespace}/${service}` }));
    const clash = services.find(({ at }) => byService.has(at));
    const owner = clash === undefined ? undefined : byService.get(clash.at);
    const namesake = byName.get(`${namespace}/${name}`);
    if (owner !== undefined && clash !== undefined)
      shared.push({ first: owner, second, service: clash.service });
    if (namesake !== undefined && namesake !== owner) shared.push({ first: namesake, second });
    for (const { at } of services) if (!byService.has(at)) byService.set(at, second);
    if (namesake === undefined) byName.set(`${namespace}/${name}`, second);
  }
  return shared;
}

/** The Services of a workload; those of a set: the one that clients use, and the headless one. */
function servicesOf({ key, spec }: Workload): readonly string[] {
  if (key.kind === 'service') return spec.ports.length > 0 ? [key.name] : [];
  if (key.kind !== 'persistent' || !('serviceName' in spec)) return [];
  return spec.ports.length > 0 ? [spec.serviceName, `${spec.serviceName}-headless`] : [spec.serviceName];
}

/** For people: `service/default/api`. */
export function describeShared({ first, second, service }: SharedName): string {
  const [a, b] = [formatKey(first.key), formatKey(second.key)];
  return service === undefined
    ? `${b} and ${a} share the label app=${second.key.name}: a selector by it finds the pods of both`
    : `${b} and ${a} would both make the Service ${service}`;
}
