import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { playElection } from './election-scenario.ts';

const folder = import.meta.dirname;
const scenarios = readdirSync(folder).filter((name) => /^election-.*\.txt$/.test(name));

// REWRITE_SCENARIOS=1 writes what was observed into the files, to be reviewed as a diff.
describe('elections', () => {
  it.each(scenarios)('%s', async (name) => {
    const path = join(folder, name);
    const expected = readFileSync(path, 'utf8');
    const observed = await playElection(expected);
    const isRewriting = process.env['REWRITE_SCENARIOS'] === '1';
    if (isRewriting) writeFileSync(path, observed);
    expect(observed).toBe(isRewriting ? observed : expected);
  });
});
