/**
 * Requests that a web page of somebody else made a browser send. No cookie is ever an identity here, and actions are JSON,
 * which a browser sends across sites only after asking (and no CORS answer is ever given); this refuses what is left.
 * https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
 */
import type { Refusal } from '../api/v1/problem.ts';
import type { Caller } from './access.ts';

/** Why the request may come from elsewhere; undefined for one of a program, or of our own page. */
export function crossSite({ headers }: Caller): Refusal | undefined {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    return { code: 'cross-site', detail: 'a page of another site made the browser send this' };
  if (headers.origin !== undefined && hostOf(headers.origin) !== headers.host?.toLowerCase())
    return { code: 'cross-site', detail: 'Origin is another than Host' };
  if (headers.cookie !== undefined)
    return { code: 'cross-site', detail: 'cookies are not taken; send Authorization' };
  return undefined;
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
