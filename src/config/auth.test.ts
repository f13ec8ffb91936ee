import { expect, it } from 'vitest';
import type { LoadResult } from './config.ts';
import { loadConfig } from './load.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

function load(text: string, isPod = false): LoadResult {
  return loadConfig(['--config', '/c.yaml'], {
    env: {},
    readFile: (path) => (path === SERVICE_ACCOUNT ? 'here' : text),
    exists: (path) => path === '/c.yaml' || (isPod && path === SERVICE_ACCOUNT),
    list: () => [],
    homedir: '/home/u',
    cwd: '/w',
    hostname: 'h',
  });
}

function accepted(text: string, isPod?: boolean) {
  const loaded = load(text, isPod);
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems));
  return loaded;
}

it('callers are known by their tokens in a pod, and not at all elsewhere', () => {
  expect(accepted('').config.auth.mode).toBe('none');
  const inPod = accepted('', true);
  expect(inPod.config.auth.mode).toBe('token');
  expect(inPod.provenance).toContainEqual({
    key: 'auth.mode',
    value: 'token',
    origin: 'derived',
    from: 'service account',
  });
  expect(accepted('auth: {mode: none}', true).config.auth.mode).toBe('none');
});

it('the audience api-server stands for none of our own', () => {
  expect(accepted('auth: {audience: api-server}').config.auth).not.toHaveProperty('audience');
});

it.each([
  ['auth: {mode: proxy}', 'MissingField', 'auth.mode'],
  ['auth: {mode: none, anonymous: none}', 'Contradiction', 'auth.anonymous'],
  ['auth: {mode: basic}', 'InvalidValue', 'auth.mode'],
  ['auth: {mode: proxy, trustedProxies: [proxy.local]}', 'InvalidValue', 'auth.trustedProxies'],
  ['auth: {mode: proxy, trustedProxies: [10.0.0.0/33]}', 'InvalidValue', 'auth.trustedProxies'],
  ['tls: {certFile: /c}', 'MissingField', 'tls.certFile'],
  ['tls: {keyFile: /k}', 'MissingField', 'tls.keyFile'],
])('%s is refused', (text, code, path) => {
  const loaded = load(text);
  const problems = 'problems' in loaded ? loaded.problems : [];
  const errors = problems.filter((problem) => problem.code !== 'NoWorkloads');
  expect(errors).toEqual([expect.objectContaining({ code, path, line: 1 })]);
});
