/** `npm run generate`: writes what is generated from the sources. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DEFINITIONS_FILE, definitionsText } from './definitions.ts';

const file = resolve(import.meta.dirname, '..', DEFINITIONS_FILE);
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, definitionsText());
console.log(DEFINITIONS_FILE);
