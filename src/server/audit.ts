/** One line for each action that was asked for, whatever became of it. Never a token, a header or a body. */
import type { Log } from '../ports/system.ts';
import type { Principal } from './access.ts';
import type { Reply, Request } from './route.ts';

/** Paths and names are the client's text: no line grows with them. */
const LONGEST = 300;

export interface ActionFacts {
  readonly asked: Pick<Request, 'method' | 'path' | 'id'>;
  readonly peer: string;
  /** Undefined: it never came to that. */
  readonly principal: Principal | undefined;
  readonly reply: Reply;
  /** Of the refusal. */
  readonly code: string | undefined;
}

export function auditAction(log: Log, { asked, peer, principal, reply, code }: ActionFacts): void {
  const { method, path, id } = asked;
  const isDone = reply.status < 400;
  const fields = {
    user: (principal?.name ?? 'unknown').slice(0, LONGEST),
    peer,
    method,
    path: path.slice(0, LONGEST),
    status: reply.status,
    requestId: id,
    ...(code !== undefined && { code }),
    ...reply.audit,
  };
  if (isDone) log.info('action accepted', fields);
  else log.warn('action refused', fields);
}
