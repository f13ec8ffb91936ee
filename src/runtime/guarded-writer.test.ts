import { describe, expect, it } from 'vitest';
import { makePod } from '../../test/pod-fixture.ts';
import { createManualSystem, settle, type ManualSystem } from '../../test/manual-system.ts';
import { PODS, SERVICES, type ClusterWriter, type WriteResult } from '../ports/cluster.ts';
import { GuardedWriter } from './guarded-writer.ts';
import type { Term } from './term.ts';

const REF = { resource: PODS, namespace: 'default', name: 'report-pod' };

interface Bench {
  readonly system: ManualSystem;
  readonly writer: GuardedWriter;
  readonly abort: AbortController;
  /** Requests that reached the server, in order; answer them in any. */
  readonly sent: { readonly signal: AbortSignal; answer(result: WriteResult): Promise<void> }[];
}

function open(validUntil = 1000): Bench {
  const system = createManualSystem();
  const abort = new AbortController();
  const sent: Bench['sent'] = [];
  const send = (signal: AbortSignal): Promise<never> =>
    new Promise((resolve) => {
      const answer = async (result: WriteResult): Promise<void> => {
        resolve(result as never);
        await settle();
      };
      sent.push({ signal, answer });
      signal.addEventListener('abort', () => resolve({ kind: 'unknown', cause: 'aborted' } as never));
    });
  const cluster: ClusterWriter = {
    create: (_resource, _object, signal) => send(signal),
    replace: (_resource, _object, signal) => send(signal),
    patch: (_ref, _operations, signal) => send(signal),
    delete: (_ref, _preconditions, _propagation, signal) => send(signal),
  };
  const term: Term = {
    epoch: 7,
    signal: abort.signal,
    validUntil: () => validUntil,
    isValid: () => system.clock.now() < validUntil,
    deadline: () => Math.min(system.clock.now() + 200, validUntil),
    demote: () => undefined,
  };
  return { system, abort, sent, writer: new GuardedWriter(cluster, term, system.clock) };
}

const done: WriteResult = { kind: 'done', object: makePod() };

describe('guarded writer', () => {
  it('sends nothing at or after the end of the validity, although no timer has fired', async () => {
    const { writer, system, sent } = open(1000);
    system.advance(1000);
    expect(await writer.patch(REF, [])).toEqual({ kind: 'fenced' });
    expect(sent).toHaveLength(0);
  });

  it('sends eight Services at a time, and those that waited not at all once it drains', async () => {
    const { writer, sent } = open();
    const service = (name: string) => writer.create(SERVICES, { metadata: { name, namespace: 'default' } });
    const results = Array.from({ length: 12 }, (_, index) => service(`service-${index}`));
    await settle();
    expect(sent).toHaveLength(8);
    await sent[3]?.answer(done);
    expect(sent).toHaveLength(9);
    void writer.patch(REF, []);
    await settle();
    expect(sent).toHaveLength(10);
    const drained = writer.drain();
    for (const request of sent) await request.answer(done);
    expect(await drained).toEqual({ clean: true });
    expect((await Promise.all(results)).map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 9 }, () => 'done'),
      ...Array.from({ length: 3 }, () => 'fenced'),
    ]);
    expect(sent).toHaveLength(10);
  });

  it('gives each request up at the deadline of the term', async () => {
    const { writer, system, sent } = open();
    const result = writer.patch(REF, []);
    system.advance(199);
    expect(sent[0]?.signal.aborted).toBe(false);
    system.advance(1);
    expect(sent[0]?.signal.aborted).toBe(true);
    expect(await result).toMatchObject({ kind: 'unknown' });
  });

  it('gives requests up when the term ends', async () => {
    const { writer, abort, sent } = open();
    const result = writer.patch(REF, []);
    abort.abort();
    expect(sent[0]?.signal.aborted).toBe(true);
    expect(await result).toMatchObject({ kind: 'unknown' });
  });

  it('drains by waiting for the replies of what was sent, and admits nothing more', async () => {
    const { writer, sent } = open();
    const first = writer.patch(REF, []);
    let drained: { clean: boolean } | undefined;
    const draining = writer.drain().then((result) => (drained = result));
    await settle();
    expect(drained).toBeUndefined();
    expect(await writer.patch(REF, [])).toEqual({ kind: 'fenced' });
    await sent[0]?.answer(done);
    await draining;
    expect(drained).toEqual({ clean: true });
    expect(await first).toMatchObject({ kind: 'done' });
  });

  it('does not drain cleanly when the outcome of a write stayed unknown', async () => {
    const { writer, system } = open();
    const result = writer.patch(REF, []);
    system.advance(200);
    await result;
    expect(await writer.drain()).toEqual({ clean: false });
  });

  it('takes a later definite answer about the same object as the end of the doubt', async () => {
    const { writer, sent, system } = open();
    const first = writer.patch(REF, []);
    system.advance(200);
    await first;
    const second = writer.patch(REF, []);
    await sent[1]?.answer({ kind: 'conflict', message: '' });
    await second;
    expect(await writer.drain()).toEqual({ clean: true });
  });

  it('does not take an answer about another object for it', async () => {
    const { writer, sent, system } = open();
    const first = writer.patch(REF, []);
    system.advance(200);
    await first;
    const second = writer.patch({ ...REF, name: 'other' }, []);
    await sent[1]?.answer(done);
    await second;
    expect(await writer.drain()).toEqual({ clean: false });
  });
});
