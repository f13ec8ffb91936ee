/**
 * Who asks, and whether they may. Every route declares what it needs (`Route.needs`); the server asks the one `Access` it
 * was given before it calls a handler, and hands the answer on as `request.principal`.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Refusal } from '../api/v1/problem.ts';

/**
 * What a route needs:
 * - `nothing`: probes, and texts that are the same for everybody.
 * - `read`: state of this installation; never env values, scripts or secrets.
 * - `metrics`: the scrape.
 */
export type Need = 'nothing' | 'read' | 'metrics';

/** Who asks. */
export interface Principal {
  /** As shown in logs and records; `anonymous` where nobody was named. */
  readonly name: string;
  readonly groups: readonly string[];
}

/** What is known of a request before anything of it is believed. */
export interface Caller {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Address of the TCP peer. */
  readonly peer: string;
}

/** Admits a caller as somebody, or refuses. Must not throw. */
export type Access = (
  caller: Caller,
  need: Need,
) => Principal | { readonly refused: Refusal } | Promise<Principal | { readonly refused: Refusal }>;

const ANONYMOUS: Principal = { name: 'anonymous', groups: [] };

/** Everybody may read, as with the Go program. */
export const openAccess: Access = () => ANONYMOUS;
