/**
 * The hash that decides between adopting a running instance and replacing it: equal = adopt, different = planned
 * replacement. It covers the spec after defaults and nothing else, so neither the order of keys, nor the way the source
 * is written, nor an upgrade of this program changes it.
 */
import type { CommonSpec } from './model.ts';

/** Part of every hash. Raised only when every running instance is to be replaced. */
const RENDER_VERSION = 1;

/**
 * What is in a spec and not in the template of its pods. Labels and annotations are in it, and can be changed on a living
 * pod; the others say when, how often or how long, or belong to the objects around the pod. `maxRestarts` is missing here
 * on purpose: who changes it gives a workload that was stopped for its restarts another try.
 */
const NOT_IN_TEMPLATE: ReadonlySet<string> = new Set([
  'labels',
  'annotations',
  'dependsOn',
  'nodeLoss',
  'deletionPolicy',
  'replicas',
  'serviceName',
  'readinessTimeout',
  'schedule',
  'timeZone',
  'startingDeadline',
  'backoffLimit',
  'successfulJobsHistoryLimit',
  'failedJobsHistoryLimit',
  'onStop',
  'drainTimeout',
  'suspend',
]);

/** The template hash of a spec: 16 hexadecimal digits. */
export function hashTemplate(spec: CommonSpec): string {
  const template = Object.fromEntries(
    Object.entries(spec)
      .filter(([field]) => !NOT_IN_TEMPLATE.has(field))
      .map(([field, value]: readonly [string, unknown]) => [field, partInTemplate(field, value)]),
  );
  return fnv1a64(canonicalJson({ renderVersion: RENDER_VERSION, template }));
}

/** Of a port the Service's number, and of a volume its size and class, belong to other objects. */
const IN_TEMPLATE: Readonly<Record<string, readonly string[]>> = {
  ports: ['name', 'containerPort'],
  persistentVolumes: ['name', 'mountPath'],
};

function partInTemplate(field: string, value: unknown): unknown {
  // What is handed through to Kubernetes may mean something by being empty (`emptyDir: {}`), so it counts as it is.
  if (field === 'pod') return isNothing(value) ? undefined : sortedJson(value);
  const kept = IN_TEMPLATE[field];
  if (kept === undefined || !Array.isArray(value)) return value;
  return value.map((item: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(kept.map((name) => [name, item[name]])),
  );
}

/** No option at all, which is the same as none given. */
function isNothing(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length === 0;
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/**
 * JSON with sorted keys. Absent and empty members are left out: a field that is added to the model later, with an empty
 * default, does not change the hash of specs that do not use it.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
    const used = Object.entries(member).filter(([, inner]) => !isEmpty(inner));
    return Object.fromEntries(used.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'object' && Object.values(value).every((inner) => isEmpty(inner));
}

/**
 * FNV-1a (Fowler, Noll, Vo), 64 bits, over the UTF-8 bytes. In two halves of 32 bits, because BigInt arithmetic per byte is
 * slow: the prime is 2^40 + 0x1b3, and every product stays below 2^53.
 */
export function fnv1a64(text: string): string {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (const byte of new TextEncoder().encode(text)) {
    const mixed = (low ^ byte) >>> 0;
    const product = mixed * 0x1b3;
    high = (high * 0x1b3 + mixed * 0x100 + Math.floor(product / 2 ** 32)) >>> 0;
    low = product >>> 0;
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}
