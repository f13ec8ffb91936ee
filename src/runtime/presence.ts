/**
 * Says that this candidate is there, and hears the others (`core/control/presence.ts`). One small patch a minute, and one
 * soon after each change of leader; what the others write comes with the watch of the control ConfigMap. Best effort:
 * nothing waits for it and nothing depends on it.
 */
import { PRESENT } from '../core/control/entries.ts';
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
import { CONFIG_MAPS, type Cluster, type PatchOperation } from '../ports/cluster.ts';
import type { System } from '../ports/system.ts';
import type { ControlMap, Controls } from './controls.ts';
import { pause } from './pause.ts';
import { newControlMap } from './record-write.ts';

/** After a start or a change of leader: by then the take-over is done, and what changed again is written once. */
const SETTLING: Duration = 2 * SECOND;
/** So that candidates which saw the same change do not write at the same moment. */
const SPREAD: Duration = SECOND;
const WRITE_TIMEOUT: Duration = 5 * SECOND;
/** What an entry of a ConfigMap may be named. */
const ENTRY_NAME = /^[-._a-zA-Z0-9]{1,240}$/;

export interface PresenceOptions {
  readonly tenant: string;
  readonly id: string;
  readonly holder: string;
  readonly clusterName: string;
  readonly version: string;
}

interface Heard extends Candidate {
  readonly text: string;
}

export class PresenceKeeper {
  readonly #cluster: Pick<Cluster, 'create' | 'patch'>;
  readonly #controls: Controls;
  readonly #system: System;
  readonly #options: PresenceOptions;
  readonly #view: () => ElectionView | undefined;
  readonly #startedAt: string;
  readonly #watchers: (() => void)[] = [];
  /** By entry. */
  #heard: ReadonlyMap<string, Heard> = new Map();
  #written: Presence | undefined;
  #wake: () => void = () => {};

  constructor(
    cluster: Pick<Cluster, 'create' | 'patch'>,
    controls: Controls,
    system: System,
    view: () => ElectionView | undefined,
    options: PresenceOptions,
  ) {
    this.#cluster = cluster;
    this.#controls = controls;
    this.#system = system;
    this.#view = view;
    this.#options = options;
    this.#startedAt = new Date(system.clock.wall()).toISOString();
    controls.watch(() => this.#hear());
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
    const { log } = this.#system;
    const { id } = this.#options;
    if (!ENTRY_NAME.test(id)) {
      log.warn('this id cannot be an entry of a ConfigMap: others do not see this candidate', { id });
      return;
    }
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

  get #entry(): string {
    return `${PRESENT}${this.#options.id}`;
  }

  /** One attempt. False: others wrote meanwhile, so another one is worth it before the next refresh. */
  async #write(presence: Presence, signal: AbortSignal): Promise<boolean> {
    const text = formatPresence(presence);
    const { map, ref } = this.#controls;
    const bound = AbortSignal.any([signal, AbortSignal.timeout(WRITE_TIMEOUT)]);
    const result =
      map === undefined
        ? await this.#cluster.create<ControlMap>(
            CONFIG_MAPS,
            newControlMap(this.#options.tenant, ref, this.#entry, text),
            bound,
          )
        : await this.#cluster.patch<ControlMap>(ref, this.#patchOf(map, text, presence), bound);
    this.#written = presence;
    if (result.kind === 'done') this.#controls.put(result.object);
    else if (!signal.aborted) this.#system.log.debug('presence not written', { result: result.kind });
    return result.kind !== 'exists' && result.kind !== 'conflict' && result.kind !== 'gone';
  }

  /** No precondition: nobody else writes this entry. The leader also clears away who is forgotten. */
  #patchOf(map: ControlMap, text: string, { leader, holder }: Presence): readonly PatchOperation[] {
    const pin = {
      op: 'replace',
      path: '/metadata/resourceVersion',
      value: map.metadata.resourceVersion,
    } as const;
    if (map.data === undefined) return [pin, { op: 'add', path: '/data', value: { [this.#entry]: text } }];
    const now = this.#system.clock.wall();
    const forgotten = [...this.#heard]
      .filter(([entry]) => leader === holder && entry !== this.#entry)
      .filter(([, { lastSeen }]) => now - lastSeen >= PRESENCE_FORGOTTEN_AFTER)
      .map(([entry]) => ({ op: 'remove', path: `/data/${entry}` }) as const);
    return [
      ...(forgotten.length === 0 ? [] : [pin]),
      { op: 'add', path: `/data/${this.#entry}`, value: text },
      ...forgotten,
    ];
  }

  /** A process that ends says so; one that dies is unknown soon, and forgotten later. */
  async #leave(): Promise<void> {
    const { map, ref } = this.#controls;
    if (map?.data?.[this.#entry] === undefined) return;
    const operations = [{ op: 'remove', path: `/data/${this.#entry}` }] as const;
    await this.#cluster.patch(ref, operations, AbortSignal.timeout(SECOND));
  }

  /** A word counts from when it was heard; one that was there before, from the time it names, if that has passed. */
  #hear(): void {
    const { clock } = this.#system;
    const now = clock.wall();
    const heard = new Map<string, Heard>();
    let isNew = false;
    for (const [entry, text] of Object.entries(this.#controls.map?.data ?? {})) {
      if (!entry.startsWith(PRESENT)) continue;
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
