/** `npm run generate`: writes what is generated from the sources. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DEFINITIONS_FILE, definitionsText } from './definitions.ts';
import { DEPLOYMENT_FILE, deploymentText } from './deployment.ts';
import { OPENAPI_FILE, openApiText } from './openapi.ts';
import { WORKLOAD_REFERENCE_FILE, workloadReferenceText } from './workload-reference.ts';

for (const [name, text] of [
  [DEFINITIONS_FILE, definitionsText()],
  [DEPLOYMENT_FILE, deploymentText()],
  [OPENAPI_FILE, openApiText()],
  [WORKLOAD_REFERENCE_FILE, workloadReferenceText()],
] as const) {
  const file = resolve(import.meta.dirname, '..', name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(name);
}
