/** Where our finalizers and gates are, and which bindings keep them there. */
import { KIND_ORDER, KINDS } from '../core/workload/kinds.ts';
import { GROUP, PERMIT_GATE, SINGLETON_FINALIZER, WORKLOAD_FINALIZER } from '../core/workload/names.ts';
import { PODS, type KubeObject, type Resource } from '../ports/cluster.ts';

/** A finalizer of ours, the path of the list that it stands in, and what else stands there. */
export interface Held {
  readonly finalizer: string;
  readonly path: string;
  readonly rest: readonly string[];
}

/** One type of object that may be held back by us. */
export interface Sweep {
  readonly resource: Resource;
  /** What must go. */
  readonly held: (object: KubeObject) => readonly Held[];
  /** Whether it, or the pods that it makes, wait for a permit. */
  readonly isGated: (object: KubeObject) => boolean;
}

/** Of deploy/kubernetes/admission-policy.yaml. */
export const BINDINGS = {
  resource: {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural: 'validatingadmissionpolicybindings',
    kind: 'ValidatingAdmissionPolicyBinding',
    namespaced: false,
  },
  names: ['terms', 'instances', 'templates', 'anchor'].map((rule) => `k8-highlander-${rule}`),
} as const;

const own = (finalizer: string): Sweep['held'] => {
  return ({ metadata }) => without(metadata.finalizers, finalizer, '/metadata/finalizers');
};

function without(finalizers: readonly string[] = [], finalizer: string, path: string): readonly Held[] {
  if (!finalizers.includes(finalizer)) return [];
  return [{ finalizer, path, rest: finalizers.filter((name) => name !== finalizer) }];
}

interface Template {
  readonly metadata?: { readonly finalizers?: readonly string[] };
  readonly spec?: { readonly schedulingGates?: readonly { readonly name: string }[] };
}

interface Templated extends KubeObject {
  readonly spec?: {
    readonly template?: Template;
    readonly jobTemplate?: { readonly spec?: { readonly template?: Template } };
  };
}

function templateOf({ spec }: Templated): Template | undefined {
  return spec?.jobTemplate?.spec?.template ?? spec?.template;
}

const isGated = ({ spec }: Template): boolean =>
  spec?.schedulingGates?.some(({ name }) => name === PERMIT_GATE) === true;

const makesGated = (object: KubeObject): boolean => isGated(templateOf(object) ?? {});

function resourceOf(group: string, plural: string, kind: string): Resource {
  return { group, version: 'v1', plural, kind, namespaced: true };
}

/**
 * What makes pods comes before the pods. The template of a Deployment keeps its finalizer: to change it is to roll it out,
 * which stops the instance that runs, and the next one would wait at its gate.
 */
export const SWEEPS: readonly Sweep[] = [
  ...KIND_ORDER.map((kind) => ({
    resource: resourceOf(GROUP, KINDS[kind].plural, KINDS[kind].resourceKind),
    held: own(WORKLOAD_FINALIZER),
    isGated: () => false,
  })),
  { resource: resourceOf('apps', 'deployments', 'Deployment'), held: () => [], isGated: makesGated },
  {
    resource: resourceOf('apps', 'statefulsets', 'StatefulSet'),
    held: (object) =>
      without(
        templateOf(object)?.metadata?.finalizers,
        SINGLETON_FINALIZER,
        '/spec/template/metadata/finalizers',
      ),
    isGated: makesGated,
  },
  {
    resource: resourceOf('batch', 'cronjobs', 'CronJob'),
    held: (object) =>
      without(
        templateOf(object)?.metadata?.finalizers,
        SINGLETON_FINALIZER,
        '/spec/jobTemplate/spec/template/metadata/finalizers',
      ),
    isGated: makesGated,
  },
  {
    resource: PODS,
    held: own(SINGLETON_FINALIZER),
    isGated: isGated,
  },
];
