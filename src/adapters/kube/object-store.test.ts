import { beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../ports/cluster.ts';
import { ObjectStore } from './object-store.ts';
import { isOlder } from './version.ts';

const pod = (name: string, resourceVersion: string, uid = `${name}-1`): KubeObject => ({
  metadata: { namespace: 'ns', name, uid, resourceVersion },
});

describe('a store of objects', () => {
  let store: ObjectStore<KubeObject>;
  let log: string[];
  const state = (): string[] =>
    [...store.values()].map(({ metadata: m }) => `${m.name}@${m.resourceVersion}`);
  beforeEach(() => {
    store = new ObjectStore();
    log = [];
    store.onChange((change) => {
      const before =
        change.kind === 'changed' && change.previous
          ? ` after ${change.previous.metadata.resourceVersion}`
          : '';
      log.push(
        `${change.kind} ${change.object.metadata.name}@${change.object.metadata.resourceVersion}${before}`,
      );
    });
  });

  it('tells each change with what was there before', () => {
    store.observe(pod('a', '1'));
    store.observe(pod('a', '2'));
    store.remove(pod('a', '3'));
    expect(log).toEqual(['changed a@1', 'changed a@2 after 1', 'removed a@3']);
  });

  it('a complete state reports what vanished', () => {
    store.replaceAll([pod('a', '1'), pod('b', '2')], '2');
    store.replaceAll([pod('b', '2')], '5');
    expect(log).toEqual(['changed a@1', 'changed b@2', 'removed a@1']);
  });

  it('an object that was made anew under its name is a removal and a new object', () => {
    store.observe(pod('a', '1', 'old'));
    store.replaceAll([pod('a', '9', 'new')], '9');
    expect(log).toEqual(['changed a@1', 'removed a@1', 'changed a@9']);
  });

  it('our own reply is seen at once; its echo is no change, and an older event does not undo it', () => {
    store.observe(pod('a', '5'));
    store.put(pod('a', '8'), '5');
    store.observe(pod('a', '7'));
    store.observe(pod('a', '8'));
    expect(log).toEqual(['changed a@5', 'changed a@8 after 5']);
    store.observe(pod('a', '9'));
    expect(state()).toEqual(['a@9']);
  });

  it('a reply that the watch has already passed is ignored: the object may be gone', () => {
    store.observe(pod('a', '5'));
    store.remove(pod('a', '12'));
    store.put(pod('a', '11'), '12');
    expect(state()).toEqual([]);
  });

  it('a late removal of the former object leaves the new one that we made', () => {
    store.observe(pod('a', '5', 'old'));
    store.put(pod('a', '20', 'new'), '5');
    store.remove(pod('a', '12', 'old'));
    expect(state()).toEqual(['a@20']);
  });

  it('a complete state older than our reply keeps it; a newer one without it removes it', () => {
    store.put(pod('a', '20'), undefined);
    store.replaceAll([], '15');
    expect(state()).toEqual(['a@20']);
    store.replaceAll([], '25');
    expect(state()).toEqual([]);
  });

  it('a server restored to an older state wins over what the watch had told', () => {
    store.replaceAll([pod('a', '500')], '500');
    store.replaceAll([pod('a', '40')], '60');
    expect(state()).toEqual(['a@40']);
  });

  it('versions that are not decimal integers leave the watch to decide', () => {
    store.observe(pod('a', 'x1'));
    store.put(pod('a', 'x2'), 'x1');
    store.put(pod('b', '007'), undefined);
    expect(state()).toEqual(['a@x1']);
    store.observe(pod('a', 'x0'));
    expect(state()).toEqual(['a@x0']);
  });
});

describe('the order of versions', () => {
  it.each([
    ['9', '10', true],
    ['10', '9', false],
    ['10', '10', false],
    ['18446744073709551614', '18446744073709551615', true],
    ['a', '10', false],
    ['', '10', false],
    [undefined, '10', false],
    ['09', '10', false],
  ])('%s is older than %s: %s', (a, b, expected) => expect(isOlder(a, b)).toBe(expected));
});
