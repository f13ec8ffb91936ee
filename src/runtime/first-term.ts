/**
 * Guards the first term of all against a leader of the Go program. Who contends asks the anchor first; where it does not
 * exist yet, this program never led here, and only then the locks of the Go program are looked at. A refusal reaches the
 * election as one of the anchor: it is logged, shown as the reason for not being ready, and asked again later.
 */
import type { Pod } from '../core/manifests/pod.ts';
import {
  isBeside,
  refuseFirstTerm,
  rivalsOf,
  type Candidate,
  type OldLock,
  type OldObject,
} from '../core/election/old-lock.ts';
import { MILLISECOND, type Duration } from '../core/time.ts';
import type { Workload } from '../core/workload/model.ts';
import { LABEL, processPodName } from '../core/workload/names.ts';
import { PODS, type ClusterReader } from '../ports/cluster.ts';
import type { AnchorView, FenceAnchor } from '../ports/fence-anchor.ts';
import type { LockSurvey } from '../ports/lock-survey.ts';
import type { Log } from '../ports/system.ts';

export interface FirstTermPorts {
  readonly anchor: FenceAnchor;
  readonly survey: LockSurvey;
  readonly cluster: ClusterReader;
  readonly log: Log;
}

export interface FirstTermOptions {
  readonly tenant: string;
  /** Where this instance keeps its lock, and where the survey looks. */
  readonly store: Candidate['store'];
  readonly lookedIn: Candidate['lookedIn'];
  /** Those of the configuration: what the Go program may be running now. */
  readonly workloads: readonly Workload[];
}

/** The most that one look may hold up the start where the lock itself is kept elsewhere. */
export const LOOK_LIMIT: Duration = 250 * MILLISECOND;

/** Looks without an answer, one after the other, after which it goes on without one: it must not wait for ever on a guess. */
const PATIENCE = 3;

/** The anchor, but a read that would answer `absent` is `refused` while a Go leader speaks against the first term. */
export function guardFirstTerm(ports: FirstTermPorts, options: FirstTermOptions): FenceAnchor {
  const { anchor, survey, log } = ports;
  const { tenant, store, lookedIn } = options;
  const candidate: Candidate = { tenant, store, lookedIn, address: survey.address };
  let unanswered = 0;
  let told = '';

  const goOn = (cause: string): undefined => {
    if (cause !== told) log.warn('locks of k8-highlander (Go) cannot be looked for, going on', { cause });
    told = cause;
  };

  const objection = async (signal: AbortSignal): Promise<AnchorView | undefined> => {
    const seen = await survey.look(signal);
    switch (seen.kind) {
      case 'nobody':
        // Where the lock itself is there, nothing can be won before somebody answers.
        if (isBeside(candidate)) return undefined;
        return { kind: 'unavailable', cause: `nobody listens at ${survey.address}` };
      case 'refused':
        return goOn(seen.cause);
      case 'unavailable':
        unanswered += 1;
        return unanswered < PATIENCE ? seen : goOn(seen.cause);
      case 'found':
        unanswered = 0;
        return judge(ports, options, candidate, seen.locks, signal);
    }
  };

  return {
    async read(signal) {
      const view = await anchor.read(signal);
      return view.kind === 'absent' ? ((await objection(signal)) ?? view) : view;
    },
    raise: (...args) => anchor.raise(...args),
    watch: (...args) => anchor.watch(...args),
  };
}

async function judge(
  { cluster }: FirstTermPorts,
  { workloads }: FirstTermOptions,
  candidate: Candidate,
  locks: readonly OldLock[],
  signal: AbortSignal,
): Promise<AnchorView | undefined> {
  let wanted: readonly OldObject[] = [];
  if (!isBeside(candidate) && rivalsOf(candidate, locks).length > 0) {
    const labelSelector = `${LABEL.managedBy}=${LABEL.managedByValue},${LABEL.controllerId}`;
    const pods = await cluster.list<Pod>(PODS, { labelSelector }, signal);
    if (pods.kind !== 'done')
      return { kind: 'unavailable', cause: pods.kind === 'refused' ? pods.message : pods.cause };
    const names = podNames(workloads);
    wanted = pods.items.flatMap(({ metadata: { namespace = '', name, labels = {} } }) =>
      names.has(`${namespace}/${name}`) ? [{ name: `pod ${namespace}/${name}`, labels }] : [],
    );
  }
  const cause = refuseFirstTerm(candidate, locks, wanted);
  return cause === undefined ? undefined : { kind: 'refused', cause };
}

/** The Go program put workloads of its file into `default`, whatever namespace was configured. */
function podNames(workloads: readonly Workload[]): ReadonlySet<string> {
  return new Set(
    workloads.flatMap(({ key }) =>
      [key.namespace, 'default'].map((namespace) => `${namespace}/${processPodName(key.name)}`),
    ),
  );
}
