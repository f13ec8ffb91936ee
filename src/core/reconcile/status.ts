/** What people are told about a workload, derived from the same input and plan that decide about it. */
import { ANNOTATION } from '../workload/names.ts';
import type { WorkloadView } from '../projection.ts';
import type { Input, Instance } from './observed.ts';
import { isCron, type Plan } from './plan.ts';
import { countMissed } from './ledger.ts';
import { chooseShown, judgeLiveness } from './liveness.ts';
import { containerRestarts } from './restarts.ts';

/** The view of one workload; see `liveness.ts` for what active and healthy mean. */
export function viewWorkload(input: Input, plan: Plan): WorkloadView {
  const { reason, message } = viewReason(input, plan);
  const { key, instances, objects } = input;
  const instance = chooseShown(instances);
  const { active, healthy } = judgeLiveness(key.kind, instances, objects, plan.reason === 'Completed');
  return {
    key,
    active,
    healthy: healthy && !(isCron(input) && countMissed(input.record) > 0),
    reason,
    message,
    ...(instance === undefined ? {} : { instance: viewInstance(instance) }),
  };
}

/** A resource that cannot be used is what people must hear of first; how its instance fares follows. */
function viewReason(
  { invalid, desired, ignored }: Input,
  { reason, message: decided }: Plan,
): Pick<WorkloadView, 'reason' | 'message'> {
  const message = ignored === undefined ? decided : `${decided} (without effect: ${ignored})`;
  if (invalid === undefined || desired === undefined) return { reason, message };
  return { reason: 'InvalidSpec', message: `${invalid} (still as before: ${reason}, ${message})` };
}

function viewInstance({ pod }: Instance): NonNullable<WorkloadView['instance']> {
  const token = pod.metadata.annotations?.[ANNOTATION.token];
  const startedAt = pod.status?.startTime;
  return {
    pod: pod.metadata.name,
    uid: pod.metadata.uid ?? '',
    node: pod.spec.nodeName ?? '',
    restarts: containerRestarts(pod),
    ...(token === undefined ? {} : { token: Number(token) }),
    ...(startedAt === undefined ? {} : { startedAt }),
  };
}
