/**
 * Keeps the newest history in the ConfigMap of the fence anchor, beside the record (`binaryData`, which a raise of the
 * anchor leaves alone). Written by the leader only, at most once in a few seconds and only when something changed; each
 * write names the version it read, so that a newer leader's is never overwritten. Best effort: nothing waits for it.
 */
import { decodeHistory, encodeHistory } from '../core/kept-history.ts';
import type { HistoryEntry } from '../core/history.ts';
import { MILLISECOND, SECOND, type Duration } from '../core/time.ts';
import { anchorName } from '../core/workload/names.ts';
import {
  CONFIG_MAPS,
  type ClusterReader,
  type KubeObject,
  type ObjectRef,
  type PatchOperation,
} from '../ports/cluster.ts';
import { boundSignal } from '../ports/bound-signal.ts';
import type { Clock, System } from '../ports/system.ts';
import type { GuardedWriter } from './guarded-writer.ts';
import type { Hub } from './hub.ts';
import { pause } from './pause.ts';

/** What changes together is written together. */
const GATHERING: Duration = 250 * MILLISECOND;
/** Between two writes. */
const SHORTEST_INTERVAL: Duration = 3 * SECOND;

const READ_TIMEOUT: Duration = 2 * SECOND;

const KEY = 'history';

interface AnchorMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

export interface KeeperScope {
  readonly tenant: string;
  readonly controllerNamespace: string;
}

export interface KeeperParts {
  readonly hub: Hub;
  readonly cluster: ClusterReader;
  readonly system: System;
  readonly writer: GuardedWriter;
  /** Of the term. */
  readonly epoch: number;
}

/** What was kept, oldest first; empty where nothing was, or it cannot be read within two seconds. */
export async function readKeptHistory(
  reader: ClusterReader,
  clock: Clock,
  scope: KeeperScope,
  signal: AbortSignal,
): Promise<readonly HistoryEntry[]> {
  const read = await readAnchor(reader, clock, scope, signal);
  return read === undefined ? [] : historyOf(read);
}

async function readAnchor(
  reader: ClusterReader,
  clock: Clock,
  scope: KeeperScope,
  signal: AbortSignal,
): Promise<AnchorMap | undefined> {
  const bound = boundSignal(clock, signal, clock.now() + READ_TIMEOUT, 'history not read in time');
  const read = await reader.get<AnchorMap>(refOf(scope), bound.signal);
  bound.release();
  return read.kind === 'done' ? read.object : undefined;
}

/** The keeper of one term. */
export class HistoryKeeper {
  readonly #parts: KeeperParts;
  readonly #scope: KeeperScope;
  #written = '';
  #wake: () => void = () => {};

  constructor(parts: KeeperParts, scope: KeeperScope) {
    this.#parts = parts;
    this.#scope = scope;
  }

  /** Takes in what earlier leaders kept, and keeps what changes, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { hub, system } = this.#parts;
    const { clock } = system;
    const unsubscribe = hub.onHistory(() => this.#wake());
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake);
    let isFirst = true;
    while (!signal.aborted) {
      if (!isFirst && encodeHistory(hub.history) === this.#written)
        await new Promise<void>((resolve) => (this.#wake = resolve));
      isFirst = false;
      await pause(clock, GATHERING, signal);
      if (signal.aborted) break;
      await this.#keep(signal);
      await pause(clock, SHORTEST_INTERVAL, signal);
    }
    signal.removeEventListener('abort', wake);
    unsubscribe();
  }

  /** One attempt; what it could not write is written by the next. */
  async #keep(signal: AbortSignal): Promise<void> {
    const { hub, cluster, writer, epoch, system } = this.#parts;
    const anchor = await readAnchor(cluster, system.clock, this.#scope, signal);
    // Another's epoch: this term is over, and will soon know.
    if (anchor?.data?.['epoch'] !== String(epoch)) return;
    hub.takeInHistory(historyOf(anchor));
    const text = encodeHistory(hub.history);
    const operations = patchOf(anchor, text);
    if (operations.length > 0) {
      const result = await writer.patch(refOf(this.#scope), operations);
      if (result.kind === 'conflict') return;
      if (result.kind !== 'done') return system.log.debug('history not kept', { result: result.kind });
    }
    this.#written = text;
  }
}

function refOf({ tenant, controllerNamespace }: KeeperScope): ObjectRef {
  return { resource: CONFIG_MAPS, namespace: controllerNamespace, name: anchorName(tenant) };
}

function historyOf({ binaryData }: AnchorMap): readonly HistoryEntry[] {
  return decodeHistory(Buffer.from(binaryData?.[KEY] ?? '', 'base64').toString('utf8'));
}

/** Nothing where it is there already. */
function patchOf({ metadata, binaryData }: AnchorMap, text: string): readonly PatchOperation[] {
  const value = Buffer.from(text).toString('base64');
  if ((binaryData?.[KEY] ?? '') === value) return [];
  return [
    { op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
    binaryData === undefined
      ? { op: 'add', path: '/binaryData', value: { [KEY]: value } }
      : { op: 'add', path: `/binaryData/${KEY}`, value },
  ];
}
