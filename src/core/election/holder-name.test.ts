import { describe, expect, it } from 'vitest';
import { formatHolder, isOutlived, type Place } from './holder-name.ts';

const POD = '0f7b5b1e-6c3d-4a7e-9f52-1c2d3e4f5a6b';
const CONTAINER: Place = { kind: 'container', podUid: POD, container: 'controller' };

describe('the name of a holder', () => {
  it('says id, place and incarnation', () => {
    expect(formatHolder('a', { kind: 'named', name: 'host-1' }, 'x')).toBe('a/host-1/x');
    expect(formatHolder('a', CONTAINER, 'x')).toBe(`a/${POD}:controller/x`);
  });

  it('tells that an earlier process of the same container is dead, whatever its id was', () => {
    const own = formatHolder('new/id', CONTAINER, '2');
    expect(isOutlived(own, formatHolder('old', CONTAINER, '1'))).toBe(true);
  });

  it.each<[string, string]>([
    ['itself', formatHolder('a', CONTAINER, '2')],
    ['another container of the pod', formatHolder('a', { ...CONTAINER, container: 'other' }, '1')],
    [
      'the container of another pod',
      formatHolder('a', { ...CONTAINER, podUid: POD.replace('0f', '1f') }, '1'),
    ],
    ['who runs somewhere in the pod', formatHolder('a', { kind: 'named', name: POD }, '1')],
    [
      'who calls its host as a container',
      formatHolder('a', { kind: 'named', name: `${POD}:controller` }, '1'),
    ],
    ['a program of another kind', 'controller-1'],
  ])('tells nothing of %s', (_who, other) => {
    expect(isOutlived(formatHolder('a', CONTAINER, '2'), other)).toBe(false);
  });

  it('tells nothing to who is not the first process of a container', () => {
    const named = (incarnation: string): string =>
      formatHolder('a', { kind: 'named', name: 'host' }, incarnation);
    expect(isOutlived(named('2'), named('1'))).toBe(false);
  });
});
