/** What the server can be asked: routes, what they need, and what they answer. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Refusal } from '../api/v1/problem.ts';
import type { Duration } from '../core/time.ts';
import type { Right } from '../ports/access-review.ts';
import type { Need, Principal } from './access.ts';

/** What a route answers. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Worth compressing for a client that takes it. */
  readonly compress?: boolean;
  /** For the audit line of a route that needs `act`: what was asked for, and the code of a refusal. Free of secrets. */
  readonly audit?: Readonly<Record<string, string>>;
}

/** An answer that goes on: the handler writes the response itself, and owns it from then on. */
export interface StreamReply {
  readonly status: 200;
  readonly open: (response: ServerResponse) => void;
}

/** What a handler may look at. */
export interface Request {
  readonly method: string;
  readonly path: string;
  /** What stands in place of each `{name}` of the pattern, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** For a pattern that ends in `/*`: what stands in place of the star, still encoded. */
  readonly rest: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Taken over from `x-request-id`, or made. */
  readonly id: string;
  readonly principal: Principal;
  /** Why the principal may not do this; undefined: they may. For routes that need `act`. */
  readonly authorize: (right: Right) => Promise<Refusal | undefined>;
  /** The body, for routes that need `act`: parsed JSON, not looked at. */
  readonly body: unknown;
}

/** Answers one request. */
export type Handler = (request: Request) => Reply | StreamReply | Promise<Reply | StreamReply>;

/** One method of one pattern. The only place that says what asking for it needs. */
export interface Route {
  /** HEAD follows from GET. */
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `/a/{b}/c`: `{b}` stands for one segment; a last segment `*` for any rest. */
  readonly pattern: string;
  readonly needs: Need;
  /** How refusals look: in the envelope of the Go program, or as problem+json. */
  readonly refusals: 'envelope' | 'problem';
  readonly handle: Handler;
  /** Told of each request once it is answered or refused. */
  readonly answered?: (answer: {
    readonly method: string;
    readonly status: number;
    readonly duration: Duration;
  }) => void;
}

/** The route of a path, or which methods the path takes, or nothing. */
export type Match =
  | {
      readonly kind: 'route';
      readonly route: Route;
      readonly params: Readonly<Record<string, string>>;
      readonly rest: string;
    }
  | { readonly kind: 'no-method'; readonly allow: readonly string[]; readonly route: Route }
  | { readonly kind: 'malformed'; readonly route: Route }
  | { readonly kind: 'none' };

interface Place {
  readonly segments: readonly string[];
  readonly byMethod: Map<string, Route>;
}

/** All routes. More may be added while the server runs; a pattern that is added again replaces what it answered. */
export class Router {
  readonly #places = new Map<string, Place>();

  constructor(routes: readonly Route[] = []) {
    this.add(routes);
  }

  add(routes: readonly Route[]): void {
    for (const route of routes) {
      const place = this.#places.get(route.pattern) ?? {
        segments: route.pattern.split('/'),
        byMethod: new Map<string, Route>(),
      };
      place.byMethod.set(route.method, route);
      this.#places.set(route.pattern, place);
    }
  }

  get patterns(): readonly string[] {
    return [...this.#places.keys()];
  }

  /** The exact pattern wins, then the one with parameters, then the longest with a star. */
  find(method: string, path: string): Match {
    const exact = this.#places.get(path);
    if (exact !== undefined && !path.includes('{') && !path.endsWith('*'))
      return choose(exact, method, {}, '');
    const segments = path.split('/');
    let starred: Place | undefined;
    for (const place of this.#places.values()) {
      const { length } = place.segments;
      const isStarred = place.segments[length - 1] === '*';
      if (isStarred ? segments.length < length : segments.length !== length) continue;
      const fixed = isStarred ? place.segments.slice(0, -1) : place.segments;
      if (!fixed.every((segment, at) => matches(segment, segments[at] ?? ''))) continue;
      if (!isStarred) return bind(place, method, segments);
      if (starred === undefined || length > starred.segments.length) starred = place;
    }
    if (starred === undefined) return { kind: 'none' };
    return choose(starred, method, {}, segments.slice(starred.segments.length - 1).join('/'));
  }
}

function matches(pattern: string, segment: string): boolean {
  return pattern.startsWith('{') ? segment !== '' : pattern === segment;
}

function bind(place: Place, method: string, segments: readonly string[]): Match {
  const params: Record<string, string> = {};
  for (const [at, segment] of place.segments.entries()) {
    if (!segment.startsWith('{')) continue;
    const value = decode(segments[at] ?? '');
    if (value === undefined) return { kind: 'malformed', route: anyOf(place) };
    params[segment.slice(1, -1)] = value;
  }
  return choose(place, method, params, '');
}

function choose(place: Place, method: string, params: Readonly<Record<string, string>>, rest: string): Match {
  const route = place.byMethod.get(method === 'HEAD' ? 'GET' : method);
  if (route !== undefined) return { kind: 'route', route, params, rest };
  const allow = [...place.byMethod.keys()].flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : [one]));
  return { kind: 'no-method', allow, route: anyOf(place) };
}

function anyOf({ byMethod }: Place): Route {
  const [route] = byMethod.values();
  if (route === undefined) throw new Error('a place without a route');
  return route;
}

/** The text behind percent-encoding, or undefined where it is malformed. */
export function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

/** `value` as JSON. */
export function json(status: number, value: unknown): Reply {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

/** A line of text. */
export function text(status: number, body: string): Reply {
  return { status, contentType: TEXT, body: `${body}\n` };
}
