/** Conditions of the chain of services and persistent sets: see `rule-mutants.test.ts`. */
import type { ConditionMutant } from './condition-mutant.ts';

const OWNER = 'src/core/reconcile/owner.ts';
const RULES = 'src/core/reconcile/owned-rules.ts';
const SHARED = 'src/core/reconcile/shared-rules.ts';
const RUNNING = 'src/core/reconcile/running.ts';

export const OWNED_MUTANTS: readonly ConditionMutant[] = [
  {
    name: 'a number of replicas that another hand changed',
    file: OWNER,
    find: 'if (should?.replicas !== undefined && is?.replicas !== should.replicas)',
    replace: 'if (should?.replicas === -1)',
  },
  {
    name: 'a strategy that surges',
    file: OWNER,
    find: 'if (should?.strategy !== undefined &&',
    replace: 'if (should?.strategy === null &&',
  },
  {
    name: 'a paused Deployment',
    file: OWNER,
    find: 'if (is?.paused === true) return',
    replace: 'if (is?.paused === null) return',
  },
  {
    name: 'the end of a pause',
    file: OWNER,
    find: '...(living.spec?.paused === true',
    replace: '...(living.spec?.paused === null',
  },
  {
    name: 'a set that replaces its pod by itself',
    file: OWNER,
    find: 'if (should?.updateStrategy !== undefined &&',
    replace: 'if (should?.updateStrategy === null &&',
  },
  {
    name: 'runs side by side',
    file: OWNER,
    find: 'if (should?.concurrencyPolicy !== is?.concurrencyPolicy)',
    replace: `if (should?.concurrencyPolicy === '')`,
  },
  {
    name: 'a schedule that another hand suspended',
    file: OWNER,
    find: 'if (should?.suspend !== undefined &&',
    replace: 'if (should?.suspend === null &&',
  },
  {
    name: 'a template that lost its protection',
    file: OWNER,
    find: 'if (podTemplateOf(wanted) !== undefined && !isProtected',
    replace: 'if (podTemplateOf(wanted) === null && !isProtected',
  },
  {
    name: 'the gate of a template',
    file: OWNER,
    find: '(template?.spec?.schedulingGates?.some(({ name }) => name === PERMIT_GATE) ?? false) &&',
    replace: '(template !== undefined) &&',
  },
  {
    name: 'the finalizer of a template',
    file: OWNER,
    find: '(template?.metadata?.finalizers?.includes(SINGLETON_FINALIZER) ?? false)',
    replace: 'template !== undefined',
  },
  {
    name: 'a template that lost its protection is replaced',
    file: OWNER,
    find: '(isEdited || isBare)',
    replace: 'isEdited',
  },
  {
    name: 'a template of the same hash is left alone',
    file: OWNER,
    find: '((isEdited || isBare) && wanted',
    replace: '(wanted',
  },
  {
    name: 'what cannot be changed is not written',
    file: OWNER,
    find: `!FIXED.has(field) && (field !== 'template'`,
    replace: `(field !== 'template'`,
  },
  {
    name: 'a template has a hash of its own',
    file: OWNER,
    find: ` && (field !== 'template' || kind === 'CronJob')`,
    replace: '',
  },
  {
    name: 'the mark of what is fixed stays',
    file: OWNER,
    find: 'return fixed === undefined ? rest : { ...rest, [ANNOTATION.fixedHash]: fixed };',
    replace: 'return { ...wanted.metadata.annotations, x: String(fixed) };',
  },
  {
    name: 'where it came from changes nothing',
    file: OWNER,
    find: `    [ANNOTATION.source]: _source,
`,
    replace: `    _source,
`,
  },
  {
    name: 'only a pod of the current template is permitted',
    file: RULES,
    find: `      isCurrent(instance, owner) &&
`,
    replace: `      true &&
`,
  },
  {
    name: 'only the first pod of a set is permitted',
    file: RULES,
    find: `(owner.kind !== 'StatefulSet' || instance`,
    replace: `(owner.kind !== 'Nothing' || instance`,
  },
  {
    name: 'nothing is permitted beside a permitted pod',
    file: RULES,
    find: `  if (permitted(input.instances).length > 0) return undefined;
  const candidate`,
    replace: '  const candidate',
  },
  {
    name: 'gated pods of a set that are out of date go',
    file: RULES,
    find: '(isSet || !isGated(instance.pod)) &&',
    replace: '!isGated(instance.pod) &&',
  },
  {
    name: 'a Deployment removes its gated pods itself',
    file: RULES,
    find: '(isSet || !isGated(instance.pod)) &&',
    replace: '',
  },
  {
    name: 'a Deployment stops its old pod itself',
    file: RULES,
    find: 'actions: isSet ? old.map',
    replace: 'actions: true ? old.map',
  },
  {
    name: 'the pod with the highest token is kept',
    file: RULES,
    find: 'tokenOf(b) - tokenOf(a)',
    replace: 'tokenOf(a) - tokenOf(b)',
  },
  {
    name: 'a stop scales to 0 once',
    file: RULES,
    find: 'if (owner === undefined || (owner.spec?.replicas ?? 1) === 0) return undefined;',
    replace: 'if (owner === undefined) return undefined;',
  },
  {
    name: 'an unreadable resource stops nothing',
    file: RULES,
    find: 'if (input.desired !== undefined || input.invalid !== undefined) return undefined;',
    replace: 'if (input.desired !== undefined) return undefined;',
  },
  {
    name: 'the end of a finished pod is proven',
    file: RULES,
    find: 'if (unproven !== undefined) return { ...explainWait(unproven, now), actions: [] };',
    replace: 'if (unproven !== undefined) explainWait(unproven, now);',
  },
  {
    name: 'an owner that goes is not mended',
    file: RULES,
    find: 'if (living === undefined || living.metadata.deletionTimestamp !== undefined) return undefined;',
    replace: 'if (living === undefined) return undefined;',
  },
  {
    name: `somebody else's Service is left alone`,
    file: RULES,
    find: 'if (foreign.has(service.metadata.name)) continue;',
    replace: '',
  },
  {
    name: `somebody else's Service is looked for again`,
    file: RULES,
    find: 'filter(({ recheckAt }) => now < recheckAt)',
    replace: 'filter(({ recheckAt }) => now < recheckAt + 1e9)',
  },
  {
    name: 'an instance that is up is not late',
    file: RULES,
    find: `if (late === undefined || state.reason !== 'Starting') return state;`,
    replace: 'if (late === undefined) return state;',
  },
  {
    name: 'what makes pods is claimed too',
    file: SHARED,
    find: 'MAKERS.has(object.kind) && claimedTerm(object) !== term',
    replace: 'MAKERS.has(object.kind) && claimedTerm(object) === -1',
  },
  {
    name: 'an unanswered permit comes first',
    file: SHARED,
    find: 'if (unansweredPermit === undefined || pod === undefined) return undefined;',
    replace: 'if (pod !== null) return undefined;',
  },
  {
    name: 'what the kubelet waits for is told',
    file: RUNNING,
    find: 'if (waiting?.message !== undefined)',
    replace: `if (waiting?.message === '')`,
  },
];
