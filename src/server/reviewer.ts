/**
 * Asks the cluster whose a token is and who may do what, and remembers the answers for a moment. A token is never kept:
 * what is remembered is found by its hash. Without an answer in time nobody is let in.
 */
import { createHash } from 'node:crypto';
import type { Refusal } from '../api/v1/problem.ts';
import { SECOND, type Duration } from '../core/time.ts';
import type { AccessReview, Right, RightVerdict, Subject, TokenVerdict } from '../ports/access-review.ts';
import type { Clock } from '../ports/system.ts';
import { Remembered } from './remembered.ts';

/** A token or right that was taken away may count for so long. */
const KEEP: Duration = 30 * SECOND;
/** A token that was not known, or a right that was missing: it may have been given meanwhile. */
const KEEP_REFUSAL: Duration = 5 * SECOND;
const KEEP_FAILURE: Duration = SECOND;
const DEADLINE: Duration = 5 * SECOND;
const MOST_TOKENS = 1000;
const MOST_RIGHTS = 10_000;

export class Reviewer {
  readonly #review: AccessReview;
  readonly #tokens: Remembered<TokenVerdict>;
  readonly #rights: Remembered<RightVerdict>;

  constructor(review: AccessReview, clock: Clock) {
    this.#review = review;
    this.#tokens = new Remembered<TokenVerdict>(clock, MOST_TOKENS, keepFor);
    this.#rights = new Remembered<RightVerdict>(clock, MOST_RIGHTS, keepFor);
  }

  /** Whose token it is, or why nobody is admitted with it. */
  async identify(token: string): Promise<Subject | Refusal> {
    const verdict = await this.#tokens.get(digest(token), () =>
      this.#review.identify(token, AbortSignal.timeout(DEADLINE)),
    );
    if (verdict.kind === 'known') return verdict.subject;
    if (verdict.kind === 'unavailable') return unavailable(verdict.cause);
    return {
      code: 'unauthenticated',
      detail: 'the token is not known, has run out, or was made for another audience',
      headers: CHALLENGE,
    };
  }

  /** Why not; undefined: they may. */
  async authorize(subject: Subject, right: Right): Promise<Refusal | undefined> {
    const question = digest(JSON.stringify([subject, right]));
    const verdict = await this.#rights.get(question, () =>
      this.#review.authorize(subject, right, AbortSignal.timeout(DEADLINE)),
    );
    if (verdict.kind === 'allowed') return undefined;
    if (verdict.kind === 'unavailable') return unavailable(verdict.cause);
    return { code: 'forbidden', detail: `${subject.user} may not ${describeRight(right)}` };
  }
}

/** Goes with every 401. */
export const CHALLENGE = { 'www-authenticate': 'Bearer realm="k8-highlander"' } as const;

function keepFor({ kind }: TokenVerdict | RightVerdict): Duration {
  if (kind === 'known' || kind === 'allowed') return KEEP;
  return kind === 'unavailable' ? KEEP_FAILURE : KEEP_REFUSAL;
}

function unavailable(cause: string): Refusal {
  return {
    code: 'kube-unavailable',
    detail: `whether this is allowed could not be asked: ${cause}`,
    headers: { 'retry-after': '1' },
  };
}

function describeRight(right: Right): string {
  if ('path' in right) return `${right.verb} ${right.path}`;
  const { verb, group, resource, namespace, name } = right;
  const what = `${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : `/${name}`}`;
  return `${verb} ${what} ${namespace === undefined ? 'in all namespaces' : `in namespace ${namespace}`}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
