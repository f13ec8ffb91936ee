/** Bodies of requests: JSON, read to their end or refused. */
import type { IncomingMessage } from 'node:http';
import type { Refusal } from '../api/v1/problem.ts';

const LARGEST_BODY = 64 * 1024;

const TOO_LARGE: Refusal = {
  code: 'too-large',
  detail: `a body has at most ${LARGEST_BODY} bytes`,
  headers: { connection: 'close' },
};

/** Why a request is refused for the size that it announces. */
export function announcesTooMuch({ headers }: IncomingMessage): Refusal | undefined {
  return Number(headers['content-length'] ?? 0) > LARGEST_BODY ? TOO_LARGE : undefined;
}

/** The JSON value. What is read is bounded by `LARGEST_BODY`, and in time by the server's limit for a request. */
export async function readJson(request: IncomingMessage): Promise<{ readonly value: unknown } | Refusal> {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type))
    return { code: 'unsupported-media-type', detail: 'the body must be application/json' };
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      if (!Buffer.isBuffer(chunk)) continue;
      size += chunk.length;
      if (size > LARGEST_BODY) return TOO_LARGE;
      chunks.push(chunk);
    }
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
    const value: unknown = JSON.parse(text);
    return { value };
  } catch {
    return { code: 'invalid-body', detail: 'the body is not JSON in UTF-8' };
  }
}
