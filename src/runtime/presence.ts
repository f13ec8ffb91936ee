/**
 * Says that this candidate is there, and hears the others (`core/control/presence.ts`). One small write a minute, and one
 * soon after each change of leader; what the others write comes with a watch. A Lease, because leases are what a follower
 * may write: whatever else it wrote would be a fault. Best effort: nothing waits for it and nothing depends on it.
 */
import { createHash } from 'node:crypto';
import {
  formatPresence,
  PRESENCE_FORGOTTEN_AFTER,
  PRESENCE_REFRESH,
  readPresence,
  seesTheSame,
  type Candidate,
  type Presence,
} from '../core/control/presence.ts';
import { readTime } from '../core/control/json-record.ts';
import type { ElectionView } from '../core/election/view.ts';
import { SECOND, type Duration, type WallTime } from '../core/time.ts';
import { ANNOTATION, candidatesName, LABEL, labelSafe } from '../core/workload/names.ts';
import { LEASES, type Cache, type Cluster, type KubeObject, type WriteResult } from '../ports/cluster.ts';
import type { System } from '../ports/system.ts';
import { pause } from './pause.ts';

/** After a start or a change of leader: by then the take-over is done, and what changed again is written once. */
const SETTLING: Duration = 2 * SECOND;
/** So that candidates which saw the same change do not write at the same moment. */
const SPREAD: Duration = SECOND;
const WRITE_TIMEOUT: Duration = 5 * SECOND;

export interface PresenceOptions {
  readonly tenant: string;
  readonly controllerNamespace: string;
  readonly id: string;
  readonly holder: string;
  readonly clusterName: string;
  readonly version: string;
}

/** Everything in it that matters is in the annotations. */
interface Lease extends KubeObject {
  readonly spec?: object;
}

interface Heard extends Candidate {
  readonly text: string;
}

export class PresenceKeeper {
  /** The Lease; whoever owns this runs it. */
  readonly cache: Cache<Lease>;
  readonly #cluster: Pick<Cluster, 'create' | 'replace'>;
  /** Any id makes one. */
  readonly #annotation: string;
  readonly #system: System;
  readonly #options: PresenceOptions;
  readonly #view: () => ElectionView | undefined;
  readonly #startedAt: string;
  readonly #watchers: (() => void)[] = [];
  /** By annotation. */
  #heard: ReadonlyMap<string, Heard> = new Map();
  #written: Presence | undefined;
  #wake: () => void = () => {};

  constructor(
    cluster: Pick<Cluster, 'cache' | 'create' | 'replace'>,
    system: System,
    view: () => ElectionView | undefined,
    options: PresenceOptions,
  ) {
    this.#cluster = cluster;
    this.#system = system;
    this.#view = view;
    this.#options = options;
    this.#startedAt = new Date(system.clock.wall()).toISOString();
    const digest = createHash('sha256').update(options.id).digest('hex').slice(0, 16);
    this.#annotation = `${ANNOTATION.candidate}${digest}`;
    const { controllerNamespace: namespace, tenant } = options;
    this.cache = cluster.cache<Lease>(LEASES, {
      scope: { namespace, fieldSelector: `metadata.name=${candidatesName(tenant)}` },
      strip: (lease) => lease,
    });
    this.cache.onChange(() => this.#hear());
  }

  /** Told when another candidate was heard from, for as long as the process lives. */
  watch(watcher: () => void): void {
    this.#watchers.push(watcher);
  }

  /** Everybody who was heard from in the last ten minutes, this process too once it has been. */
  candidates(): readonly Candidate[] {
    const now = this.#system.clock.wall();
    return [...this.#heard.values()].filter(({ lastSeen }) => now - lastSeen < PRESENCE_FORGOTTEN_AFTER);
  }

  /** Who leads may have changed. */
  look(): void {
    const now = this.#compose();
    if (now !== undefined && this.#written !== undefined && !seesTheSame(now, this.#written)) this.#wake();
  }

  /** Refreshes until the signal aborts, then takes the word back. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#rest(SETTLING, signal);
      if (signal.aborted) break;
      const presence = this.#compose();
      const isWritten = presence === undefined || (await this.#write(presence, signal));
      if (isWritten && !this.#isBehind(presence)) await this.#restUntilWoken(signal);
    }
    if (this.#written !== undefined) await this.#leave();
  }

  /** Whether something else is to be said meanwhile. */
  #isBehind(written: Presence | undefined): boolean {
    const now = this.#compose();
    return now !== undefined && written !== undefined && !seesTheSame(now, written);
  }

  #rest(duration: Duration, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#system;
    return pause(clock, duration + random.uniform() * SPREAD, signal);
  }

  async #restUntilWoken(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await this.#rest(PRESENCE_REFRESH - SETTLING - SPREAD, AbortSignal.any([signal, woken.signal]));
    this.#wake = () => {};
  }

