/**
 * Mode none: nobody is known. Everybody may read. Who acts must be on this machine: the TCP peer and the name in `Host` are
 * loopback, so that neither a neighbour nor a page behind a re-bound DNS name gets through, and no proxy stands between.
 */
import type { Refusal } from '../api/v1/problem.ts';
import { ANONYMOUS, type Access, type Caller, type Principal } from './access.ts';
import { addressTest } from './peer.ts';
import { crossSite } from './same-site.ts';

const LOCAL: Principal = { name: 'local', groups: [] };
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;
const PROXY_HEADERS = ['forwarded', 'via', 'x-real-ip', 'x-forwarded-for'] as const;

export function localAccess(): Access {
  const isLoopback = addressTest(['127.0.0.0/8', '::1']);
  return {
    admit: (caller, need) => {
      if (need === 'self') return isLoopback(caller.peer) && isDirect(caller) ? LOCAL : ANONYMOUS;
      if (need !== 'act') return ANONYMOUS;
      const refused = isLoopback(caller.peer) && isDirect(caller) ? crossSite(caller) : FROM_ELSEWHERE;
      return refused === undefined ? LOCAL : { refused };
    },
    authorize: (principal) => Promise.resolve(principal === LOCAL ? undefined : FROM_ELSEWHERE),
    isProxy: () => false,
  };
}

const FROM_ELSEWHERE: Refusal = {
  code: 'forbidden',
  detail: 'with auth.mode none only callers on the same machine may act',
};

function isDirect({ headers }: Caller): boolean {
  const names = Object.keys(headers);
  const isForwarded =
    PROXY_HEADERS.some((name) => names.includes(name)) ||
    names.some((name) => name.startsWith('x-forwarded-'));
  return !isForwarded && LOOPBACK_HOST.test(headers.host ?? '');
}
