/** The guarded work of one process: claims each object for its term, then keeps writing to it by compare-and-set. */
import type { Leadership, Term } from '../../src/runtime/term.ts';
import type { Cluster } from './cluster.ts';
import type { FaultyPath } from './network.ts';
import type { SeededRandom } from './random.ts';
import type { Referee } from './referee.ts';
import type { Host } from './world.ts';

export interface WriterParts {
  readonly name: string;
  readonly host: Host;
  readonly cluster: Cluster;
  readonly path: FaultyPath;
  readonly random: SeededRandom;
  readonly referee: Referee;
  /** The longest rest between two writes to one object. */
  readonly rest: number;
}

type Outcome = 'accepted' | 'conflict' | 'unknown';

export class GuardedWork implements Leadership {
  readonly #parts: WriterParts;
  #session: { readonly term: Term; isAdmitting: boolean; readonly loops: Promise<void>[] } | undefined;
  /** Objects with a write of this term whose outcome is unknown and not settled by a later answer. */
  readonly #unknown = new Set<number>();

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  prepareTerm(): void {}

  startTerm(term: Term): void {
    const { name, host, cluster, referee } = this.#parts;
    referee.began(name, host, term);
    this.#unknown.clear();
    const loops: Promise<void>[] = [];
    this.#session = { term, isAdmitting: true, loops };
    const session = this.#session;
    for (const index of cluster.objects.keys())
      loops.push(this.#keepWriting(term, index, () => session.isAdmitting));
  }

  async drain(): Promise<{ clean: boolean }> {
    if (this.#session !== undefined) {
      this.#session.isAdmitting = false;
      await Promise.all(this.#session.loops);
    }
    return { clean: this.#unknown.size === 0 };
  }

  async #keepWriting(term: Term, index: number, isAdmitting: () => boolean): Promise<void> {
    const { random, rest } = this.#parts;
    let known: number | undefined;
    while (isAdmitting() && !term.signal.aborted) {
      if (!term.isValid()) {
        await this.#pause(20);
        continue;
      }
      known ??= await this.#read(term, index);
      if (known === undefined || !isAdmitting()) continue;
      if (!term.isValid()) continue;
      const outcome = await this.#write(term, index, known);
      if (outcome === 'unknown') this.#unknown.add(index);
      // Any answer for a version that was read later than the unknown write proves that write refused from now on.
      if (outcome === 'accepted') this.#unknown.delete(index);
      known = outcome === 'accepted' ? known + 1 : undefined;
      await this.#pause(random.between(1, rest));
    }
  }

  async #read(term: Term, index: number): Promise<number | undefined> {
    const { cluster } = this.#parts;
    const object = await this.#request(term, 'read', () => cluster.objects[index]);
    if (object === undefined) return undefined;
    if (object.term <= term.epoch) return object.version;
    term.demote(object.term);
    await this.#pause(20);
    return undefined;
  }

  async #write(term: Term, index: number, version: number): Promise<Outcome> {
    const { cluster, referee, name, host } = this.#parts;
    referee.issues(name, host, term);
    return (await this.#request(term, 'renew', () => cluster.write(index, version, term.epoch))) ?? 'unknown';
  }

  /** Undefined if no answer came before the deadline of a guarded request. */
  async #request<Reply>(term: Term, kind: 'read' | 'renew', apply: () => Reply): Promise<Reply | undefined> {
    const { path, host } = this.#parts;
    const { promise, resolve } = Promise.withResolvers<Reply | undefined>();
    const timer = host.clock.timer(Math.max(term.deadline(), host.clock.now()), () => resolve(undefined));
    const answer = async (): Promise<void> => {
      // Never aborted: bytes that were sent stay sent, giving up a write does not take it back.
      const { signal } = new AbortController();
      const boxed = await path.carry({ kind, name: 'object' }, () => ({ reply: apply() }), signal);
      timer.cancel();
      resolve('reply' in boxed ? boxed.reply : undefined);
    };
    void answer();
    return promise;
  }

  async #pause(duration: number): Promise<void> {
    const { clock } = this.#parts.host;
    await new Promise<void>((resolve) => clock.timer(clock.now() + duration, resolve));
  }
}
