/** The kubeconfig files that a sandbox hands out, with certificates inline so that a file can be moved or mounted. */
import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import type { Credential } from './control-plane/certificate.ts';

/** One cluster, one user, one context. */
export interface KubeconfigEntry {
  /** `https://127.0.0.1:PORT`. */
  readonly server: string;
  /** The authority that signed the server's certificate, PEM. */
  readonly authority: string;
  /** Shown by tools; the API server reads the user from the certificate. */
  readonly user: string;
  readonly credential: Credential;
}

/** Writes a kubeconfig that only the owner can read. */
export async function writeKubeconfig(file: string, entry: KubeconfigEntry): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'sandbox',
    clusters: [
      {
        name: 'sandbox',
        cluster: { server: entry.server, 'certificate-authority-data': base64(entry.authority) },
      },
    ],
    users: [
      {
        name: entry.user,
        user: {
          'client-certificate-data': base64(entry.credential.certificate),
          'client-key-data': base64(entry.credential.key),
        },
      },
    ],
    contexts: [{ name: 'sandbox', context: { cluster: 'sandbox', user: entry.user } }],
  };
  await writeFile(file, stringify(config, { lineWidth: 0 }), { mode: 0o600 });
}
