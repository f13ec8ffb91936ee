import { describe, expect, it } from 'vitest';
import { LEASES, NAMESPACES, NODES, PODS, type ObjectRef } from '../../ports/cluster.ts';
import { collectionPath, objectPath } from './path.ts';
import { describeRequest } from './request-facts.ts';

const pod: ObjectRef = { resource: PODS, namespace: 'default', name: 'report-pod' };
const lease: ObjectRef = { resource: LEASES, namespace: 'system', name: 'highlander-default' };

describe('a request is counted by verb and resource', () => {
  it.each([
    ['GET', objectPath(pod), 'get', 'pods'],
    ['GET', collectionPath(PODS), 'list', 'pods'],
    ['GET', collectionPath(PODS, 'default'), 'list', 'pods'],
    ['GET', collectionPath(NODES), 'list', 'nodes'],
    ['GET', objectPath({ resource: NAMESPACES, namespace: '', name: 'kube-system' }), 'get', 'namespaces'],
    ['POST', collectionPath(PODS, 'default'), 'create', 'pods'],
    ['PUT', objectPath(lease), 'update', 'leases'],
    ['PATCH', objectPath(pod), 'patch', 'pods'],
    ['PATCH', objectPath(pod, 'status'), 'patch', 'pods/status'],
    ['DELETE', objectPath(pod), 'delete', 'pods'],
  ])('%s %s', (method, path, verb, resource) => {
    expect(describeRequest({ method, path }, '200')).toEqual({ verb, resource, code: '200' });
  });

  it('a watch is not a list', () => {
    const watch = { method: 'GET', path: collectionPath(PODS), query: { watch: 'true' } };
    expect(describeRequest(watch, 'failed')).toEqual({ verb: 'watch', resource: 'pods', code: 'failed' });
  });
});
