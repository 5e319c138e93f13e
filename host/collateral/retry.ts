/** Asks again when that can help, and waits as long as the server wants: not longer than the caller wants. */
import type { Millis } from '../../src/base/clock.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import type { HttpAnswer, HttpGet } from './http.ts';

/** The machine, as arguments: so that tests neither wait nor guess. */
export interface Waiting {
  readonly now: () => Millis;
  readonly sleep: (ms: number) => Promise<void>;
  /** 0 up to but not 1. */
  readonly random: () => number;
  /** Hears of every wait of a second or more, and why. */
  readonly onWait: (text: string) => void;
  /** The longest single wait; beyond it the request fails. */
  readonly maxWaitMs: number;
}

export interface Retrying extends Waiting {
  /** Requests in all. */
  readonly attempts: number;
  /** Before every request, the first as well. */
  readonly before: () => Promise<void>;
  /** The server has asked to be left alone for so long. */
  readonly onLimited: (ms: number) => Promise<void>;
}

const FIRST_WAIT_MS = 1_000;
const OVERLOADED = new Set([500, 502, 503, 504]);

/** Resolves with an answer of status 200. Rejects with COLLATERAL_ and one of UNREACHABLE, RATE_LIMITED, NOT_SERVED, ANSWER_INVALID. */
export async function getPatiently(get: HttpGet, url: string, options: Retrying): Promise<HttpAnswer> {
  for (let attempt = 1; ; attempt++) {
    await options.before();
    const outcome = await tryOnce(get, url);
    if (!(outcome instanceof Again)) return outcome;
    const { error, askedMs } = outcome;
    if (askedMs !== null) await options.onLimited(askedMs);
    const waitMs = askedMs ?? backoff(attempt, options.random());
    if (attempt === options.attempts || waitMs > options.maxWaitMs) throw error;
    await waitFor(waitMs, `${error.message}; trying again`, options);
  }
}

export async function waitFor(ms: number, why: string, { sleep, onWait }: Waiting): Promise<void> {
  if (ms >= 1_000) onWait(`${why} in ${Math.ceil(ms / 1_000)} s`);
  await sleep(ms);
}

/** A failure after which the same request may succeed. */
class Again {
  readonly error: AssayError;
  /** What the server asked for with Retry-After, or null. */
  readonly askedMs: number | null;

  constructor(error: AssayError, askedMs: number | null = null) {
    this.error = error;
    this.askedMs = askedMs;
  }
}

async function tryOnce(get: HttpGet, url: string): Promise<HttpAnswer | Again> {
  let answer: HttpAnswer;
  try {
    answer = await get(url);
  } catch (error) {
    if (error instanceof AssayError && isPassing(error)) return new Again(error);
    throw error;
  }
  const { status } = answer;
  if (status === 200) return answer;
  if (status === 429) {
    const askedMs = retryAfter(answer);
    const when = askedMs === null ? '' : `, and wants ${Math.ceil(askedMs / 1_000)} s`;
    const error = new AssayError('COLLATERAL_RATE_LIMITED', `${url} answers 429, too many requests${when}`);
    return new Again(error, askedMs);
  }
  if (OVERLOADED.has(status))
    return new Again(
      new AssayError('COLLATERAL_UNREACHABLE', `${url} answers ${status}`),
      retryAfter(answer),
    );
  return fail('COLLATERAL_NOT_SERVED', `${url} answers ${status}${MEANINGS.get(status) ?? ''}`);
}

/** A name that does not exist will not exist in a second either. */
const isPassing = ({ code, cause }: AssayError): boolean =>
  code === 'COLLATERAL_UNREACHABLE' && (cause as NodeJS.ErrnoException | undefined)?.code !== 'ENOTFOUND';

/** Intel PCS API v4, and the PCCS's own numbers. */
const MEANINGS: ReadonlyMap<number, string> = new Map([
  [400, ': it does not understand the request'],
  [401, ': it wants a subscription'],
  [404, ': it has none for this platform'],
  [410, ': it no longer has this evaluation number'],
  [461, ': this cache does not know the platform'],
]);

/** Doubling, with up to half of it taken away at random: so that many that failed together do not return together. */
const backoff = (attempt: number, random: number): number =>
  FIRST_WAIT_MS * 2 ** (attempt - 1) * (1 - random / 2);

/** RFC 9110 section 10.2.3: seconds. The other form, a date, depends on two clocks, and is taken for no answer. */
function retryAfter(answer: HttpAnswer): number | null {
  const text = answer.header('retry-after') ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : null;
}
