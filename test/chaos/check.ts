/**
 * Judges the history of a chaos run: I1 grants by store time are disjoint, and nobody begins a term while an earlier one
 * may still act; I2 terms rise strictly; I3 nobody believes in a term, or writes in it, longer than the store grants it;
 * I4 after a write of a term was accepted on an object, none of a lower term is; I5 nothing is written in a term after
 * its release; I6 one acquisition keeps its term and holder; I8 what the overlap referee saw. Pure: facts in, verdict out.
 */
import { inOrder, type Fact, type StoreFact, type TermFact, type WriteFact } from './history.ts';

export interface Breach {
  readonly invariant: string;
  readonly at: number;
  readonly text: string;
}

export interface Verdict {
  readonly breaches: readonly Breach[];
  /** Milliseconds during which two processes could have acted. Must be 0. */
  readonly overlapMs: number;
  /** Writes accepted on an object after one of a newer term. Must be 0. */
  readonly staleWrites: number;
  /** Accepted after a newer term began, on objects that it had not claimed: sent in time, underway for long, harmless. */
  readonly lateWrites: number;
  readonly writes: number;
  /** Of those, writes that are not held against I3, because the wire or the server delayed them. */
  readonly delayedWrites: number;
  /** Changes of holder. */
  readonly transitions: number;
  /** From SIGKILL of a leader to the start of the next term, where no other fault interfered; ascending. */
  readonly takeovers: readonly number[];
}

/** Rounding of the times that are known in whole milliseconds. */
const ROUNDING_MS = 1;

/** A term of one process: where it began, and the first instant from which it could not act any more. */
interface Tenure {
  readonly who: string;
  readonly term: number;
  readonly from: number;
  readonly end: number;
  /** Until when the store granted it by the wall clock; undefined where the witness missed it. */
  readonly granted: number | undefined;
  readonly released: number | undefined;
}

/** Judges a whole run. Facts of one kind and instant are in the order in which they happened. */
export function checkHistory(collected: readonly Fact[]): Verdict {
  const facts = inOrder(collected);
  const breaches: Breach[] = facts
    .filter((fact) => fact.kind === 'objection')
    .map(({ invariant, at, text }) => ({ invariant, at, text }));
  const tenures = tenuresOf(facts);
  const writes = attribute(facts, tenures);
  const stale = checkObjects(writes, breaches);
  checkStore(facts, breaches);
  const overlapMs = checkTenures(tenures, breaches);
  checkValidity(facts, tenures, breaches);
  const delayedWrites = checkWrites(facts, writes, breaches);
  return {
    breaches: breaches.toSorted((a, b) => a.at - b.at),
    overlapMs,
    staleWrites: stale,
    lateWrites: countLate(writes, tenures) - stale,
    writes: writes.length,
    delayedWrites,
    transitions: tenures.filter(({ who }, index) => index > 0 && tenures[index - 1]?.who !== who).length,
    takeovers: takeoversOf(facts, tenures),
  };
}

function tenuresOf(facts: readonly Fact[]): readonly Tenure[] {
  const elected = facts.filter((fact): fact is TermFact => fact.kind === 'elected');
  const grants = facts.filter((fact) => fact.kind === 'store');
  return elected
    .toSorted((a, b) => a.at - b.at)
    .map(({ who, term, at }) => {
      const own = grants.filter(({ epoch, holder }) => epoch === term && holder.startsWith(`${who}/`));
      const held = own.filter(({ isReleased }) => !isReleased).map(({ wallUntil }) => wallUntil);
      const granted = held.length === 0 ? undefined : Math.max(...held);
      const ends = facts.flatMap((fact) => {
        if (fact.kind === 'killed' && fact.who === who) return [fact.at];
        if ((fact.kind === 'lost' || fact.kind === 'released') && fact.who === who && fact.term === term)
          return [fact.at];
        return [];
      });
      const released = own.find(({ isReleased }) => isReleased)?.at;
      const end = Math.min(granted ?? Infinity, released ?? Infinity, ...ends);
      return { who, term, from: at, end, granted, released };
    });
}

function checkStore(facts: readonly Fact[], breaches: Breach[]): void {
  const identities = new Map<string, StoreFact>();
  let before: StoreFact | undefined;
  for (const fact of facts) {
    if (fact.kind === 'data-lost') before = undefined;
    if (fact.kind !== 'store') continue;
    const first = identities.get(fact.nonce) ?? fact;
    identities.set(fact.nonce, first);
    const say = (invariant: string, text: string): number =>
      breaches.push({ invariant, at: fact.at, text: `${fact.holder}, term ${fact.epoch}: ${text}` });
    if (first.epoch !== fact.epoch || first.holder !== fact.holder)
      say('I6', `the same acquisition had term ${first.epoch} of ${first.holder}`);
    if (before !== undefined && before.nonce !== fact.nonce) {
      if (!before.isReleased && fact.from < before.until)
        say('I1', `granted ${before.until - fact.from} ms before the grant of term ${before.epoch} ended`);
      if (fact.epoch <= before.epoch) say('I2', `granted after term ${before.epoch}`);
    }
    before = fact;
  }
}

