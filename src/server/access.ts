/**
 * Who asks, and whether they may. Every route declares what it needs (`Route.needs`); the server asks the one `Access` it
 * was given before it calls a handler, and hands the answer on as `request.principal`. What is not known is refused.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Refusal } from '../api/v1/problem.ts';
import type { Right, Subject } from '../ports/access-review.ts';

/**
 * What a route needs:
 * - `probe`: asked by kubelets and load balancers; never counted against a limit.
 * - `nothing`: texts that are the same for everybody.
 * - `read`: state of this installation; never env values, scripts or secrets.
 * - `rows`: the same, of several workloads: who may list only some of them is let in, and the handler leaves out the others
 *   (`Principal.sees`).
 * - `self`: who the caller is. Who says nothing is nobody in particular.
 * - `metrics`: the scrape.
 * - `act`: asks for a change. Somebody must be known; for what exactly, the handler asks `Request.authorize`.
 */
export type Need = 'probe' | 'nothing' | 'read' | 'rows' | 'self' | 'metrics' | 'act';

/** Who asks. */
export interface Principal {
  /** As shown in logs and records; `anonymous` where nobody was named. */
  readonly name: string;
  readonly groups: readonly string[];
  /** Only those workloads that they may list, which is to be asked; absent: everything. For routes that need `rows`. */
  readonly sees?: 'some';
  /** As the cluster knows them; absent for nobody in particular. */
  readonly subject?: Subject;
}

/** What is known of a request before anything of it is believed. */
export interface Caller {
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  /** Address of the TCP peer. */
  readonly peer: string;
}

/** Somebody, or why not. */
export type Admission = Principal | { readonly refused: Refusal };

export interface Access {
  /** Admits a caller as somebody, or refuses. Must not throw. */
  admit(caller: Caller, need: Need): Admission | Promise<Admission>;
  /** Why somebody who was admitted to act may not do this; undefined: they may. Must not throw. */
  authorize(principal: Principal, right: Right): Promise<Refusal | undefined>;
  /** Many callers come from this address, each with a name. */
  isProxy(peer: string): boolean;
}

export const ANONYMOUS: Principal = { name: 'anonymous', groups: [] };

/** What may be asked for by everybody, always. */
export function isForEverybody(need: Need): boolean {
  return need === 'probe' || need === 'nothing';
}

/** Everybody may read, nobody may act. */
export const openAccess: Access = {
  admit: (_caller, need) =>
    need === 'act' ? { refused: { code: 'forbidden', detail: 'nothing can be asked for here' } } : ANONYMOUS,
  authorize: () => Promise.resolve({ code: 'forbidden', detail: 'nothing can be asked for here' }),
  isProxy: () => false,
};

/** Serves from before it is known who decides; until `use` nobody may do anything but what everybody may. */
export function deferredAccess(): Access & { use(decided: Access): void } {
  let current = openAccess;
  return {
    admit: (caller, need) => current.admit(caller, need),
    authorize: (principal, right) => current.authorize(principal, right),
    isProxy: (peer) => current.isProxy(peer),
    use: (decided) => {
      current = decided;
    },
  };
}
