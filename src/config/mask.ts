/** Values as they may be shown. */
import type { Setting } from './setting.ts';

/** The text with its secrets masked; rather too much is masked than too little. */
export function maskValue({ secret }: Pick<Setting, 'secret'>, text: string): string {
  if (text === '' || secret === undefined) return text;
  return secret === 'whole' ? '***' : maskCredentials(text);
}

/** Addresses: `scheme://user:password@host`, `user:password@tcp(host)`, `host=h password=p`. */
function maskCredentials(text: string): string {
  const named = text.replace(/password\s*=.*$/is, 'password=***');
  const end = named.lastIndexOf('@');
  if (end < 0) return named;
  const scheme = /^[a-z][-+.a-z0-9]*:\/\//i.exec(named)?.[0] ?? '';
  return `${scheme}***${named.slice(end)}`;
}
