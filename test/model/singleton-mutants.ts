/**
 * Edits of the reconciliation that the simulation of singletons must notice: see `mutants.ts`. Most of its rules stand behind
 * each other, so that one alone can go and no second instance runs; that each is there, the tests beside the rules show.
 */
import { breaks, type Mutant } from './mutants.ts';

const SIMULATE = ['test/model/run.ts', '--singletons', '--schedules', '3000'] as const;

export const SINGLETON_MUTANTS: readonly Mutant[] = [
  {
    name: 'a moment in which the right to act is in question ends the work of the term',
    file: 'src/runtime/insist.ts',
    find: 'while (!term.signal.aborted && !term.isValid()) await pause(clock, IN_QUESTION, term.signal);',
    replace: 'if (!term.isValid()) return false;',
    command: SIMULATE,
    notices: breaks('I9'),
  },
  {
    name: 'a pod that is being deleted counts as gone',
    file: 'src/core/reconcile/proof.ts',
    find: "if (terminating && !bound) return 'NeverBound';",
    replace: "if (terminating) return 'NeverBound';",
    command: SIMULATE,
    notices: breaks('I8'),
  },
  {
    name: 'a pod of which no kubelet has said anything counts as ended',
    file: 'src/core/reconcile/proof.ts',
    find: 'if (!isTerminal(pod) || isAnyContainerRunning(pod)) return false;',
    replace: 'if (isAnyContainerRunning(pod)) return false;',
    command: SIMULATE,
    notices: breaks('I8'),
  },
];
