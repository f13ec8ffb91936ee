import { describe, expect, it } from 'vitest';
import type { ElectionEvent } from './events.ts';
import { formatHolder } from './holder-name.ts';
import type { AnchorRecord } from './record.ts';
import { actingUntil, initialState } from './state.ts';
import type { Answer, Effect, ElectionConfig, ElectionState, Event, Request } from './state.ts';
import { step } from './step.ts';
import type { Timing } from './timing.ts';
import { viewElection } from './view.ts';

const TIMING: Timing = { ttl: 5000, renewEvery: 1000, opTimeout: 1000 };

/** One state machine and its outside world: sends events at given times and collects what it asks for. */
class Candidate {
  state: ElectionState;
  now = 0;
  wallAhead = 0;
  wakeAt = 0;
  effects: readonly Effect[] = [];
  readonly events: ElectionEvent[] = [];
  readonly config: ElectionConfig;
  #attempts = 0;

  constructor({
    remainsFollower = false,
    holder = 'me',
  }: { readonly remainsFollower?: boolean; readonly holder?: string } = {}) {
    this.config = {
      holder,
      timing: TIMING,
      fingerprint: 'here',
      remainsFollower,
      meetsStrangers: false,
    };
    this.state = initialState(this.#moment(), this.config);
  }

  send(event: Event, at = this.now): void {
    this.now = at;
    const result = step(this.state, event, this.#moment(), this.config);
    this.state = result.state;
    this.effects = result.effects;
    this.wakeAt = result.wakeAt;
    for (const effect of result.effects) if (effect.kind === 'emit') this.events.push(effect.event);
  }

  wake(at: number): void {
    this.send({ kind: 'wake', due: at }, at);
  }

  /** Answers the request of this kind that was sent last. */
  answer(answer: Answer, at = this.now): void {
    const call = answer.op.endsWith('anchor') ? this.state.anchorCall : this.state.lockCall;
    if (call?.op !== answer.op) throw new Error(`${answer.op} is not under way`);
    this.send({ kind: 'answer', id: call.id, answer }, at);
  }

  /** The requests asked for by the last event. */
  get requests(): readonly Request[] {
    return this.effects.flatMap((effect) => (effect.kind === 'call' ? [effect.request] : []));
  }

  get kinds(): readonly string[] {
    return this.effects.map(({ kind }) => kind);
  }

  get actingUntil(): number {
    const { phase } = this.state;
    return 'hold' in phase ? actingUntil(this.state, phase.hold.nonce) : -Infinity;
  }

  #moment() {
    this.#attempts += 1;
    return { now: this.now, wall: this.now + this.wallAhead, uniform: 0.5, nonce: `n${this.#attempts}` };
  }
}

/** A candidate that read the anchor and sent its first acquisition at 0. */
function acquiring(holder = 'me', anchor?: AnchorRecord): Candidate {
  const candidate = new Candidate({ holder });
  candidate.send({ kind: 'subscription', up: true });
  candidate.send({ kind: 'started' });
  candidate.answer({
    op: 'read-anchor',
    reply: anchor === undefined ? { kind: 'absent' } : { kind: 'present', record: anchor, version: '7' },
  });
  candidate.answer({ op: 'read', reply: { kind: 'free', epoch: 0 } });
  return candidate;
}

function granted(epoch: number, amnesia = false): Answer {
  return { op: 'acquire', reply: { kind: 'granted', epoch, remaining: 5000, amnesia } };
}

const RAISED: Answer = { op: 'raise-anchor', reply: { kind: 'raised', version: '8' } };
const LOST: Answer = { op: 'renew', reply: { kind: 'lost' } };
const OK: Answer = { op: 'renew', reply: { kind: 'ok', remaining: 5000 } };
const NO_ANSWER = { kind: 'unavailable', cause: 'reset' } as const;

/** A leader of epoch 1 whose acquisition was sent at 0. */
function leading(): Candidate {
  const candidate = acquiring();
  candidate.answer(granted(1));
  candidate.answer({ op: 'read-anchor', reply: { kind: 'absent' } });
  candidate.answer(RAISED);
  return candidate;
}

function anchorOf(epoch: number, changes: Partial<AnchorRecord> = {}): AnchorRecord {
  const common = { holder: 'other', fingerprint: 'here', ttl: 5000, storeIdentity: '' };
  return { ...common, epoch, nonce: `other-${epoch}`, ...changes };
}

describe('a follower', () => {
  it('does not contend before it has read the anchor', () => {
    const candidate = new Candidate();
    candidate.send({ kind: 'started' });
    expect(candidate.requests).toEqual([{ op: 'read-anchor' }, { op: 'read' }]);
    candidate.answer({ op: 'read', reply: { kind: 'free', epoch: 0 } });
    expect(candidate.requests).toEqual([]);
  });

  it('passes the epoch of the anchor as floor', () => {
    expect(acquiring('me', anchorOf(41)).requests).toMatchObject([{ op: 'acquire', floor: 41 }]);
  });

  it('aims at the remaining time that the store told, and rests until then', () => {
    const candidate = acquiring();
    const view = { kind: 'held', holder: 'other', nonce: 'o', epoch: 3, remaining: 4000 } as const;
    candidate.answer({ op: 'acquire', reply: { kind: 'held', view } }, 100);
    expect(candidate.wakeAt).toBe(100 + 4000 + 25);
    candidate.wake(candidate.wakeAt);
    expect(candidate.requests).toMatchObject([{ op: 'acquire', floor: 3 }]);
  });

  it('uses another nonce for each attempt', () => {
    const candidate = acquiring();
    const first = candidate.requests[0];
    const view = { kind: 'held', holder: 'other', nonce: 'o', epoch: 3, remaining: 10 } as const;
    candidate.answer({ op: 'acquire', reply: { kind: 'held', view } });
    candidate.wake(candidate.wakeAt);
    expect(candidate.requests[0]).not.toEqual({ ...first, floor: 3 });
  });

  it('tries within 10 ms of a release, also if it was announced while a request was under way', () => {
    const candidate = acquiring();
    candidate.send({ kind: 'hint', hint: 'released' }, 10);
    const view = { kind: 'held', holder: 'other', nonce: 'o', epoch: 3, remaining: 4000 } as const;
    candidate.answer({ op: 'acquire', reply: { kind: 'held', view } }, 20);
    expect(candidate.wakeAt).toBe(20 + 5);
  });

  it('polls while nobody tells it of changes', () => {
    const candidate = acquiring();
    candidate.send({ kind: 'subscription', up: false });
    const view = { kind: 'held', holder: 'other', nonce: 'o', epoch: 3, remaining: 4000 } as const;
    candidate.answer({ op: 'acquire', reply: { kind: 'held', view } });
    expect(candidate.wakeAt).toBe(1000);
    candidate.wake(1000);
    expect(candidate.requests).toEqual([{ op: 'read' }]);
  });

  it('reads at most every four seconds because of changes it is told of', () => {
    const candidate = acquiring();
    const view = { kind: 'held', holder: 'other', nonce: 'o', epoch: 3, remaining: 60_000 } as const;
    candidate.answer({ op: 'acquire', reply: { kind: 'held', view } });
    for (const at of [100, 200, 300]) candidate.send({ kind: 'hint', hint: 'changed' }, at);
    expect(candidate.wakeAt).toBe(4000);
  });

  describe('that runs in the container of a dead holder', () => {
    const place = {
      kind: 'container',
      podUid: '0f7b5b1e-6c3d-4a7e-9f52-1c2d3e4f5a6b',
      container: 'main',
    } as const;
    const own = formatHolder('a', place, '2');
    const dead = { nonce: 'o', epoch: 3 };
    const held = (container: string) =>
      ({
        kind: 'held',
        holder: formatHolder('a', { ...place, container }, '1'),
        ...dead,
        remaining: 4000,
      }) as const;

    it('takes the lock from it at once, by its nonce and epoch', () => {
      const candidate = acquiring(own);
      candidate.answer({ op: 'acquire', reply: { kind: 'held', view: held('main') } });
      expect(candidate.requests).toMatchObject([{ op: 'acquire', floor: 3, supersedes: dead }]);
    });

    it('waits for a holder that runs beside it in the same pod', () => {
      const candidate = acquiring(own);
      candidate.answer({ op: 'acquire', reply: { kind: 'held', view: held('sidecar') } });
      expect(candidate.requests).toEqual([]);
      expect(candidate.wakeAt).toBe(4000 + 25);
    });

    it('asks a store that does not give the lock just once', () => {
      const candidate = acquiring(own);
      candidate.answer({ op: 'acquire', reply: { kind: 'held', view: held('main') } });
      candidate.answer({ op: 'acquire', reply: { kind: 'held', view: held('main') } });
      expect(candidate.requests).toEqual([]);
      expect(candidate.wakeAt).toBe(4000 + 25);
    });

    it('rests as ever where it may not contend', () => {
      const candidate = acquiring(own);
      candidate.send({ kind: 'stand-aside', until: 60_000 });
      candidate.answer({ op: 'acquire', reply: { kind: 'held', view: held('main') } });
      expect(candidate.requests).toEqual([]);
      expect(candidate.wakeAt).toBeGreaterThan(1000);
    });
  });

  it('says that the anchor was refused, does not contend, and tries again later', () => {
    const candidate = new Candidate();
    candidate.send({ kind: 'subscription', up: true });
    candidate.send({ kind: 'started' });
    candidate.answer({ op: 'read-anchor', reply: { kind: 'refused', cause: 'no namespace' } });
    candidate.answer({ op: 'read', reply: { kind: 'free', epoch: 0 } });
    expect(candidate.events).toEqual([{ kind: 'anchor-refused', cause: 'no namespace' }]);
    expect(candidate.wakeAt).toBe(900);
    candidate.wake(900);
    candidate.answer({ op: 'read-anchor', reply: { kind: 'absent' } });
    expect(candidate.events.at(-1)).toEqual({ kind: 'anchor-recovered' });
  });

  it('that remains follower only reads', () => {
    const candidate = new Candidate({ remainsFollower: true });
    candidate.send({ kind: 'subscription', up: true });
    candidate.send({ kind: 'started' });
    candidate.answer({ op: 'read', reply: { kind: 'free', epoch: 0 } });
    candidate.wake(candidate.wakeAt);
    expect(candidate.requests).toEqual([{ op: 'read' }]);
    expect(viewElection(candidate.state, candidate.config).role).toBe('follower');
  });
});

describe('an acquisition of unknown outcome', () => {
  it('is cleared up by reading, and counts from the first request', () => {
    const candidate = acquiring();
    const nonce = candidate.state.phase.kind === 'acquiring' ? candidate.state.phase.nonce : '';
    candidate.wake(1000);
    expect(candidate.kinds).toContain('cancel');
    candidate.wake(candidate.wakeAt);
    expect(candidate.requests).toEqual([{ op: 'read' }]);
    const view = { kind: 'held', holder: 'me', nonce, epoch: 1, remaining: 4000, amnesia: false } as const;
    candidate.answer({ op: 'read', reply: view });
    candidate.answer({ op: 'read-anchor', reply: { kind: 'absent' } });
    candidate.answer(RAISED);
    expect(candidate.actingUntil).toBeCloseTo(0.88 * 5000);
  });

  it('is taken for amnesia where neither the store nor the epoch tells otherwise', () => {
    const candidate = acquiring('me', anchorOf(5));
    const nonce = candidate.state.phase.kind === 'acquiring' ? candidate.state.phase.nonce : '';
    candidate.answer({ op: 'acquire', reply: NO_ANSWER });
    candidate.wake(candidate.wakeAt);
    candidate.answer({ op: 'read', reply: { kind: 'held', holder: 'me', nonce, epoch: 6, remaining: 4000 } });
    expect(candidate.events.at(-1)).toMatchObject({ kind: 'waiting', reason: 'Amnesia', duration: 5000 });
  });

  it('leaves a nonce alone that is not the one of this attempt', () => {
    const candidate = acquiring();
    candidate.answer({ op: 'acquire', reply: NO_ANSWER });
    candidate.wake(candidate.wakeAt);
    const view = { kind: 'held', holder: 'me', nonce: 'older', epoch: 6, remaining: 4000 } as const;
    candidate.answer({ op: 'read', reply: view });
    expect(candidate.state.phase.kind).toBe('follower');
  });
});

describe('a winner', () => {
  it('does not act before the anchor carries its epoch', () => {
    const candidate = acquiring('me', anchorOf(4));
    candidate.answer(granted(5));
    expect(candidate.requests).toEqual([{ op: 'read-anchor' }]);
    candidate.answer({ op: 'read-anchor', reply: { kind: 'present', record: anchorOf(4), version: '7' } });
    expect(candidate.requests).toMatchObject([{ op: 'raise-anchor', version: '7', record: { epoch: 5 } }]);
    expect(candidate.actingUntil).toBe(-Infinity);
    candidate.answer(RAISED);
    expect(candidate.kinds).toContain('start-term');
  });

  it('gives up an epoch that is not above the anchor, without releasing', () => {
    const candidate = acquiring();
    candidate.answer(granted(5));
    candidate.answer({ op: 'read-anchor', reply: { kind: 'present', record: anchorOf(5), version: '7' } });
    expect(candidate.events.at(-1)).toEqual({ kind: 'claim-abandoned', epoch: 5, anchorEpoch: 5 });
    expect(candidate.requests).toEqual([]);
    candidate.wake(candidate.wakeAt);
    expect(candidate.requests).toMatchObject([{ op: 'acquire', floor: 5 }]);
  });

  it('reads the anchor again after a conflict and after an unknown outcome', () => {
    const candidate = acquiring();
    candidate.answer(granted(5));
    candidate.answer({ op: 'read-anchor', reply: { kind: 'absent' } });
    candidate.answer({ op: 'raise-anchor', reply: { kind: 'conflict' } });
    expect(candidate.requests).toEqual([{ op: 'read-anchor' }]);
    candidate.answer({ op: 'read-anchor', reply: { kind: 'absent' } });
    const [raise] = candidate.requests;
    candidate.answer({ op: 'raise-anchor', reply: NO_ANSWER });
    candidate.wake(candidate.wakeAt);
    const record = raise?.op === 'raise-anchor' ? raise.record : anchorOf(0);
    candidate.answer({ op: 'read-anchor', reply: { kind: 'present', record, version: '8' } });
    expect(candidate.kinds).toContain('start-term');
  });

  it('waits one TTL after amnesia, renewing', () => {
    const candidate = acquiring();
    candidate.answer(granted(5, true));
    candidate.answer({ op: 'read-anchor', reply: { kind: 'absent' } });
    candidate.answer(RAISED);
    for (let at = 1000; at < 5000; at += 1000) {
      candidate.wake(at);
      expect(candidate.requests).toMatchObject([{ op: 'renew' }]);
      candidate.answer(OK);
      expect(candidate.actingUntil).toBe(-Infinity);
    }
    candidate.wake(5000);
    expect(candidate.kinds).toContain('start-term');
  });

  it('waits the larger of both TTLs where the anchor names another store, and remembers that store', () => {
    const candidate = acquiring();
    candidate.answer(granted(5));
    const record = anchorOf(4, { fingerprint: 'elsewhere', ttl: 9000 });
    candidate.answer({ op: 'read-anchor', reply: { kind: 'present', record, version: '7' } });
    expect(candidate.requests).toMatchObject([{ record: { predecessor: 'elsewhere', fingerprint: 'here' } }]);
    expect(candidate.events.at(-1)).toMatchObject({ reason: 'StoreChanged', duration: 9000 });
  });

  it('that is stopped before it acted leaves the lock to its TTL', () => {
    const candidate = acquiring();
    candidate.answer(granted(5));
    candidate.send({ kind: 'stop' });
    expect(candidate.requests).toEqual([]);
    expect(candidate.kinds).toContain('finish');
  });
});

describe('a leader', () => {
  it('moves V by a confirmed renewal to S + 0.88 T of that renewal', () => {
    const candidate = leading();
    candidate.wake(1000);
    expect(candidate.requests).toMatchObject([{ op: 'renew', epoch: 1 }]);
    candidate.answer(OK, 1600);
    expect(candidate.actingUntil).toBeCloseTo(1000 + 4400);
  });

  it('only spends time on errors, retries, and ends at V', () => {
    const candidate = leading();
    candidate.wake(1000);
    candidate.answer({ op: 'renew', reply: NO_ANSWER }, 1010);
    expect(candidate.wakeAt).toBe(1010 + 125);
    expect(candidate.actingUntil).toBeCloseTo(4400);
    candidate.wake(candidate.wakeAt);
    expect(candidate.requests).toMatchObject([{ op: 'renew' }]);
    candidate.send({ kind: 'wake', due: 4400 }, 4400);
    expect(candidate.events.at(-1)).toMatchObject({ kind: 'leadership-lost', reason: 'Expired' });
    expect(candidate.kinds).toContain('end-term');
  });

  it('ends at once when the store says that the lock is not its own', () => {
    const candidate = leading();
    candidate.wake(1000);
    candidate.answer(LOST);
    expect(candidate.kinds).toContain('end-term');
    expect(candidate.state.phase.kind).toBe('follower');
  });

  it('discards the answer to a renewal that it gave up', () => {
    const candidate = leading();
    candidate.wake(1000);
    const late = candidate.state.lockCall?.id ?? 0;
    candidate.wake(2000);
    candidate.wake(candidate.wakeAt);
    expect(candidate.state.lockCall?.op).toBe('renew');
    candidate.send({ kind: 'answer', id: late, answer: OK });
    expect(candidate.actingUntil).toBeCloseTo(4400);
  });

  it.each([
    ['a higher epoch on the anchor', { kind: 'anchor-seen', record: anchorOf(2) }],
    ['another nonce of its own epoch on the anchor', { kind: 'anchor-seen', record: anchorOf(1) }],
  ] as const)('ends at once on %s', (_what, event) => {
    const candidate = leading();
    candidate.send(event);
    expect(candidate.kinds).toContain('end-term');
    expect(candidate.requests).toEqual([]);
    expect(candidate.events.at(-1)).toMatchObject({ kind: 'leadership-lost', reason: 'Outranked' });
  });

  it('ends at once on a higher epoch on an object, and asks for more next time', () => {
    const candidate = leading();
    const { phase } = candidate.state;
    const nonce = phase.kind === 'leading' ? phase.hold.nonce : '';
    candidate.send({ kind: 'outranked', nonce, epoch: 9 });
    candidate.wake(candidate.wakeAt);
    expect(candidate.requests).toMatchObject([{ op: 'acquire', floor: 9 }]);
  });

  it('ignores an echo of its predecessor on the anchor', () => {
    const candidate = acquiring();
    candidate.answer(granted(5));
    candidate.answer({ op: 'read-anchor', reply: { kind: 'absent' } });
    candidate.answer(RAISED);
    candidate.send({ kind: 'anchor-seen', record: anchorOf(4) });
    expect(candidate.state.phase.kind).toBe('leading');
  });

  it('may write nothing after a suspension until a renewal sent after it succeeded', () => {
    const candidate = leading();
    candidate.wake(1000);
    const before = candidate.state.lockCall?.id ?? 0;
    candidate.wallAhead = 60_000;
    candidate.send({ kind: 'pause-suspected' }, 1100);
    expect(candidate.actingUntil).toBe(-Infinity);
    expect(candidate.requests).toMatchObject([{ op: 'renew' }]);
    candidate.send({ kind: 'answer', id: before, answer: OK });
    expect(candidate.actingUntil).toBe(-Infinity);
    candidate.answer(OK);
    expect(candidate.actingUntil).toBeCloseTo(1100 + 4400);
  });

  it('adds up short suspensions', () => {
    const candidate = leading();
    candidate.wallAhead = 150;
    candidate.send({ kind: 'hint', hint: 'changed' }, 100);
    expect(candidate.actingUntil).toBeGreaterThan(0);
    candidate.wallAhead = 300;
    candidate.send({ kind: 'hint', hint: 'changed' }, 200);
    expect(candidate.actingUntil).toBe(-Infinity);
  });

  it('takes a timer that fired much too late for a pause', () => {
    const candidate = leading();
    candidate.send({ kind: 'wake', due: 1000 }, 2300);
    expect(candidate.events.at(-1)).toEqual({ kind: 'pause-detected', epoch: 1 });
  });
});

describe('a graceful stop', () => {
  it('drains, keeps renewing meanwhile, ends the term and then releases', () => {
    const candidate = leading();
    candidate.send({ kind: 'stop' });
    expect(candidate.kinds).toContain('drain');
    candidate.wake(1000);
    expect(candidate.requests).toMatchObject([{ op: 'renew' }]);
    candidate.answer(OK);
    candidate.send({ kind: 'drained', isClean: true });
    expect(candidate.kinds).toEqual(['end-term', 'call']);
    expect(candidate.requests).toMatchObject([{ op: 'release', epoch: 1 }]);
    candidate.answer({ op: 'release', reply: { kind: 'released' } });
    expect(candidate.events.at(-1)).toEqual({ kind: 'leadership-released', epoch: 1, confirmed: true });
    expect(candidate.kinds).toContain('finish');
  });

  it('does not release while the outcome of a write is unknown', () => {
    const candidate = leading();
    candidate.send({ kind: 'stop' });
    candidate.send({ kind: 'drained', isClean: false });
    expect(candidate.requests).toEqual([]);
    expect(candidate.events.at(-1)).toMatchObject({ reason: 'DrainIncomplete' });
    expect(candidate.kinds).toContain('finish');
  });

  it('waits for the drain, and releases nothing, when the lock is lost meanwhile', () => {
    const candidate = leading();
    candidate.send({ kind: 'stop' });
    candidate.wake(1000);
    candidate.answer(LOST);
    expect(candidate.kinds).not.toContain('finish');
    candidate.send({ kind: 'drained', isClean: true });
    expect(candidate.requests).toEqual([]);
    expect(candidate.kinds).toContain('finish');
  });

  it('ends although the store does not answer the release', () => {
    const candidate = leading();
    candidate.send({ kind: 'stop' });
    candidate.send({ kind: 'drained', isClean: true });
    candidate.wake(1000);
    expect(candidate.events.at(-1)).toMatchObject({ kind: 'leadership-released', confirmed: false });
    expect(candidate.kinds).toContain('finish');
  });
});

describe('the store', () => {
  it('is reported unreachable once, and recovered once', () => {
    const candidate = leading();
    for (let attempt = 0; attempt < 2; attempt += 1) {
      candidate.wake(candidate.wakeAt);
      candidate.answer({ op: 'renew', reply: NO_ANSWER });
    }
    candidate.wake(candidate.wakeAt);
    candidate.answer(OK);
    const told = candidate.events.map(({ kind }) => kind).filter((kind) => kind.startsWith('store'));
    expect(told).toEqual(['store-unreachable', 'store-recovered']);
  });
});
