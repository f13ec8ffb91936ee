/**
 * What the commands that ask something of the leader have in common: whom they reach, as whom, and what became of it. They
 * write records with the rights of whoever calls; nothing is carried out here.
 */
import { readTime } from '../core/control/json-record.ts';
import { formatProblem, PROBLEM_CODES, type Problem } from '../core/problem.ts';
import { parseDuration, SECOND, type Duration, type WallTime } from '../core/time.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { System } from '../ports/system.ts';
import { readRecord, titleOf, writeRecord, type Edit, type Place } from '../runtime/record-write.ts';
import { readFlags, usageProblem, type Flags } from './flags.ts';
import type { CommandResult } from './result.ts';

/** What a command that asks gets from the entry. */
export interface AskingParts {
  /** Connects as `--kubeconfig`, KUBECONFIG, the usual file or the pod say. */
  readonly reach: (kubeconfig: string | undefined) => Promise<Cluster | Problem>;
  readonly system: Pick<System, 'clock' | 'random'>;
  /** Who calls, as the machine knows them: a statement, not a proof. */
  readonly who: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** Where to look, and how. */
export interface Asking {
  readonly flags: Flags;
  readonly cluster: Cluster;
  readonly tenant: string;
  readonly namespace: string;
  readonly controllerNamespace: string;
  readonly reason: string | undefined;
  readonly by: string;
  readonly dryRun: boolean;
  readonly parts: AskingParts;
  /** How long `--wait` waits; undefined: it does not. */
  readonly wait: Duration | undefined;
}

/** An answer that ends the command. */
export interface Ended {
  readonly exit: number;
  /** Data: what was written. */
  readonly stdout?: string;
  readonly stderr?: string;
}

export interface Verb {
  readonly usage: string;
  /** Flags with values beside the common ones, by spelling and name. */
  readonly texts?: Readonly<Record<string, string>>;
  readonly switches?: readonly string[];
  readonly go: (asking: Asking) => Promise<Ended>;
}

const COMMON = {
  '-n': 'namespace',
  '--namespace': 'namespace',
  '--tenant': 'tenant',
  '--controller-namespace': 'controllerNamespace',
  '--kubeconfig': 'kubeconfig',
  '--reason': 'reason',
  '--timeout': 'timeout',
} as const;

const USUAL_TIMEOUT: Duration = 60 * SECOND;

/** Reads the arguments, connects, and runs the command. */
export async function ask(argv: readonly string[], verb: Verb, parts: AskingParts): Promise<CommandResult> {
  const { usage, texts = {}, switches = [], go } = verb;
  const flags = readFlags(argv, {
    texts: { ...COMMON, ...texts },
    switches: ['--dry-run', '--wait', ...switches],
    usage,
  });
  if ('code' in flags) return refuse(flags);
  const { timeout, tenant = 'default', reason } = flags.texts;
  const { HIGHLANDER_NAMESPACE = 'default', HIGHLANDER_CONTROLLER_NAMESPACE = 'k8-highlander' } = parts.env;
  const limit = timeout === undefined ? USUAL_TIMEOUT : parseDuration(timeout);
  if (limit === undefined) return refuse(usageProblem('--timeout is a duration such as 30s', usage));
  const cluster = await parts.reach(flags.texts['kubeconfig']);
  if ('code' in cluster) return { exit: 4, stdout: '', stderr: `${formatProblem(cluster)}\n` };
  try {
    const ended = await go({
      flags,
      cluster,
      tenant: flags.texts['tenant'] ?? parts.env['HIGHLANDER_TENANT'] ?? tenant,
      namespace: flags.texts['namespace'] ?? HIGHLANDER_NAMESPACE,
      controllerNamespace: flags.texts['controllerNamespace'] ?? HIGHLANDER_CONTROLLER_NAMESPACE,
      reason,
      by: parts.who,
      dryRun: flags.switches.has('--dry-run'),
      parts,
      wait: flags.switches.has('--wait') ? limit : undefined,
    });
    return { stdout: '', stderr: '', ...ended };
  } finally {
    await cluster.close();
  }
}

function refuse(problem: Problem): CommandResult {
  return { exit: PROBLEM_CODES[problem.code].exit, stdout: '', stderr: `${formatProblem(problem)}\n` };
}

/** The command line was wrong; nothing was sent. */
export function wrongUsage(message: string, usage: string): Ended {
  return { exit: 2, stderr: `${formatProblem(usageProblem(message, usage))}\n` };
}

/** A time as people write it: RFC 3339 with a zone, or a duration from now. */
export function readUntil(text: string, now: WallTime): WallTime | undefined {
  const duration = parseDuration(text);
  return duration !== undefined && duration > 0 ? now + duration : readTime(text);
}

/** RFC 3339, UTC, to the second. */
export function formatTime(time: WallTime): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The exit code and the sentence for a request that did not get through. */
export function explainFailure(
  what: string,
  failure: {
    readonly kind: string;
    readonly status?: number;
    readonly message?: string;
    readonly cause?: string;
  },
): Ended {
  const text = `error: ${what}: ${failure.message ?? failure.cause ?? failure.kind}\n`;
  if (failure.kind === 'refused')
    return { exit: failure.status === 401 || failure.status === 403 ? 5 : 1, stderr: text };
  if (failure.kind === 'unknown')
    return { exit: 6, stderr: `${text}  hint: it may have been written; run the command again\n` };
  return { exit: failure.kind === 'unavailable' || failure.kind === 'throttled' ? 4 : 1, stderr: text };
}

/** As `writeRecord` of the runtime, for a command. Undefined: done, or nothing to do. With `--dry-run` nothing is sent. */
export async function putRecord(
  { cluster, tenant, dryRun, parts }: Asking,
  place: Place,
  edit: Edit<Ended>,
): Promise<Ended | undefined> {
  const result = await writeRecord(cluster, place, { tenant, dryRun }, edit, parts.signal);
  if (result.kind === 'done') return undefined;
  return result.kind === 'declined' ? result.why : explainFailure(titleOf(place), result);
}

/** The present text of the record. */
export async function getRecord(
  { cluster, parts }: Asking,
  place: Place,
): Promise<string | undefined | Ended> {
  const result = await readRecord(cluster, place, parts.signal);
  return result.kind === 'done' ? result.text : explainFailure(titleOf(place), result);
}
