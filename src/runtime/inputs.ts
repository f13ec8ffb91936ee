/** Puts together what the rules are asked about: everything that is known of one workload at this moment. */
import type { Epoch } from '../core/election/record.ts';
import { present } from '../core/present.ts';
import { concede } from '../core/reconcile/concession.ts';
import type { Input } from '../core/reconcile/observed.ts';
import { formatKey, parseKey } from '../core/workload/model.ts';
import type { Clock } from '../ports/system.ts';
import type { ApplyContext } from './apply-context.ts';
import type { Dependencies } from './dependencies.ts';
import type { Records } from './records.ts';
import type { SessionDependencies } from './session-parts.ts';
import type { WorkloadNotes } from './workload-notes.ts';

/** Where it is known from. */
export interface InputParts extends Pick<
  SessionDependencies,
  'observations' | 'objects' | 'sources' | 'controls'
> {
  readonly clock: Clock;
  readonly records: Records;
  readonly notes: WorkloadNotes;
  readonly dependencies: Dependencies;
}

/** What is the same for every workload in a term. */
export interface InputTerm {
  readonly term: Epoch;
  /** Of what is ours, from before a change of store as well. */
  readonly fingerprints: ReadonlySet<string>;
  readonly render: ApplyContext['render'];
}

/** The inputs of one term. */
export class Inputs {
  readonly #parts: InputParts;
  readonly #term: InputTerm;

  constructor(parts: InputParts, term: InputTerm) {
    this.#parts = parts;
    this.#term = term;
  }

  /** Undefined for a text that is no key. */
  gather(key: string): Input | undefined {
    const { observations, objects, sources, controls, clock, records, notes, dependencies } = this.#parts;
    const { term, fingerprints, render } = this.#term;
    const parsed = parseKey(key);
    if (parsed === undefined) return undefined;
    const wanted = sources.get(key);
    const record = records.get(key);
    const known = sources.lastValid(key)?.spec;
    const deletionPolicy = known === undefined ? record?.deletionPolicy : known.deletionPolicy;
    const needs = known === undefined ? record?.dependsOn : known.dependsOn?.map(formatKey);
    dependencies.learn(key, needs ?? []);
    const waitsFor = wanted.desired === undefined ? [] : dependencies.waitsFor(wanted.desired);
    const lost = record?.givenUp?.node;
    const foreignServices = notes.foreignServicesOf(key);
    return concede({
      key: parsed,
      now: clock.now(),
      wall: clock.wall(),
      term,
      fingerprints,
      identity: render,
      objects: objects.of(key),
      instances: observations.instances(key),
      elsewhere: observations.elsewhere(parsed),
      vanished: observations.vanished(key),
      ...wanted,
      ...controls.of(key, sources.resource(key)?.object),
      stopsAfter: dependencies.stopsAfter(key),
      ...present({
        record,
        deletionPolicy,
        lostNode: lost === undefined ? undefined : observations.nodeFacts(lost),
        waitsFor: waitsFor.length === 0 ? undefined : waitsFor,
        remains: notes.remainsOf(key),
        foreign: notes.foreignOf(key),
        foreignServices: foreignServices.length === 0 ? undefined : foreignServices,
        unobserved: objects.unobserved(key),
        unansweredPermit: notes.unansweredPermit(key),
        startNotBefore: notes.startNotBefore(key, wanted.desired?.templateHash),
        refusal: notes.refusal(key),
      }),
    });
  }
}
