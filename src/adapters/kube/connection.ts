/** Where an API server is and how to prove who we are: plain data, read from a kubeconfig or from a pod's own files. */

/** PEM text given inline, or the file that holds it (read again when the file changes). */
export type Pem = { readonly pem: string } | { readonly file: string };

export type Credential =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  /** A token that is rotated in place, such as a projected service account token. */
  | { readonly kind: 'token-file'; readonly file: string }
  | { readonly kind: 'certificate'; readonly certificate: Pem; readonly key: Pem }
  | { readonly kind: 'exec'; readonly plugin: ExecPlugin };

/** A program that hands out credentials. */
export interface ExecPlugin {
  /** `client.authentication.k8s.io/v1` or `/v1beta1`. */
  readonly apiVersion: string;
  /** A path, or a name to be found on PATH. */
  readonly command: string;
  readonly args: readonly string[];
  /** Beside the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
  /** For people who do not have the program. */
  readonly installHint?: string;
  /** Present if the plugin wants to know which cluster it is for. */
  readonly cluster?: ExecCluster;
}

export interface ExecCluster {
  readonly server: string;
  readonly ca?: Pem;
  readonly tlsServerName?: string;
  readonly insecureSkipTlsVerify?: boolean;
  /** What the kubeconfig keeps for plugins alone. */
  readonly config?: unknown;
}

export interface Connection {
  /** `https://host:port`, possibly with a path prefix, without a trailing slash. */
  readonly server: string;
  /** Absent: the certificate authorities that Node trusts. */
  readonly ca?: Pem;
  readonly credential: Credential;
  /** Namespace of the context, or of the service account. A default for people's commands, never for the lock. */
  readonly namespace?: string;
  /** Name to expect in the server's certificate instead of the host of `server`. */
  readonly tlsServerName?: string;
  readonly insecureSkipTlsVerify?: boolean;
}
