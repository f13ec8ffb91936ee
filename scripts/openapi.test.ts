/** The OpenAPI document, against the sources, the router and the standard it follows. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { createManualSystem } from '../test/manual-system.ts';
import { ShownWorld } from '../test/shown-world.ts';
import { memoryCluster } from '../test/memory-cluster.ts';
import { actionRoutes } from '../src/server/v1/actions.ts';
import { openV1 } from '../src/server/v1/routes.ts';
import { OPENAPI_FILE, openApiDocument, openApiText } from './openapi.ts';

it('the OpenAPI document is what the sources describe (else: npm run generate)', () => {
  const file = resolve(import.meta.dirname, '..', OPENAPI_FILE);
  expect(readFileSync(file, 'utf8')).toBe(openApiText());
});

it('every path of the router is described, and no other', () => {
  const facts = new ShownWorld();
  const { routes } = openV1(facts, createManualSystem());
  const posts = actionRoutes({
    facts,
    cluster: memoryCluster(),
    tenant: 'default',
    controllerNamespace: 'here',
    base: '',
    wall: () => 0,
  });
  const served = [...routes, ...posts]
    .filter(({ pattern }) => /^\/api\/v1(?!.*(\*|openapi))/.test(pattern))
    .map(({ method, pattern }) => `${method} ${pattern}`);
  const described = Object.entries(openApiDocument()['paths'] as object).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(described.toSorted()).toEqual(served.toSorted());
});

it('every schema compiles', () => {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: { 'date-time': true } });
  ajv.addVocabulary(['openapi', 'x-generated', 'info', 'paths', 'components']);
  ajv.addSchema(openApiDocument(), 'api');
  const { schemas } = openApiDocument()['components'] as { readonly schemas: object };
  for (const name of Object.keys(schemas))
    expect(ajv.getSchema(`api#/components/schemas/${name}`), name).toBeTypeOf('function');
});
