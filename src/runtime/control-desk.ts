/** During one term: answers the records that are about no workload. What to answer is decided in `core/control/desk.ts`. */
import { answerControl } from '../core/control/desk.ts';
import { pinPatch, setAll } from '../core/reconcile/patches.ts';
import { SECOND, type Instant } from '../core/time.ts';
import { ANNOTATION } from '../core/workload/names.ts';
import type { Log } from '../ports/system.ts';
import type { ApplyContext } from './apply-context.ts';
import type { ControlMap } from './controls.ts';
import type { Observations } from './observations.ts';
import { IN_QUESTION } from './term.ts';

/** Answers what is open. When to come back, or undefined: a change of the records or nodes will tell. */
export async function tendControl(
  { controls, writer, leader, clock, emit }: ApplyContext,
  observations: Observations,
  log: Log,
): Promise<Instant | undefined> {
  const { map } = controls;
  const answers = answerControl(map?.data ?? {}, {
    term: leader.term,
    id: leader.id,
    wall: clock.wall(),
    nodeOf: (name) => observations.nodeFacts(name),
  });
  if (map === undefined || answers.length === 0) return undefined;
  const result = await writer.patch<ControlMap>(controls.ref, [
    pinPatch(map),
    ...setAll(map, 'annotations', { [ANNOTATION.term]: String(leader.term) }),
    ...answers.map(({ entry, text }) => ({ op: 'add', path: `/data/${entry}`, value: text }) as const),
  ]);
  if (result.kind === 'fenced') return clock.now() + IN_QUESTION;
  if (result.kind !== 'done') {
    log.warn('control records not answered', { result: result.kind });
    return clock.now() + SECOND;
  }
  for (const { told } of answers) emit({ type: 'asked', told });
  controls.put(result.object);
  return undefined;
}
