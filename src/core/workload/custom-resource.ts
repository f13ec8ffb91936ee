/** Workloads as objects of the API: which types there are, whose they are, and what their spec means. */
import { nodeOfJson } from '../document/json.ts';
import { MapReader } from '../document/map-reader.ts';
import { PROBLEM_CODES, type Problem } from '../problem.ts';
import { formatKey, type ProcessWorkload, type WorkloadKey } from './model.ts';
import { LABEL } from './names.ts';
import { readProcessSpec } from './process-spec.ts';
import { isShortName, NAME_HINT } from './syntax.ts';
import { hashTemplate } from './template-hash.ts';

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
    readonly finalizers?: readonly string[];
  };
  /** Not believed before it was read: objects stored under an older schema are served as they are. */
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** The workload, or what is wrong: then at least one problem is not a warning. */
export interface ResourceReading {
  readonly workload?: ProcessWorkload;
  readonly problems: readonly Problem[];
}

export function keyOfResource({ metadata }: WorkloadResource): WorkloadKey & { readonly kind: 'process' } {
  return { kind: 'process', namespace: metadata.namespace ?? '', name: metadata.name };
}

/** The tenant that manages the resource: that of its label, else `default`. */
export function tenantOfResource({ metadata }: WorkloadResource): string {
  return metadata.labels?.[LABEL.tenant] ?? 'default';
}

/** Reads a WorkloadProcess by the rules of the file. Paths of problems begin with `spec` or `metadata`. */
export function readProcessResource(resource: WorkloadResource): ResourceReading {
  const problems: Problem[] = [];
  const report = (problem: Problem): number => problems.push(problem);
  const key = keyOfResource(resource);
  if (!isShortName(key.name))
    report({
      code: 'InvalidValue',
      path: 'metadata.name',
      message: `${JSON.stringify(key.name)} is not a workload name`,
      hint: `${NAME_HINT}, at most 63`,
    });
  const reader = MapReader.of({ node: nodeOfJson(resource.spec), path: 'spec' }, report);
  const spec = reader === undefined ? undefined : readProcessSpec(reader);
  reader?.finish();
  if (problems.some(isFatal) || spec === undefined) return { problems };
  const source = { from: 'resource', uid: resource.metadata.uid ?? '' } as const;
  return { workload: { key, spec, source, templateHash: hashTemplate(spec) }, problems };
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

function isFatal({ code }: Problem): boolean {
  return PROBLEM_CODES[code].exit !== 0;
}
