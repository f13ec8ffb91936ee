/** Domain events as log lines: the only place that turns what happened into text for the log. */
import type { ElectionEvent } from '../core/election/events.ts';
import type { DomainEvent, WorkloadView } from '../core/projection.ts';
import type { Reason } from '../core/reconcile/verdict.ts';
import { formatKey } from '../core/workload/model.ts';
import { POLICY_MANIFEST, type ServerFencing } from '../core/server-fencing.ts';
import type { Log } from '../ports/system.ts';

/** Reasons that a person should look at. The others are the normal course of things. */
const BAD: ReadonlySet<Reason> = new Set([
  'StopTimedOut',
  'NodeUnreachable',
  'Unschedulable',
  'ImagePullFailed',
  'CrashLoop',
  'MaxRestartsExceeded',
  'Failed',
  'ForeignOwner',
  'QuotaExceeded',
  'InvalidSpec',
  'ImmutableField',
]);

/** Passing states of a start or stop that goes well: shown on status pages, not worth a line each. */
const PASSING: ReadonlySet<Reason> = new Set([
  'Starting',
  'AwaitingPermit',
  'WaitingForOldInstance',
  'Removed',
]);

/** Writes one line per event that changes something a person may care about. */
export function logEvent(log: Log, event: DomainEvent): void {
  switch (event.type) {
    case 'election':
      return logElection(log, event.event);
    case 'workload-changed':
      return logWorkload(log, event.view, event.previous);
    case 'workload-removed':
      return log.info('workload removed', { workload: event.key });
    case 'instance-created':
      return log.debug('instance created', { workload: event.key, pod: event.pod, uid: event.uid });
    case 'instance-permitted':
      return log.info('instance permitted', {
        workload: event.key,
        pod: event.pod,
        uid: event.uid,
        token: event.token,
      });
    case 'instance-stopping':
      return log.info('instance told to stop', {
        workload: event.key,
        pod: event.pod,
        uid: event.uid,
        cause: event.cause,
      });
    case 'instance-ended':
      return log.info('instance ended', {
        workload: event.key,
        pod: event.pod,
        uid: event.uid,
        proof: event.proof,
      });
    case 'object-created':
      return log.info('object created', { workload: event.key, object: event.object, name: event.name });
    case 'object-changed':
    case 'object-deleted':
      return log.info(event.type === 'object-changed' ? 'object changed' : 'object deleted', {
        workload: event.key,
        object: event.object,
        name: event.name,
        cause: event.cause,
      });
    case 'tick-run':
      return log.info('tick run', { workload: event.key, tick: event.tick });
    case 'tick-missed':
      return log.warn('ticks missed', {
        workload: event.key,
        tick: event.tick,
        count: event.count,
        reason: 'TickMissed',
      });
    case 'evidence-removed':
      return log.warn('instance vanished without proof that it ended', {
        workload: event.key,
        pod: event.pod,
        uid: event.uid,
        reason: 'EvidenceRemoved',
      });
    case 'write-failed':
      return log.warn('write refused', {
        workload: event.key,
        action: event.action,
        code: event.result,
        detail: event.detail,
      });
    case 'asked':
      return log.info('request', { ...event.told });
    case 'server-fencing':
      return logFencing(log, event.term, event.fencing);
    case 'write-fenced':
      return log.debug('write of an ended term not sent', { term: event.term });
    case 'sweep-done':
      return log.info('all workloads looked at', {
        term: event.term,
        workloads: event.workloads,
        durationMs: event.durationMs,
      });
  }
}

function logFencing(log: Log, term: number, fencing: ServerFencing): void {
  if (fencing.state === 'unknown') return log.info('ServerFencing=Unknown', { term, cause: fencing.because });
  if (fencing.state === 'true') return log.debug('ServerFencing=True', { term });
  log.warn('ServerFencing=False: the API server accepts writes of a former term', {
    term,
    apply: POLICY_MANIFEST,
  });
}

function logWorkload(log: Log, { key, reason, message }: WorkloadView, previous: Reason | undefined): void {
  if (reason === previous)
    return log.debug('workload', { workload: formatKey(key), reason, detail: message });
  const fields = { workload: formatKey(key), reason, detail: message };
  if (BAD.has(reason)) log.warn('workload not as it should be', fields);
  else if (PASSING.has(reason)) log.debug('workload', fields);
  else log.info('workload', fields);
}

function logElection(log: Log, event: ElectionEvent): void {
  const { kind, ...fields } = event;
  const shown = 'epoch' in event ? { ...fields, epoch: undefined, term: event.epoch } : fields;
  switch (kind) {
    case 'leadership-lost':
    case 'store-unreachable':
    case 'anchor-refused':
    case 'pause-detected':
    case 'claim-abandoned':
    case 'store-replaced':
    case 'waiting':
      return log.warn(kind, shown);
    case 'leader-elected':
    case 'leadership-draining':
    case 'leadership-released':
    case 'holder-changed':
    case 'store-recovered':
    case 'anchor-recovered':
      return log.info(kind, shown);
  }
}