  #compose(): Presence | undefined {
    const view = this.#view();
    if (view === undefined) return undefined;
    const { id, holder, clusterName: cluster, version } = this.#options;
    const leader = view.store.up ? { leader: view.holder ?? '' } : {};
    const at = new Date(this.#system.clock.wall()).toISOString();
    return { id, holder, cluster, version, startedAt: this.#startedAt, ...leader, term: view.epoch, at };
  }

  get #lease(): Lease | undefined {
    const { controllerNamespace, tenant } = this.#options;
    return this.cache.get(controllerNamespace, candidatesName(tenant));
  }

  /** One attempt. False: others wrote meanwhile, so another one is worth it before the next refresh. */
  async #write(presence: Presence, signal: AbortSignal): Promise<boolean> {
    const bound = AbortSignal.any([signal, AbortSignal.timeout(WRITE_TIMEOUT)]);
    const lease = this.#lease;
    const annotations = { ...this.#kept(presence), [this.#annotation]: formatPresence(presence) };
    const result =
      lease === undefined
        ? await this.#cluster.create<Lease>(LEASES, newLease(this.#options, annotations), bound)
        : await this.#replace(lease, annotations, bound);
    this.#written = presence;
    if (result.kind === 'done') this.cache.put(result.object);
    else if (!signal.aborted) this.#system.log.debug('presence not written', { result: result.kind });
    return result.kind !== 'exists' && result.kind !== 'conflict' && result.kind !== 'gone';
  }

  #replace(
    lease: Lease,
    annotations: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<WriteResult<Lease>> {
    const { metadata } = lease;
    return this.#cluster.replace<Lease>(LEASES, { ...lease, metadata: { ...metadata, annotations } }, signal);
  }

  /** What others said stays; the leader clears away who is forgotten. */
  #kept({ leader, holder }: Presence): Readonly<Record<string, string>> {
    const now = this.#system.clock.wall();
    const isGone = (annotation: string): boolean =>
      leader === holder && now - (this.#heard.get(annotation)?.lastSeen ?? now) >= PRESENCE_FORGOTTEN_AFTER;
    const annotations = Object.entries(this.#lease?.metadata.annotations ?? {});
    return Object.fromEntries(annotations.filter(([annotation]) => !isGone(annotation)));
  }

  /** A process that ends says so; one that dies is unknown soon, and forgotten later. */
  async #leave(): Promise<void> {
    const lease = this.#lease;
    const { [this.#annotation]: own, ...others } = lease?.metadata.annotations ?? {};
    if (lease === undefined || own === undefined) return;
    await this.#replace(lease, others, AbortSignal.timeout(SECOND));
  }

  /** A word counts from when it was heard; one that was there before, from the time it names, if that has passed. */
  #hear(): void {
    const { clock } = this.#system;
    const now = clock.wall();
    const heard = new Map<string, Heard>();
    let isNew = false;
    for (const [entry, text] of Object.entries(this.#lease?.metadata.annotations ?? {})) {
      if (!entry.startsWith(ANNOTATION.candidate)) continue;
      const known = this.#heard.get(entry);
      if (known?.text === text) {
        heard.set(entry, known);
        continue;
      }
      const presence = readPresence(text);
      if (presence === undefined) continue;
      const lastSeen = known === undefined ? firstSeen(presence, now) : now;
      heard.set(entry, { text, presence, lastSeen });
      isNew = true;
    }
    isNew ||= heard.size < this.#heard.size;
    this.#heard = heard;
    if (isNew) for (const watcher of this.#watchers) watcher();
  }
}

function firstSeen({ at }: Presence, now: WallTime): WallTime {
  return Math.min(now, readTime(at) ?? now);
}

function newLease(
  { tenant, controllerNamespace }: PresenceOptions,
  annotations: Readonly<Record<string, string>>,
): Lease {
  const labels = { [LABEL.managedBy]: LABEL.managedByValue, [LABEL.tenant]: labelSafe(tenant) };
  const metadata = { name: candidatesName(tenant), namespace: controllerNamespace, labels, annotations };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: {} };
}
