import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { KIND_ORDER, KINDS } from '../src/core/workload/kinds.ts';
import { WORKLOAD_REFERENCE_FILE, workloadReferenceText } from './workload-reference.ts';

it('the reference of workloads is what the sources describe (else: npm run generate)', () => {
  const file = resolve(import.meta.dirname, '..', WORKLOAD_REFERENCE_FILE);
  expect(readFileSync(file, 'utf8')).toBe(workloadReferenceText());
});

it.each(KIND_ORDER)('every field of kind %s is in the reference', (kind) => {
  const text = workloadReferenceText();
  for (const name of Object.keys(KINDS[kind].fields)) expect(text).toContain(`| \`${name}\` `);
});
