/** Whatever stands in the headers and bodies of actions, with tokens required: refused or done, never a failure of ours. */
import { request } from 'node:http';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createManualSystem } from '../../test/manual-system.ts';
import { readAction } from '../api/v1/action.ts';
import type { AccessReview } from '../ports/access-review.ts';
import { describeRefusal, listen } from './http.ts';
import { tokenAccess } from './known-access.ts';
import { Reviewer } from './reviewer.ts';
import { json, Router, type Route } from './route.ts';

const review: AccessReview = {
  identify: (token) =>
    Promise.resolve(
      token === 'good' ? { kind: 'known', subject: { user: 'me', groups: [] } } : { kind: 'unknown' },
    ),
  authorize: () => Promise.resolve({ kind: 'allowed' }),
  close: () => Promise.resolve(),
};

const route: Route = {
  method: 'POST',
  pattern: '/act',
  needs: 'act',
  refusals: 'problem',
  handle: async (asked) => {
    const action = readAction(asked.body, 0, 'tenant');
    if ('code' in action) return describeRefusal({ refusals: 'problem' }, action, asked);
    return (await asked.authorize({ verb: 'patch', path: '/' })) === undefined
      ? json(202, action)
      : json(403, '');
  },
};

const visible = fc.string({ maxLength: 60 }).map((text) => text.replaceAll(/[^\x20-\x7e]/g, ''));
const header = fc.oneof(
  fc.tuple(
    fc.constant('authorization'),
    fc.oneof(fc.constantFrom('Bearer good', 'bearer  good ', 'Bearer', 'Bearer a b', 'Basic Og=='), visible),
  ),
  fc.tuple(
    fc.constant('content-type'),
    fc.oneof(fc.constantFrom('application/json', 'application/json; charset=utf-8', 'text/plain'), visible),
  ),
  fc.tuple(
    fc.constantFrom(
      'origin',
      'cookie',
      'sec-fetch-site',
      'idempotency-key',
      'x-request-id',
      'x-forwarded-user',
    ),
    visible,
  ),
);
const body = fc.oneof(
  fc.constantFrom(
    '{"action":"resume"}',
    '{"action":"pause","reason":"x"}',
    '{"__proto__":1}',
    '[]',
    'null',
    '',
  ),
  fc.json(),
  fc.string({ unit: 'binary', maxLength: 100 }),
);

it(
  'no header and no body makes it fail, and without the token nothing is done',
  { timeout: 60_000 },
  async () => {
    const system = createManualSystem();
    const access = tokenAccess(new Reviewer(review, system.clock), {
      anonymous: 'reader',
      metricsPath: '/m',
    });
    const server = await listen(0, new Router([route]), system, { access });
    if ('code' in server) throw new Error(server.message);
    const send = (headers: Readonly<Record<string, string>>, text: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const options = { port: server.port, host: '127.0.0.1', path: '/act', method: 'POST', headers };
        request(options, (response) => {
          response.resume().on('end', () => resolve(response.statusCode ?? 0));
        })
          .on('error', reject)
          .end(text);
      });
    const seen = new Set<number>();
    const admitted: string[] = [];
    for (const [pairs, text] of fc.sample(fc.tuple(fc.array(header, { maxLength: 5 }), body), {
      numRuns: 3000,
      seed: 20_260_102,
    })) {
      const headers = Object.fromEntries(pairs);
      const status = await send(headers, text);
      seen.add(status);
      if (status === 202) admitted.push(headers['authorization']?.toLowerCase() ?? 'nobody');
    }
    expect(admitted.filter((who) => !/^bearer +good *$/.test(who))).toEqual([]);
    expect([...seen].filter((status) => status >= 500)).toEqual([]);
    expect([...seen]).toEqual(expect.arrayContaining([202, 400, 401, 403, 415]));
    expect(system.lines.filter((line) => line.startsWith('error'))).toEqual([]);
    await server.close(0);
  },
);
