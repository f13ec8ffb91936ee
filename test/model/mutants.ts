/** One-place edits of the real source that the tests must notice. `find` must occur exactly once in `file`. */

export interface Mutant {
  /** The rule that is broken. */
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** What notices it: arguments of node, run in a copy of the repository that holds src and test/model. */
  readonly command: readonly string[];
  /** What the output must match, so that a mutant that merely crashes does not count as caught. */
  readonly notices: RegExp;
}

const SIMULATE = ['test/model/run.ts', '--schedules', '4000'] as const;

/** Any of these invariants. */
export function breaks(...invariants: readonly string[]): RegExp {
  return new RegExp(`"invariant":"(${invariants.join('|')})"`);
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'the store does not compare the nonce on renew and release',
    file: 'src/adapters/lock/memory.ts',
    find: 'return record.nonce === nonce && record.epoch === epoch ? record : undefined;',
    replace: 'return nonce !== undefined && epoch > 0 ? record : undefined;',
    command: SIMULATE,
    notices: breaks('I3', 'I6'),
  },
  {
    name: 'the store releases for whoever asks',
    file: 'src/adapters/lock/memory.ts',
    find: `const record = findHeld(grant);
    if (record === undefined) return { kind: 'not-ours' };`,
    replace: `const record = records.get(grant.name);
    if (record === undefined) return { kind: 'not-ours' };`,
    command: SIMULATE,
    notices: breaks('I3', 'I6'),
  },
  {
    name: 'a proof of death takes the lock from whoever holds it',
    file: 'src/adapters/lock/memory.ts',
    find: 'isHoldOf(supersedes, present)',
    replace: 'supersedes !== undefined',
    command: SIMULATE,
    notices: breaks('I1'),
  },
  {
    name: 'who runs in another container counts as dead',
    file: 'src/core/election/holder-name.ts',
    find: 'container === containerOf(other)',
    replace: 'containerOf(other) !== undefined',
    command: SIMULATE,
    notices: breaks('I1', 'I2', 'I3'),
  },
  {
    name: 'a release resets the epoch',
    file: 'src/adapters/lock/memory.ts',
    find: 'records.set(grant.name, { ...record, isReleased: true });',
    replace: 'records.set(grant.name, { ...record, isReleased: true, epoch: 0 });',
    command: SIMULATE,
    notices: breaks('I2', 'I6'),
  },
  {
    name: 'S is stamped after the reply to a renewal',
    file: 'src/core/election/holder.ts',
    find: 'validUntil: Math.max(hold.validUntil, validUntil(call.sentAt, timing)),',
    replace: 'validUntil: Math.max(hold.validUntil, validUntil(now, timing)),',
    command: SIMULATE,
    notices: breaks('I3'),
  },
  {
    name: 'S is stamped after the reply to an acquisition',
    file: 'src/core/election/holder.ts',
    find: 'validUntil: validUntil(phase.sentAt, timing),',
    replace: 'validUntil: validUntil(now, timing),',
    command: SIMULATE,
    notices: breaks('I3'),
  },
  {
    name: 'an own nonce read after an unknown outcome counts from the read',
    file: 'src/core/election/follower.ts',
    find: 'return { phase, epoch: reply.epoch, isAmnesia, isAlone: false };',
    replace:
      'return { phase: { ...phase, sentAt: turn.moment.now }, epoch: reply.epoch, isAmnesia, isAlone: false };',
    command: SIMULATE,
    notices: breaks('I1', 'I3'),
  },
  {
    name: 'the lock is released before the drain',
    file: 'src/core/election/holder.ts',
    find: "turn.effects.push({ kind: 'drain' });",
    replace: 'onDrained(turn, true);',
    command: SIMULATE,
    notices: breaks('I3', 'I5'),
  },
  {
    name: 'a drain of unknown outcome releases all the same',
    file: 'src/core/election/holder.ts',
    find: 'if (!isClean) {',
    replace: 'if (!isClean && epoch < 0) {',
    command: SIMULATE,
    notices: breaks('I5'),
  },
  {
    name: 'the right to act is remembered instead of compared with the clock',
    file: 'src/runtime/held-term.ts',
    find: 'return this.#source.clock.now() < this.validUntil();',
    replace: 'return !this.#ended.signal.aborted;',
    command: SIMULATE,
    notices: breaks('I1', 'I3'),
  },
  {
    name: 'the anchor is not raised',
    file: 'src/core/election/holder.ts',
    find: "callAnchor(turn, { op: 'raise-anchor', record, version });",
    replace: 'if (record.epoch > 0 || version === undefined) confirmRaised(turn, next);',
    command: SIMULATE,
    notices: breaks('I1', 'I2', 'I4'),
  },
  {
    name: 'the anchor is not compared with the epoch won',
    file: 'src/core/election/holder.ts',
    find: 'if (reply.record.epoch >= hold.epoch) return outrank(turn, reply.record.epoch);',
    replace: '',
    command: SIMULATE,
    notices: breaks('I1', 'I2', 'I4'),
  },
  {
    name: 'a winner after amnesia does not wait',
    file: 'src/core/election/follower.ts',
    find: 'isAmnesia: reply.amnesia,',
    replace: 'isAmnesia: false,',
    command: SIMULATE,
    notices: breaks('I1'),
  },
  {
    name: 'late replies are not discarded',
    file: 'src/core/election/step.ts',
    find: 'if (lockCall?.id !== id) return;',
    replace: 'if (lockCall === undefined) return;',
    command: SIMULATE,
    notices: breaks('I3'),
  },
  {
    name: 'a suspended machine is not noticed',
    file: 'src/core/election/timing.ts',
    find: 'return Math.abs(wallAdvance - monotonicAdvance) > Math.min(SECOND, ttl / 20);',
    replace: 'return Math.abs(wallAdvance - monotonicAdvance) > Math.min(SECOND, ttl / 20) * 1e9;',
    command: SIMULATE,
    notices: breaks('I1', 'I3'),
  },
];
