/** Reads `tenants:`, what one process serves beside the tenant of its own settings. */
import type { MapReader } from '../core/document/map-reader.ts';
import { quote } from '../core/document/scalar.ts';
import { DNS_LABEL, DNS_SUBDOMAIN } from './schema.ts';
import { readWorkloads, type Entry, type WorkloadsContext } from './workloads.ts';

/** One usable element of the list. */
export interface TenantEntries {
  readonly tenant: string;
  readonly namespace: string;
  readonly entries: readonly Entry[];
}

/**
 * All elements that can be used; what is wrong with the others is reported. `first`: the tenant of the settings, whose
 * name is taken. `context.namespace` is where workloads run that name none, in tenants that name none.
 */
export function readTenants(
  root: MapReader,
  first: string,
  context: WorkloadsContext,
): readonly TenantEntries[] {
  const taken = new Map([[first, 'the setting tenant']]);
  return (root.list('tenants') ?? []).flatMap((element) => {
    const reader = root.element(element);
    if (reader === undefined) return [];
    const tenant = readName(reader, taken);
    const namespace = readPattern(reader, 'namespace', DNS_LABEL) ?? context.namespace;
    const entries = readWorkloads(reader, { ...context, namespace });
    reader.finish();
    return tenant === undefined ? [] : [{ tenant, namespace, entries }];
  });
}

function readName(reader: MapReader, taken: Map<string, string>): string | undefined {
  const given = reader.requiredText('tenant', 'name it: instances with the same tenant elect one leader');
  const tenant = given === undefined ? undefined : readPattern(reader, 'tenant', DNS_SUBDOMAIN);
  if (tenant === undefined) return undefined;
  const where = taken.get(tenant);
  if (where === undefined) {
    taken.set(tenant, `line ${reader.positionOf('tenant')?.line ?? '?'}`);
    return tenant;
  }
  reader.problem(
    'tenant',
    'DuplicateName',
    `${quote(tenant)} is defined twice, first by ${where}`,
    'rename one, or put its workloads into the other',
  );
  return undefined;
}

/** Undefined where it is absent, or wrong and reported. */
function readPattern(
  reader: MapReader,
  key: string,
  { regex, hint }: { readonly regex: RegExp; readonly hint: string },
): string | undefined {
  const text = reader.text(key);
  if (text === undefined || regex.test(text)) return text;
  reader.problem(key, 'InvalidValue', `${quote(text)} is not valid here`, hint);
  return undefined;
}
