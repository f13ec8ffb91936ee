/** Workloads as objects of the API: which types there are, whose they are, and what their spec means. */
import { nodeOfJson } from '../document/json.ts';
import { MapReader } from '../document/map-reader.ts';
import type { Problem } from '../problem.ts';
import { formatKey, type Workload, type WorkloadKey, type WorkloadKind } from './model.ts';
import { LABEL } from './names.ts';
import { faultOfName, isFatal, readSpec } from './workload.ts';

/** A custom resource as far as it matters here. Structurally a `KubeObject` of `ports/cluster.ts`. */
export interface WorkloadResource {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    /** Raised by the API server with every change of the spec. */
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    /** What people ask for. */
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
  };
  /** Not believed before it was read: objects stored under an older schema are served as they are. */
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** The workload, or what is wrong: then at least one problem is not a warning. */
export interface ResourceReading {
  readonly workload?: Workload;
  readonly problems: readonly Problem[];
}

/** The kind is told by whoever asked for the object: those in lists of the API do not say theirs. */
export function keyOfResource({ metadata }: WorkloadResource, kind: WorkloadKind): WorkloadKey {
  return { kind, namespace: metadata.namespace ?? '', name: metadata.name };
}

/** The tenant that manages the resource: that of its label, else `default`. */
export function tenantOfResource({ metadata }: WorkloadResource): string {
  return metadata.labels?.[LABEL.tenant] ?? 'default';
}

/** Reads a resource of this kind by the rules of the file. Paths of problems begin with `spec` or `metadata`. */
export function readResource(resource: WorkloadResource, kind: WorkloadKind): ResourceReading {
  const problems: Problem[] = [];
  const report = (problem: Problem): number => problems.push(problem);
  const key = keyOfResource(resource, kind);
  const fault = faultOfName(key.name, kind);
  if (fault !== undefined) report({ code: 'InvalidValue', path: 'metadata.name', ...fault });
  const reader = MapReader.of({ node: nodeOfJson(resource.spec), path: 'spec' }, report);
  const source = { from: 'resource', uid: resource.metadata.uid ?? '' } as const;
  const workload = reader === undefined ? undefined : readSpec(reader, key, source);
  reader?.finish();
  return problems.some(isFatal) || workload === undefined ? { problems } : { workload, problems };
}

/** What is wrong with a resource, in one line: the first problems with path and remedy, and how many more there are. */
export function explainProblems(problems: readonly Problem[]): string {
  const fatal = problems.filter(isFatal);
  const shown = fatal.slice(0, 3).map(({ path, message, hint }) => `${path ?? 'spec'}: ${message}; ${hint}`);
  const more = fatal.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(' | ');
}

/** The same workload is defined in the file, which wins. */
export function explainShadowed(key: WorkloadKey): string {
  return `metadata.name: ${formatKey(key)} is also defined in the configuration file, which wins; remove one of the two`;
}
