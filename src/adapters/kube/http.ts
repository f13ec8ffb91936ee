/**
 * Requests over the agents of undici. Node's global fetch does not accept these agents. Only the parts that are used are
 * loaded: its index also loads fetch, web sockets, caches and mocks, which is 14 MiB of every process and a tenth of its start.
 */
import type { Dispatcher } from 'undici';
import Agent from 'undici/lib/dispatcher/agent.js';
import send from 'undici/lib/api/api-request.js';

export { Agent };

export type RequestOptions = Omit<Dispatcher.RequestOptions, 'origin' | 'path'>;

/** Rejects as `request` of undici does. @throws TypeError when `url` is none. */
export async function request(
  url: string,
  agent: Dispatcher,
  options: RequestOptions,
): Promise<Dispatcher.ResponseData> {
  const { origin, pathname, search } = new URL(url);
  return send.call(agent, { ...options, origin, path: `${pathname}${search}` });
}