/** Answers the longest overlap. */
function checkTenures(tenures: readonly Tenure[], breaches: Breach[]): number {
  let longest = 0;
  for (const [index, { who, term, from }] of tenures.entries())
    for (const earlier of tenures.slice(0, index)) {
      const overlap = earlier.end - from;
      if (overlap > ROUNDING_MS) {
        longest = Math.max(longest, overlap);
        const text = `${who} began term ${term} while ${earlier.who} could act in term ${earlier.term}`;
        breaches.push({ invariant: 'I1', at: from, text });
      }
      if (term <= earlier.term)
        breaches.push({ invariant: 'I2', at: from, text: `${who} began term ${term} after ${earlier.term}` });
    }
  return longest;
}

function checkValidity(facts: readonly Fact[], tenures: readonly Tenure[], breaches: Breach[]): void {
  for (const fact of facts) {
    if (fact.kind !== 'validity') continue;
    const { who, term, at, remaining } = fact;
    const granted = tenures.find((tenure) => tenure.who === who && tenure.term === term)?.granted;
    const beyond = at + remaining - ROUNDING_MS - (granted ?? Infinity);
    if (beyond > 0)
      breaches.push({
        invariant: 'I3',
        at,
        text: `${who} believed in term ${term} for ${beyond.toFixed(0)} ms longer than the store granted it`,
      });
  }
}

interface Attributed {
  readonly write: WriteFact;
  readonly term: number;
  readonly tenure: Tenure | undefined;
}

/** The term of a write: what it carries, else the last that its process had begun. Without any it is not a guarded write. */
function attribute(facts: readonly Fact[], tenures: readonly Tenure[]): readonly Attributed[] {
  return facts
    .filter((fact) => fact.kind === 'write')
    .flatMap((write) => {
      const own = tenures.filter(({ who }) => who === write.who);
      const term = write.carries ?? own.findLast(({ from }) => from <= write.at)?.term;
      if (term === undefined) return [];
      return [{ write, term, tenure: own.find((tenure) => tenure.term === term) }];
    });
}

/** Only what is certain counts: the newer write was answered before the older one was received. */
function checkObjects(writes: readonly Attributed[], breaches: Breach[]): number {
  let stale = 0;
  for (const group of Map.groupBy(writes, ({ write }) => write.object).values()) {
    const byEnd = group.toSorted((a, b) => a.write.done - b.write.done);
    const byStart = group.toSorted((a, b) => a.write.at - b.write.at);
    let newest: Attributed | undefined;
    let next = 0;
    for (const { write, term } of byStart) {
      for (; (byEnd[next]?.write.done ?? Infinity) < write.at; next += 1)
        if ((newest?.term ?? 0) < (byEnd[next]?.term ?? 0)) newest = byEnd[next];
      if (newest === undefined || term >= newest.term) continue;
      stale += 1;
      const text = `${write.who} wrote (${write.verb} ${write.object}) in term ${term} after ${newest.write.who} had in term ${newest.term}`;
      breaches.push({ invariant: 'I4', at: write.at, text });
    }
  }
  return stale;
}

/** I3 and I5 for writes; answers how many were underway for longer than can be told. */
function checkWrites(facts: readonly Fact[], writes: readonly Attributed[], breaches: Breach[]): number {
  const slow = facts.filter((fact) => fact.kind === 'fault').filter(({ delaysWrites }) => delaysWrites);
  const longest = facts.find((fact) => fact.kind === 'run')?.ttl ?? 0;
  let delayed = 0;
  for (const { write, term, tenure } of writes) {
    const { granted, released } = tenure ?? {};
    const what = `${write.who} wrote (${write.verb} ${write.object}) in term ${term}`;
    if (released !== undefined && write.at > released + ROUNDING_MS)
      breaches.push({ invariant: 'I5', at: write.at, text: `${what} after its release` });
    if (granted === undefined || write.at <= granted) continue;
    if (slow.some(({ at, until }) => at <= write.at && write.at <= until + longest)) delayed += 1;
    else breaches.push({ invariant: 'I3', at: write.at, text: `${what} after its grant had run out` });
  }
  return delayed;
}

function countLate(writes: readonly Attributed[], tenures: readonly Tenure[]): number {
  return writes.filter(({ write, term }) =>
    tenures.some((tenure) => tenure.term > term && tenure.from < write.at),
  ).length;
}

function takeoversOf(facts: readonly Fact[], tenures: readonly Tenure[]): readonly number[] {
  const faults = facts.filter((fact) => fact.kind === 'fault');
  const ttl = facts.find((fact) => fact.kind === 'run')?.ttl ?? 0;
  return facts
    .flatMap((fact) => {
      if (fact.kind !== 'killed' || fact.term === undefined) return [];
      const next = tenures.find(({ from, who }) => from > fact.at && who !== fact.who);
      if (next === undefined) return [];
      const isAlone = faults.every(
        ({ at, until, on }) => on === fact.who || until < fact.at - ttl || at > next.from,
      );
      return isAlone ? [next.from - fact.at] : [];
    })
    .toSorted((a, b) => a - b);
}
