/**
 * The smallest client of the API server: single requests as one identity, for setting up and asking about a sandbox.
 * Not for controllers or nodes: no caches, no retries.
 */
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../src/ports/cluster.ts';

/** An answer, whatever its status. `body` is the parsed JSON (believed to be what the caller says), or the text where it is not JSON. */
export interface ApiAnswer<Body> {
  readonly status: number;
  readonly body: Body;
}

/** An object to apply: metadata, and whatever its kind has. */
export interface Manifest extends KubeObject {
  readonly [field: string]: unknown;
}

/** Requests as one identity. Close it when done: it keeps connections. */
export interface Api {
  /** @throws Error only when there is no answer (refused, reset, timeout of ten seconds, aborted). */
  request<Body = unknown>(method: Method, path: string, options?: ApiOptions): Promise<ApiAnswer<Body>>;
  /**
   * Applies manifests (objects, or YAML with any number of documents) by server-side apply, in order, by force.
   *
   * @throws Error naming the object and the server's message when one is refused.
   */
  apply(manifests: string | readonly Manifest[], signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** What the sandbox needs of HTTP. */
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A JSON body and its type; the default type fits POST and PUT. */
export interface ApiOptions {
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

const REQUEST_DEADLINE_MS = 10_000;

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string };
  }[];
  readonly users: readonly {
    readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string };
  }[];
}

/** Opens a client with a kubeconfig that the sandbox wrote. */
export async function openApi(kubeconfig: string): Promise<Api> {
  const config: Kubeconfig = parse(await readFile(kubeconfig, 'utf8'));
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  if (cluster === undefined || user === undefined)
    throw new Error(`${kubeconfig} was not written by a sandbox`);
  const pem = (base64: string): string => Buffer.from(base64, 'base64').toString();
  const connect = {
    ca: pem(cluster['certificate-authority-data']),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data']),
    timeout: 2_000,
  };
  return new KubeApi(cluster.server, new Agent({ connect, allowH2: false, connections: 32 }));
}

class KubeApi implements Api {
  readonly #server: string;
  readonly #agent: Agent;

  constructor(server: string, agent: Agent) {
    this.#server = server;
    this.#agent = agent;
  }

  async request<Body>(method: Method, path: string, options: ApiOptions = {}): Promise<ApiAnswer<Body>> {
    const { body, contentType = 'application/json', signal } = options;
    const deadline = AbortSignal.timeout(REQUEST_DEADLINE_MS);
    const answer = await request(this.#server + path, {
      dispatcher: this.#agent,
      method,
      headers: { 'user-agent': 'sandbox', ...(body === undefined ? {} : { 'content-type': contentType }) },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
    });
    const text = await answer.body.text();
    const json = answer.headers['content-type']?.includes('json') === true;
    const parsed: Body = json ? JSON.parse(text) : text;
    return { status: answer.statusCode, body: parsed };
  }

  async apply(manifests: string | readonly Manifest[], signal?: AbortSignal): Promise<void> {
    const objects = typeof manifests === 'string' ? readManifests(manifests) : manifests;
    for (const object of objects) {
      const path = await this.#pathOf(object, signal);
      const answer = await this.request('PATCH', `${path}?fieldManager=sandbox&force=true`, {
        body: object,
        contentType: 'application/apply-patch+yaml',
        ...(signal === undefined ? {} : { signal }),
      });
      if (answer.status >= 300) throw new Error(`cannot apply ${titleOf(object)}: ${messageOf(answer)}`);
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  /** Asks discovery for the plural and the scope of a kind. */
  async #pathOf(object: KubeObject, signal: AbortSignal | undefined): Promise<string> {
    const version = object.apiVersion ?? 'v1';
    const root = version.includes('/') ? `/apis/${version}` : `/api/${version}`;
    const { body } = await this.request<Discovery>('GET', root, signal === undefined ? {} : { signal });
    const found = body.resources?.find((each) => each.kind === object.kind && !each.name.includes('/'));
    if (found === undefined)
      throw new Error(`cannot apply ${titleOf(object)}: the server knows no such kind in ${version}`);
    const namespace = found.namespaced ? `/namespaces/${object.metadata.namespace ?? 'default'}` : '';
    return `${root}${namespace}/${found.name}/${object.metadata.name}`;
  }
}

/** APIResourceList of meta/v1. */
interface Discovery {
  readonly resources?: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
  }[];
}

function readManifests(yaml: string): readonly Manifest[] {
  return parseAllDocuments(yaml)
    .map((document): Manifest | null => document.toJS())
    .filter((object) => object !== null);
}

function titleOf(object: KubeObject): string {
  return `${object.kind ?? 'object without kind'} ${object.metadata.name}`;
}

/** The server's own words about a refusal. */
export function messageOf({ status, body }: ApiAnswer<unknown>): string {
  const isStatus = typeof body === 'object' && body !== null && 'message' in body;
  return isStatus && typeof body.message === 'string' ? body.message : `HTTP ${status}`;
}
