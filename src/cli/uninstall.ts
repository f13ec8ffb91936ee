/**
 * `uninstall`: takes away what would hold objects back once no controller is there, and nothing else.
 *
 * The bindings of the admission policies go first, because the policies let nobody but the controller drop a finalizer.
 * Then our finalizers go, from custom resources, from templates that can be changed without a restart, and from pods. A
 * gate is never lifted: what waits for its permit may have an instance elsewhere, so it stays gated, and is listed.
 */
import { pause } from '../adapters/kube/pause.ts';
import { formatProblem, type Problem } from '../core/problem.ts';
import type { Operation } from '../core/reconcile/patches.ts';
import { SECOND, type Duration } from '../core/time.ts';
import { PERMIT_GATE } from '../core/workload/names.ts';
import type { Cluster, KubeObject, ObjectRef, Resource } from '../ports/cluster.ts';
import type { Clock } from '../ports/system.ts';
import type { CommandResult } from './result.ts';
import { BINDINGS, SWEEPS, type Sweep } from './uninstall-targets.ts';

/** Connects as `--kubeconfig`, KUBECONFIG, the usual file or the pod say. */
export type Reach = (kubeconfig: string | undefined) => Promise<Cluster | Problem>;

const USAGE = 'write: k8-highlander uninstall [--dry-run] [--kubeconfig PATH]';
/** How long a removed binding may go on to be enforced by an API server that has not heard of it. */
const BINDING_LIMIT: Duration = 30 * SECOND;
const RETRY: Duration = 0.25 * SECOND;
const CONFLICT_ATTEMPTS = 10;
/** Within this time a controller that still runs has put a finalizer on again. */
const SETTLED: Duration = 2 * SECOND;

/** Runs the command. Exit code 0 done · 1 something was refused or came back · 2 usage · 4 no answer from the cluster. */
export async function uninstall(
  argv: readonly string[],
  reach: Reach,
  clock: Clock,
  signal: AbortSignal,
): Promise<CommandResult> {
  const read = readArguments(argv);
  if ('code' in read) return { exit: 2, stdout: '', stderr: `${formatProblem(read)}\n` };
  const cluster = await reach(read.kubeconfig);
  if ('code' in cluster) return { exit: 4, stdout: '', stderr: `${formatProblem(cluster)}\n` };
  const run = new Uninstall(cluster, clock, read.dryRun, signal);
  try {
    return await run.go();
  } finally {
    await cluster.close();
  }
}

interface Arguments {
  readonly dryRun: boolean;
  readonly kubeconfig: string | undefined;
}

function readArguments(argv: readonly string[]): Arguments | Problem {
  const rest = [...argv];
  let dryRun = false;
  let kubeconfig: string | undefined;
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const [flag = '', ...values] = argument.split('=');
    if (argument === '--dry-run') dryRun = true;
    else if (flag !== '--kubeconfig')
      return { code: 'Usage', message: `uninstall does not know ${JSON.stringify(flag)}`, hint: USAGE };
    else {
      kubeconfig = values.length > 0 ? values.join('=') : rest.shift();
      if (kubeconfig === undefined || kubeconfig === '')
        return { code: 'Usage', message: '--kubeconfig needs a value', hint: USAGE };
    }
  }
  return { dryRun, kubeconfig };
}

class Uninstall {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #dryRun: boolean;
  readonly #signal: AbortSignal;
  /** What was done, or would be: data. */
  readonly #done: string[] = [];
  /** What was not, and what people must know. */
  readonly #notes: string[] = [];
  #exit = 0;

