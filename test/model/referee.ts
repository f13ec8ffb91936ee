/** Checks the invariants from outside, by true time and by what the store and the cluster really did. */
import type { MemoryLocks, MemoryRecord, Operation } from '../../src/adapters/lock/memory.ts';
import type { Epoch } from '../../src/core/election/record.ts';
import type { Term } from '../../src/runtime/term.ts';
import type { Cluster } from './cluster.ts';
import type { Host, World } from './world.ts';

export interface Violation {
  readonly invariant: string;
  readonly at: number;
  readonly message: string;
}

interface Acting {
  readonly name: string;
  readonly host: Host;
  readonly term: Term;
}

export class Referee {
  violation: Violation | undefined;
  /** Holder names in the order in which terms began. */
  readonly terms: { readonly name: string; readonly epoch: Epoch; readonly at: number }[] = [];
  /** True time of the last loss of data. */
  lostDataAt = -Infinity;
  /** Holders that died and of whom others are told so: their locks may be taken before they run out. */
  readonly dead = new Set<string>();
  /** Terms that ended without a release. */
  losses = 0;
  readonly #world: World;
  readonly #locks: MemoryLocks;
  readonly #lockName: string;
  readonly #acting: Acting[] = [];
  readonly #nonces = new Set<string>();
  readonly #released = new Set<Epoch>();
  readonly #lastAccepted = new Map<number, Epoch>();
  /** Epochs granted before a loss of data: the store cannot know them any more. */
  readonly #forgotten = new Set<Epoch>();
  #highestGrant = 0;
  #highestTerm = 0;

  constructor(world: World, locks: MemoryLocks, lockName: string, cluster: Cluster) {
    this.#world = world;
    this.#locks = locks;
    this.#lockName = lockName;
    cluster.onAccepted = (object, epoch) => this.#accepted(object, epoch);
  }

  fail(invariant: string, message: string): void {
    this.violation ??= { invariant, at: this.#world.now, message };
  }

  loseData(): void {
    const record = this.#locks.peek(this.#lockName);
    if (record !== undefined) this.#forgotten.add(record.epoch);
    this.#locks.loseData();
    this.lostDataAt = this.#world.now;
    this.#highestGrant = 0;
  }

  /** A process was handed a term. */
  began(name: string, host: Host, term: Term): void {
    if (term.epoch <= this.#highestTerm)
      this.fail('I2', `${name} began term ${term.epoch} after term ${this.#highestTerm}`);
    this.#highestTerm = Math.max(this.#highestTerm, term.epoch);
    this.terms.push({ name, epoch: term.epoch, at: this.#world.now });
    this.#acting.push({ name, host, term });
  }

  /** A guarded write leaves its process. */
  issues(name: string, host: Host, term: Term): void {
    if (host.clock.now() >= term.validUntil())
      this.fail('I3', `${name} issued a write of term ${term.epoch} at or after V`);
  }

  /** The process of this name that may act now. */
  actor(): string | undefined {
    return this.#acting.find(({ host, term }) => host.isRunning && term.isValid())?.name;
  }

  /** After each event: at most one process may act, and none beyond what the store grants it. */
  check(): boolean {
    let actor: Acting | undefined;
    for (let index = this.#acting.length - 1; index >= 0; index -= 1) {
      const acting = this.#acting[index]!;
      const { host, term, name } = acting;
      if (host.isDead || term.signal.aborted) {
        this.#acting.splice(index, 1);
        continue;
      }
      if (!host.isRunning) continue;
      const until = term.validUntil();
      if (host.clock.now() >= until) continue;
      if (actor !== undefined)
        this.fail(
          'I1',
          `${actor.name} (term ${actor.term.epoch}) and ${name} (term ${term.epoch}) may both act`,
        );
      actor = acting;
      this.#checkExpiry(acting, host.trueTimeOf(until));
    }
    return this.violation === undefined;
  }

  /** Around each operation of the store. */
  readonly witness = <Reply>(operation: Operation, apply: () => Reply): Reply => {
    const before = this.#locks.peek(this.#lockName);
    const reply = apply();
    const after = this.#locks.peek(this.#lockName);
    if (operation.kind === 'acquire') this.#acquired(operation, before, after);
    else if (operation.kind !== 'read') this.#touched(operation, before, after);
    return reply;
  };

  /** Each attempt has a nonce of its own. */
  sendsAcquire(nonce: string): void {
    if (this.#nonces.has(nonce)) this.fail('I7', `nonce ${nonce} was used twice`);
    this.#nonces.add(nonce);
  }

  #checkExpiry({ name, term }: Acting, until: number): void {
    if (this.#forgotten.has(term.epoch)) return;
    const record = this.#locks.peek(this.#lockName);
    if (record === undefined || record.epoch !== term.epoch || record.isReleased)
      this.fail('I3', `${name} may act in term ${term.epoch}, the store is at ${record?.epoch}`);
    else if (until > record.until)
      this.fail('I3', `${name} may act until ${until}, the store grants it until ${record.until}`);
  }

  #acquired(operation: Operation, before: MemoryRecord | undefined, after: MemoryRecord | undefined): void {
    if (after === undefined || after === before || after.nonce !== operation.nonce) return;
    const isProtected = before !== undefined && !before.isReleased && this.#world.now < before.until;
    if (isProtected && !this.dead.has(before.holder))
      this.fail('I1', `epoch ${after.epoch} was granted while ${before.epoch} was held`);
    if (after.epoch <= this.#highestGrant)
      this.fail('I2', `epoch ${after.epoch} was granted after ${this.#highestGrant}`);
    this.#highestGrant = after.epoch;
  }

  #touched(operation: Operation, before: MemoryRecord | undefined, after: MemoryRecord | undefined): void {
    const isOwn = before?.nonce === operation.nonce && before?.epoch === operation.epoch;
    if (!isOwn && before !== after)
      this.fail('I6', `${operation.kind} of a stranger changed the lock of epoch ${before?.epoch}`);
    if (before?.epoch !== after?.epoch || before?.holder !== after?.holder)
      this.fail('I6', `${operation.kind} changed epoch or holder`);
    if (operation.kind === 'release' && isOwn && after?.isReleased === true) this.#released.add(after.epoch);
  }

  #accepted(object: number, epoch: Epoch): void {
    const last = this.#lastAccepted.get(object) ?? 0;
    if (epoch < last) this.fail('I4', `object ${object}: a write of term ${epoch} after one of ${last}`);
    this.#lastAccepted.set(object, epoch);
    if (this.#released.has(epoch)) this.fail('I5', `a write of term ${epoch} after its release`);
  }
}
