import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { DEFINITIONS_FILE, definitionsText } from './definitions.ts';

it('the file of custom resource definitions is what the sources describe (else: npm run generate)', () => {
  const file = resolve(import.meta.dirname, '..', DEFINITIONS_FILE);
  expect(readFileSync(file, 'utf8')).toBe(definitionsText());
});
