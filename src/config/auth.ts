/** Puts the settings of the HTTP surface together. */
import type { Problem } from '../core/problem.ts';
import { ANONYMOUS_ROLES, AUTH_MODES } from './auth-settings.ts';
import type { AuthConfig, TlsFiles } from './config.ts';
import { expandHome } from './file-search.ts';
import type { Settings } from './settings.ts';

/** In place of an audience: that of the API server, whatever it is. */
const OF_API_SERVER = 'api-server';

type Report = (problem: Problem) => void;

/** In a pod callers are known by their tokens unless it is said otherwise. A proxy that nobody names is reported. */
export function deriveAuth(settings: Settings, isPod: boolean, report: Report): AuthConfig {
  if (!settings.has('auth.mode'))
    settings.derive('auth.mode', isPod ? 'token' : 'none', isPod ? 'service account' : '');
  const trustedProxies = settings.has('auth.trustedProxies')
    ? settings.text('auth.trustedProxies').split(',')
    : [];
  const mode = AUTH_MODES.find((one) => one === settings.text('auth.mode')) ?? 'token';
  const anonymous = ANONYMOUS_ROLES.find((one) => one === settings.text('auth.anonymous')) ?? 'none';
  if (mode === 'proxy' && trustedProxies.length === 0 && !settings.isRefused('auth.trustedProxies'))
    report({
      code: 'MissingField',
      message: 'auth.mode proxy needs auth.trustedProxies',
      hint: 'name the addresses of the proxies: anybody else could write their headers',
      ...settings.locate('auth.mode'),
    });
  if (mode === 'none' && anonymous === 'none')
    report({
      code: 'Contradiction',
      message: 'auth.anonymous is none, and auth.mode none knows nobody',
      hint: 'set auth.mode to token or proxy, or let everybody read',
      ...settings.locate('auth.anonymous'),
    });
  const audience = settings.text('auth.audience');
  return { mode, anonymous, ...(audience !== OF_API_SERVER && { audience }), trustedProxies };
}

/** Undefined: no TLS. One file without the other is reported. */
export function deriveTls(settings: Settings, homedir: string, report: Report): TlsFiles | undefined {
  const [hasCertificate, hasKey] = [settings.has('tls.certFile'), settings.has('tls.keyFile')];
  if (!hasCertificate && !hasKey) return undefined;
  if (hasCertificate && hasKey)
    return {
      certFile: expandHome(settings.text('tls.certFile'), homedir),
      keyFile: expandHome(settings.text('tls.keyFile'), homedir),
    };
  const [given, absent] = hasCertificate ? ['tls.certFile', 'tls.keyFile'] : ['tls.keyFile', 'tls.certFile'];
  report({
    code: 'MissingField',
    message: `${given} needs ${absent}`,
    hint: 'give both, or neither',
    ...settings.locate(given),
  });
  return undefined;
}