  constructor(cluster: Cluster, clock: Clock, dryRun: boolean, signal: AbortSignal) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#dryRun = dryRun;
    this.#signal = signal;
  }

  async go(): Promise<CommandResult> {
    await this.#removeBindings();
    for (const sweep of SWEEPS) if (this.#exit === 0) await this.#sweep(sweep);
    if (this.#exit === 0 && !this.#dryRun) await this.#lookAgain();
    if (this.#exit === 0)
      this.#notes.push(
        `${this.#dryRun ? 'Nothing was changed. ' : ''}What stays: the workloads themselves, the custom resources with their definitions, ` +
          'the admission policies without their bindings, and the ConfigMaps and Leases named highlander-* and k8-highlander-candidates-* of the controller namespace.',
      );
    const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
    return { exit: this.#exit, stdout: text(this.#done), stderr: text(this.#notes) };
  }

  async #removeBindings(): Promise<void> {
    for (const name of BINDINGS.names) {
      const ref = { resource: BINDINGS.resource, namespace: '', name };
      const read = await this.#cluster.get(ref, this.#signal);
      if (read.kind === 'gone') continue;
      if (read.kind !== 'done') return void this.#fail(ref, read);
      const { uid = '', resourceVersion = '' } = read.object.metadata;
      if (!this.#dryRun) {
        const result = await this.#cluster.delete(ref, { uid, resourceVersion }, 'Background', this.#signal);
        if (result.kind !== 'done' && result.kind !== 'gone') return void this.#fail(ref, result);
      }
      this.#done.push(`${titleOf(ref)} ${this.#dryRun ? 'would be deleted' : 'deleted'}`);
    }
  }

  async #sweep({ resource, held, isGated }: Sweep): Promise<void> {
    const list = await this.#list(resource);
    for (const object of list ?? []) {
      const ref = refOf(resource, object);
      const names = held(object).map(({ finalizer }) => finalizer);
      if (names.length > 0 && (this.#dryRun || (await this.#drop(ref, object, held))))
        this.#done.push(
          `${titleOf(ref)} finalizer ${names.join(', ')} ${this.#dryRun ? 'would be dropped' : 'dropped'}`,
        );
      if (isGated(object) && object.metadata.deletionTimestamp === undefined)
        this.#notes.push(
          `${titleOf(ref)} keeps the gate ${PERMIT_GATE}: what waits behind it will not start`,
        );
    }
  }

  /** True when the finalizers are gone, by our hand or somebody else's. */
  async #drop(ref: ObjectRef, first: KubeObject, held: Sweep['held']): Promise<boolean> {
    const until = this.#clock.now() + BINDING_LIMIT;
    let object = first;
    for (let attempt = 0; attempt < CONFLICT_ATTEMPTS;) {
      const patch = held(object).map(({ path, rest }): Operation => ({ op: 'replace', path, value: rest }));
      if (patch.length === 0) return true;
      const { resourceVersion } = object.metadata;
      const version: Operation = { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion };
      const result = await this.#cluster.patch(ref, [version, ...patch], this.#signal);
      if (result.kind === 'done' || result.kind === 'gone') return true;
      const isStillBound =
        result.kind === 'refused' &&
        /ValidatingAdmissionPolicy/.test(result.message) &&
        this.#clock.now() < until;
      if (isStillBound) {
        if (!(await pause(this.#clock, RETRY, this.#signal))) return false;
        continue;
      }
      if (result.kind !== 'conflict') return this.#fail(ref, result);
      attempt += 1;
      const read = await this.#cluster.get(ref, this.#signal);
      if (read.kind === 'gone') return true;
      if (read.kind !== 'done') return this.#fail(ref, read);
      object = read.object;
    }
    return this.#fail(ref, { kind: 'conflict', message: 'it is changed all the time' });
  }

  /** A controller that still runs puts its finalizers on again. */
  async #lookAgain(): Promise<void> {
    if (this.#done.length === 0 || !(await pause(this.#clock, SETTLED, this.#signal))) return;
    for (const { resource, held } of SWEEPS) {
      const list = await this.#list(resource);
      const again = list?.find((object) => held(object).length > 0);
      if (again === undefined) continue;
      this.#exit = 1;
      this.#notes.push(
        `error: ${titleOf(refOf(resource, again))} has a finalizer of ours again: a controller is still running. Stop every controller, then run uninstall again`,
      );
      return;
    }
  }

  /** Undefined where the type is not served: then there is none. */
  async #list(resource: Resource): Promise<readonly KubeObject[] | undefined> {
    const list = await this.#cluster.list(resource, {}, this.#signal);
    if (list.kind === 'done') return list.items;
    if (list.kind !== 'refused' || list.status !== 404)
      this.#fail({ resource, namespace: '', name: '' }, list);
    return undefined;
  }

  #fail(
    ref: ObjectRef,
    { kind, ...rest }: { readonly kind: string; readonly message?: string; readonly cause?: string },
  ): false {
    const isSilent = kind === 'unavailable' || kind === 'unknown' || kind === 'throttled';
    this.#exit = isSilent ? 4 : 1;
    const why = rest.message ?? rest.cause ?? kind;
    this.#notes.push(`error: ${titleOf(ref)}: ${why}`);
    return false;
  }
}

function refOf(resource: Resource, { metadata }: KubeObject): ObjectRef {
  return { resource, namespace: metadata.namespace ?? '', name: metadata.name };
}

function titleOf({ resource, namespace, name }: ObjectRef): string {
  return [resource.plural, namespace, name].filter((part) => part !== '').join('/');
}
