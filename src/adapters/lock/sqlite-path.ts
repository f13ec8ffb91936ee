import { isAbsolute, normalize } from 'node:path';

/** The file of `sqlite:/path` or `sqlite:///path`, or what is wrong with it in words. */
export function readSqlitePath(url: string): { readonly path: string } | { readonly problem: string } {
  const path = url.replace(/^sqlite:(?:\/\/(?=\/))?/i, '');
  if (path.startsWith('//')) return { problem: `sqlite:${path} names a host: write sqlite:/folder/file.db` };
  if (!isAbsolute(path))
    return { problem: 'the path of a lock file is absolute, so that all controllers mean the same file' };
  if (path.includes('?')) return { problem: 'a lock file takes no options: write sqlite:/folder/file.db' };
  if (path.endsWith('/')) return { problem: 'the path of a lock file ends with a name, not with a folder' };
  return { path: normalize(path) };
}
