import { describe, expect, it } from 'vitest';
import { livingOwner, RENDER, SERVICE, SET } from '../../../test/owned-fixture.ts';
import { makeCronJob, makePersistent, makeService } from '../../../test/workload-fixture.ts';
import type { ManagedObject } from '../manifests/managed-object.ts';
import { ANNOTATION } from '../workload/names.ts';
import { findDrift, isFixedChanged, renderOwner, type OwnedWorkload } from './owner.ts';

const CRON = makeCronJob('small');

/** Paths of the spec that the patch writes, and the cause. */
function drift(living: ManagedObject, workload: OwnedWorkload) {
  const found = findDrift(living, renderOwner(workload, RENDER));
  if (found === undefined) return undefined;
  const paths = found.operations.map(({ path }) => path);
  return { ...found, paths: paths.filter((path) => path.startsWith('/spec/')) };
}

function withTemplate(workload: OwnedWorkload, change: 'gate' | 'finalizer'): ManagedObject {
  const owner = livingOwner(workload);
  const template = owner.spec?.template;
  return {
    ...owner,
    spec: {
      ...owner.spec,
      template: {
        metadata: { ...template?.metadata, ...(change === 'finalizer' ? { finalizers: [] } : {}) },
        spec: { ...template?.spec, ...(change === 'gate' ? { schedulingGates: [] } : {}) },
      },
    },
  };
}

describe('what another hand changed is mended when it could let a second one run, or none', () => {
  it.each([
    { title: 'scaled to 3', workload: SERVICE, spec: { replicas: 3 }, path: '/spec/replicas' },
    { title: 'scaled to 0', workload: SET, spec: { replicas: 0 }, path: '/spec/replicas' },
    {
      title: 'a strategy that surges',
      workload: SERVICE,
      spec: { strategy: { type: 'RollingUpdate' } },
      path: '/spec/strategy',
    },
    {
      title: 'a set that replaces its pod by itself',
      workload: SET,
      spec: { updateStrategy: { type: 'RollingUpdate' } },
      path: '/spec/updateStrategy',
    },
    { title: 'paused', workload: SERVICE, spec: { paused: true }, path: '/spec/paused' },
    {
      title: 'runs side by side',
      workload: CRON,
      spec: { concurrencyPolicy: 'Allow' },
      path: '/spec/concurrencyPolicy',
    },
    { title: 'suspended', workload: CRON, spec: { suspend: true }, path: '/spec/suspend' },
  ])('$title', ({ workload, spec, path }) => {
    const found = drift(livingOwner(workload, spec), workload);
    expect(found).toMatchObject({ cause: 'Repaired' });
    expect(found?.paths).toContain(path);
    expect(found?.paths).not.toContain('/spec/template');
  });

  it.each(['gate', 'finalizer'] as const)('a template without its %s, as a whole', (part) => {
    const found = drift(withTemplate(SERVICE, part), SERVICE);
    expect(found).toMatchObject({ cause: 'Repaired' });
    expect(found?.paths).toContain('/spec/template');
  });

  it('a pause is ended, and nothing else is said of it', () => {
    const found = drift(livingOwner(SERVICE, { paused: true }), SERVICE);
    expect(found?.operations).toContainEqual({ op: 'replace', path: '/spec/paused', value: false });
  });
});

describe('what is as it should be', () => {
  it.each([SERVICE, SET, CRON])('is left alone: $key.kind', (workload) => {
    expect(drift(livingOwner(workload), workload)).toBeUndefined();
  });

  it('is left alone although another hand added fields that harm nothing', () => {
    const owner = livingOwner(SERVICE);
    const labels = { ...owner.metadata.labels, theirs: 'x' };
    expect(drift({ ...owner, metadata: { ...owner.metadata, labels } }, SERVICE)).toBeUndefined();
  });

  it('is left alone when it came from elsewhere: of a file before, of a resource now', () => {
    const workload: typeof SERVICE = { ...SERVICE, source: { from: 'resource', uid: 'u' } };
    expect(findDrift(livingOwner(SERVICE), renderOwner(workload, RENDER))).toBeUndefined();
  });
});

describe('an edit of the spec', () => {
  it('of what a pod is made of replaces the template', () => {
    const found = drift(livingOwner(SERVICE), makeService('small', { image: 'busybox:2' }));
    expect(found).toMatchObject({ cause: 'SpecChanged' });
    expect(found?.paths).toContain('/spec/template');
  });

  it('of labels alone leaves the template as it is, so nothing restarts', () => {
    const found = drift(
      livingOwner(SERVICE),
      makeService('small', { ports: SERVICE.spec.ports, labels: { team: 'b' } }),
    );
    expect(found).toMatchObject({ cause: 'SpecChanged' });
    expect(found?.paths).not.toContain('/spec/template');
    expect(found?.operations).toContainEqual({ op: 'add', path: '/metadata/labels/team', value: 'b' });
  });

  it('of readinessTimeout changes the deadline alone', () => {
    const found = drift(
      livingOwner(SERVICE),
      makeService('small', { ports: SERVICE.spec.ports, readinessTimeout: 60_000 }),
    );
    expect(found?.paths).toContain('/spec/progressDeadlineSeconds');
    expect(found?.paths).not.toContain('/spec/template');
  });

  it('never writes what cannot be changed', () => {
    const moved = makePersistent('small', { image: 'busybox:2', serviceName: 'elsewhere' });
    const found = drift(livingOwner(SET), moved);
    expect(found?.paths).not.toContain('/spec/serviceName');
    expect(found?.paths).not.toContain('/spec/selector');
    expect(found?.operations.map(({ path }) => path)).toContain(
      `/metadata/annotations/${ANNOTATION.fixedHash.replace('/', '~1')}`,
    );
  });

  it('of what cannot be changed is known by the hash it was made with, and stays known after other changes', () => {
    const living = livingOwner(SET);
    const moved = renderOwner(makePersistent('small', { serviceName: 'elsewhere' }), RENDER);
    expect(isFixedChanged(living, moved)).toBe(true);
    expect(isFixedChanged(living, renderOwner(SET, RENDER))).toBe(false);
    const kept = findDrift(livingOwner(SET, { replicas: 3 }), moved)?.operations.find(({ path }) =>
      path.endsWith(ANNOTATION.fixedHash.replace('/', '~1')),
    );
    expect(kept).toMatchObject({ value: living.metadata.annotations?.[ANNOTATION.fixedHash] });
  });
});
