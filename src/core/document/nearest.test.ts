import { expect, test } from 'vitest';
import { editDistance, nearestWord } from './nearest.ts';

test.each([
  ['', '', 0],
  ['port', 'port', 0],
  ['prot', 'port', 2],
  ['kitten', 'sitting', 3],
  ['', 'abc', 3],
])('the distance from %j to %j is %d', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});

test.each([
  ['namespce', 'namespace'],
  ['PORT', 'port'],
  ['cronjobs', 'cronJobs'],
  ['persistentsets', 'persistentSets'],
])('%s most likely stands for %s', (word, meant) => {
  expect(nearestWord(word, ['port', 'namespace', 'cronJobs', 'persistentSets'])).toBe(meant);
});

test('a word that resembles none has no suggestion', () => {
  expect(nearestWord('volumeClaims', ['port', 'namespace', 'env'])).toBeUndefined();
});
