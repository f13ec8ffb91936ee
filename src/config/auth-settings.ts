/** The settings of the HTTP surface: who may ask, and TLS. */
import { isIP } from 'node:net';
import type { Setting } from './setting.ts';

export const AUTH_MODES = ['none', 'token', 'proxy'] as const;
export const ANONYMOUS_ROLES = ['reader', 'none'] as const;

/** An address, or a block of them: `10.1.2.3`, `10.0.0.0/8`, `fd00::/8`. */
function isBlock(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

export const AUTH_SETTINGS: readonly Setting[] = [
  {
    key: 'auth.mode',
    env: 'HIGHLANDER_AUTH_MODE',
    flag: '--auth-mode',
    type: 'string',
    choices: AUTH_MODES,
    fallback: 'token in a pod, else none',
    doc: 'How callers of the HTTP API are known: not at all, by a token of Kubernetes, or by a proxy in front',
  },
  {
    key: 'auth.anonymous',
    env: 'HIGHLANDER_AUTH_ANONYMOUS',
    flag: '--auth-anonymous',
    type: 'string',
    choices: ANONYMOUS_ROLES,
    default: 'reader',
    doc: 'What a caller may do who is not known: read, or nothing',
  },
  {
    key: 'auth.audience',
    env: 'HIGHLANDER_AUTH_AUDIENCE',
    flag: '--auth-audience',
    type: 'string',
    default: 'k8-highlander',
    doc: 'For mode token: the audience a token must be made for; `api-server` takes those that the API server takes',
  },
  {
    key: 'auth.trustedProxies',
    env: 'HIGHLANDER_AUTH_TRUSTED_PROXIES',
    flag: '--auth-trusted-proxies',
    type: 'list',
    pattern: { regex: { test: isBlock }, hint: 'write addresses or blocks: 10.1.2.3, 10.0.0.0/8, fd00::/8' },
    fallback: 'none',
    doc: 'For mode proxy: from where X-Forwarded-User and X-Forwarded-Groups are believed',
  },
  {
    key: 'tls.certFile',
    env: 'HIGHLANDER_TLS_CERT_FILE',
    flag: '--tls-cert-file',
    type: 'string',
    fallback: 'none',
    doc: 'Certificate chain (PEM) of the HTTP server; read again when it changes',
  },
  {
    key: 'tls.keyFile',
    env: 'HIGHLANDER_TLS_KEY_FILE',
    flag: '--tls-key-file',
    type: 'string',
    fallback: 'none',
    doc: 'Its private key (PEM)',
  },
];
