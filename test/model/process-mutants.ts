/** Conditions of the proofs and of the permit, which all chains share: see `rule-mutants.test.ts`. */
import type { ConditionMutant } from './condition-mutant.ts';

export const PROCESS_MUTANTS: readonly ConditionMutant[] = [
  {
    name: 'a running container defeats a terminal phase',
    file: 'src/core/reconcile/proof.ts',
    find: ' || isAnyContainerRunning(pod)',
    replace: '',
  },
  {
    name: "the collector's Failed is no word of the kubelet",
    file: 'src/core/reconcile/proof.ts',
    find: ' && collected !== true',
    replace: '',
  },
  {
    name: 'a suspect node is not trusted',
    file: 'src/core/reconcile/proof.ts',
    find: ' && !node.suspect',
    replace: '',
  },
  {
    name: 'all main containers are reported terminated',
    file: 'src/core/reconcile/proof.ts',
    find: ' && areAllContainersTerminated(pod)',
    replace: '',
  },
  {
    name: 'out-of-service counts only for a pod being deleted',
    file: 'src/core/reconcile/proof.ts',
    find: 'terminating && bound && isDeclaredOff',
    replace: 'bound && isDeclaredOff',
  },
  {
    name: 'out-of-service does not count for a node that is ready',
    file: 'src/core/reconcile/proof.ts',
    find: ' || node.ready || !node.outOfService',
    replace: ' || !node.outOfService',
  },
  {
    name: 'a bound pod that terminates may run',
    file: 'src/core/reconcile/proof.ts',
    find: 'terminating && !bound',
    replace: 'terminating',
  },
  {
    name: 'a permit looks at all other pods',
    file: 'src/core/reconcile/permit.ts',
    find: 'if (obstacle !== undefined)',
    replace: 'if (obstacle !== undefined && false)',
  },
];
