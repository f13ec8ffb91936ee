/** `npm run generate`: writes what is generated from the sources. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DEFINITIONS_FILE, definitionsText } from './definitions.ts';
import { DEPLOYMENT_FILE, deploymentText } from './deployment.ts';

for (const [name, text] of [
  [DEFINITIONS_FILE, definitionsText()],
  [DEPLOYMENT_FILE, deploymentText()],
] as const) {
  const file = resolve(import.meta.dirname, '..', name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(name);
}
