/**
 * Whether a program of another kind could delete the lock at this moment: one that is connected. The Go program keeps
 * its connections open for as long as it runs, does not name them, and sends few commands; every connection that could
 * be its own counts as one of a stranger. So the answer is certain where it is yes, and no wherever there is a doubt.
 */
import { CLIENT_NAME, type RedisClient } from './redis-client.ts';

/** The last command of a connection of the Go program, in lower case; what stands behind `|` is left out. */
const COMMANDS_OF_GO = new Set(
  'null hello auth select client ping keys get set ttl pttl eval evalsha del setex'.split(' '),
);

/** True if nobody else is connected who could be the Go program. Never rejects because it may not look. */
export async function isAlone(client: RedisClient): Promise<boolean> {
  let text: unknown;
  try {
    // Some proxies list the clients of one node only.
    if (/^rlec_version:/m.test(await client.info('server'))) return false;
    text = await client.sendCommand(['CLIENT', 'LIST', 'TYPE', 'normal']);
  } catch {
    return false;
  }
  return typeof text === 'string' && isListOfOurs(text);
}

/** Judges the answer to `CLIENT LIST TYPE normal`, which must show this program too. */
export function isListOfOurs(text: string): boolean {
  const clients = text.split('\n').filter((line) => line !== '');
  return clients.some(isOurs) && clients.every((line) => isOurs(line) || !couldBeGo(line));
}

function isOurs(line: string): boolean {
  return field(line, 'name') === CLIENT_NAME;
}

/** Sentinels name their connections; the Go program has no way to. */
function couldBeGo(line: string): boolean {
  if (field(line, 'name').startsWith('sentinel-')) return false;
  const [command = ''] = field(line, 'cmd').toLowerCase().split('|');
  return command === '' || COMMANDS_OF_GO.has(command);
}

function field(line: string, name: string): string {
  return new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1] ?? '';
}
