/**
 * Certificate and key of the server, read again while it runs. Files are looked at, not watched: Kubernetes replaces those
 * of a Secret by moving links, of which no watch on the file tells.
 */
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureVersion } from 'node:tls';
import type { TlsFiles } from '../config/config.ts';
import type { Problem } from '../core/problem.ts';
import { SECOND, type Duration } from '../core/time.ts';
import type { System, Timer } from '../ports/system.ts';

const LOOK_EVERY: Duration = 10 * SECOND;
const OLDEST: SecureVersion = 'TLSv1.2';

export interface KeyMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: SecureVersion;
}

/** Reads both, and proves that they belong together. */
export async function readKeyMaterial({ certFile, keyFile }: TlsFiles): Promise<KeyMaterial | Problem> {
  let material: KeyMaterial;
  try {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    material = { cert, key, minVersion: OLDEST };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
    return {
      code: 'ConfigUnreadable',
      message: `certificate or key of the HTTP server cannot be read (${code})`,
      hint: `check ${certFile} and ${keyFile}`,
      path: 'tls',
    };
  }
  try {
    createSecureContext(material);
    return material;
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return {
      code: 'InvalidValue',
      message: `certificate and key of the HTTP server cannot be used (${why})`,
      hint: `${certFile} must hold a PEM certificate chain and ${keyFile} its private key`,
      path: 'tls',
    };
  }
}

/**
 * Hands on what the files hold whenever that changed and can be used. Open connections keep what they began with. Call
 * the answer to end it.
 */
export function followKeyMaterial(
  files: TlsFiles,
  first: KeyMaterial,
  { clock, log }: System,
  use: (material: KeyMaterial) => void,
): () => void {
  let current = first;
  let trouble = '';
  let isEnded = false;
  let timer: Timer;
  const look = async (): Promise<void> => {
    const read = await readKeyMaterial(files);
    if (isEnded) return;
    const problem = 'code' in read ? read.message : '';
    if (problem !== '' && problem !== trouble)
      log.warn('the certificate of the HTTP server changed and cannot be used; the one before stays', {
        err: problem,
      });
    trouble = problem;
    if (!('code' in read) && !(read.cert.equals(current.cert) && read.key.equals(current.key))) {
      current = read;
      use(read);
      log.info('the certificate of the HTTP server was read again', { file: files.certFile });
    }
    schedule();
  };
  const schedule = (): void => {
    timer = clock.timer(clock.now() + LOOK_EVERY, () => void look());
  };
  schedule();
  return () => {
    isEnded = true;
    timer.cancel();
  };
}
