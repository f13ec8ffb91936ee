/** The keys and certificates of one control plane, as files in its folder. Kept with the folder, made once. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, createKeyPair, issueServer } from './certificate.ts';
import type { Authority } from './certificate.ts';

/** Paths are files, PEM; `authority` is the open CA, to issue identities with. */
export interface Pki {
  readonly authority: Authority;
  readonly authorityFile: string;
  readonly servingCertificate: string;
  readonly servingKey: string;
  readonly accountPublicKey: string;
  readonly accountKey: string;
}

const AUTHORITY_NAME = 'k8-highlander sandbox';
const SERVER_HOSTS = ['127.0.0.1', 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];

/** First address of the service range: what the `kubernetes` Service is reachable under inside a cluster. */
const SERVICE_ADDRESS = '10.96.0.1';

/** Opens the PKI in `dir`, or makes it when the folder has none. */
export async function openPki(dir: string): Promise<Pki> {
  const file = (name: string): string => join(dir, name);
  const pki = {
    authorityFile: file('ca.crt'),
    servingCertificate: file('serving.crt'),
    servingKey: file('serving.key'),
    accountPublicKey: file('service-account.pub'),
    accountKey: file('service-account.key'),
  };
  const authorityKey = file('ca.key');
  if (existsSync(authorityKey)) {
    const [certificate, key] = await Promise.all([
      readFile(pki.authorityFile, 'utf8'),
      readFile(authorityKey, 'utf8'),
    ]);
    return { ...pki, authority: { name: AUTHORITY_NAME, certificate, key } };
  }
  const authority = createAuthority(AUTHORITY_NAME);
  const serving = issueServer(authority, 'kube-apiserver', [...SERVER_HOSTS, SERVICE_ADDRESS]);
  const account = createKeyPair();
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const write = (path: string, text: string): Promise<void> => writeFile(path, text, { mode: 0o600 });
  await Promise.all([
    write(pki.authorityFile, authority.certificate),
    write(pki.servingCertificate, serving.certificate),
    write(pki.servingKey, serving.key),
    write(pki.accountPublicKey, account.publicKey),
    write(pki.accountKey, account.key),
  ]);
  // Last: its presence says that the others are complete.
  await write(authorityKey, authority.key);
  return { ...pki, authority };
}
