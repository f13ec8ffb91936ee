import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { DEPLOYMENT_FILE, deploymentText } from './deployment.ts';

const read = (file: string): string => readFileSync(resolve(import.meta.dirname, '..', file), 'utf8');

it('the file of the whole deployment is what its parts say (else: npm run generate)', () => {
  expect(read(DEPLOYMENT_FILE)).toBe(deploymentText());
});

it('the ConfigMap of the deployment holds config/config.yaml to the byte', () => {
  const objects = parseAllDocuments(deploymentText()).map((document) => document.toJS());
  const map = objects.find((object) => object?.kind === 'ConfigMap');
  expect(map.metadata.name).toBe('k8-highlander-config');
  expect(map.data['config.yaml']).toBe(read('config/config.yaml'));
});
