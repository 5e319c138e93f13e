/**
 * Gets what is needed: from the cache while it is fresh, from the vendor otherwise, and from the cache again when the
 * vendor cannot be reached.
 */
import { formatTime, type Millis } from '../../src/base/clock.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { type CollateralItem, itemBegins, itemEnds } from '../../src/collateral/index.ts';
import type { Cache, Kept } from './cache.ts';
import type { HttpAnswer, HttpGet } from './http.ts';
import { type Memory, checkAgainst } from './memory.ts';
import type { Pace } from './pace.ts';
import { DAY_MS, readResource, type Resource } from './resource.ts';
import { getPatiently, type Waiting } from './retry.ts';

export interface FetchOptions extends Waiting {
  readonly get: HttpGet;
  readonly cache: Cache;
  readonly pace: Pace;
  readonly memory: Memory;
  /** Asks nobody. */
  readonly offline: boolean;
  /** Requests for one thing, in all. */
  readonly attempts: number;
}

export interface Fetched {
  readonly resource: Resource;
  readonly items: readonly CollateralItem[];
  /** `kept`: from the cache although it was due, because the vendor did not answer. */
  readonly from: 'network' | 'cache' | 'kept';
  /** When it came from the vendor. */
  readonly at: Millis;
  /** Why it was not asked for again. */
  readonly because: AssayError | null;
}

/** What is optional, and could not be had. */
export interface Absent {
  readonly resource: Resource;
  readonly because: AssayError;
}

export interface FetchResult {
  readonly fetched: readonly Fetched[];
  readonly absent: readonly Absent[];
}

/**
 * All of them, or the first failure in their order. Asks at once, but for what keeps a distance. Rejects with
 * COLLATERAL_UNREACHABLE, _RATE_LIMITED, _NOT_SERVED, _ANSWER_INVALID, _ROLLED_BACK, _STALE, or offline _MISSING.
 */
export async function fetchAll(resources: readonly Resource[], options: FetchOptions): Promise<FetchResult> {
  const settled = await Promise.allSettled(resources.map((resource) => fetchOne(resource, options)));
  const fetched: Fetched[] = [];
  const absent: Absent[] = [];
  for (const [i, result] of settled.entries()) {
    const resource = resources[i] as Resource;
    if (result.status === 'fulfilled') fetched.push(result.value);
    else if (resource.optional && isAbsence(result.reason)) absent.push({ resource, because: result.reason });
    else throw result.reason;
  }
  return { fetched, absent };
}

/** Something older than what was seen is no absence: somebody holds something back. */
const isAbsence = (error: unknown): error is AssayError =>
  error instanceof AssayError &&
  error.code.startsWith('COLLATERAL_') &&
  error.code !== 'COLLATERAL_ROLLED_BACK';

async function fetchOne(resource: Resource, options: FetchOptions): Promise<Fetched> {
  const kept = fromCache(resource, options);
  if (options.offline) return offline(resource, kept, options);
  if (kept !== null && isFresh(kept, options.now())) return kept;
  try {
    return await fromNetwork(resource, options);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    const silent = error.code === 'COLLATERAL_UNREACHABLE' || error.code === 'COLLATERAL_RATE_LIMITED';
    if (!silent || kept === null || endOf(kept.items) <= options.now()) throw error;
    return { ...kept, from: 'kept', because: error };
  }
}

function offline(resource: Resource, kept: Fetched | null, options: FetchOptions): Fetched {
  if (kept === null)
    return fail('COLLATERAL_MISSING', `${resource.name} (${resource.url}) is not in the cache`);
  requireCurrent(resource, kept.items, options);
  return kept;
}

async function fromNetwork(resource: Resource, options: FetchOptions): Promise<Fetched> {
  const { get, cache, pace, now } = options;
  const answer = await getPatiently(get, resource.url, {
    ...options,
    before: async () => (resource.paced ? pace.turn(resource.url) : undefined),
    onLimited: async (ms) => (resource.paced ? pace.postpone(resource.url, ms) : undefined),
  });
  const chain = chainOf(resource, answer);
  const items = readResource(resource, answer.body, chain);
  requireCurrent(resource, items, options);
  const at = now();
  cache.write(resource.url, { at, body: answer.body, chain });
  return { resource, items, from: 'network', at, because: null };
}

function chainOf({ chainHeaders }: Resource, answer: HttpAnswer): readonly string[] {
  const found = chainHeaders.map((name) => answer.header(name)).find((value) => value !== null);
  return found === undefined ? [] : [found];
}

/** Null for what is not there, cannot be read any more, or is older than what was seen since. */
function fromCache(resource: Resource, { cache, memory }: FetchOptions): Fetched | null {
  const kept: Kept | null = cache.read(resource.url);
  if (kept === null) return null;
  try {
    const items = readResource(resource, kept.body, kept.chain);
    checkAgainst(memory, { items }, resource.channel);
    return { resource, items, from: 'cache', at: kept.at, because: null };
  } catch (error) {
    if (error instanceof AssayError) return null;
    throw error;
  }
}

/** Begun, not ended, and not behind what was seen before. A day is left for clocks that differ. */
function requireCurrent(
  { name, url, channel }: Resource,
  items: readonly CollateralItem[],
  { now, memory }: FetchOptions,
): void {
  const what = `${name} from ${url}`;
  const [begin, end] = [Math.max(...items.map(itemBegins)), endOf(items)];
  if (begin > now() + DAY_MS)
    fail('COLLATERAL_ANSWER_INVALID', `${what} begins at ${formatTime(begin)}, in the future`);
  if (end <= now()) fail('COLLATERAL_STALE', `${what} has ended at ${formatTime(end)}`);
  try {
    checkAgainst(memory, { items }, channel);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    throw new AssayError(error.code, `${what}: ${error.message}`, { cause: error });
  }
}

/** An answer whose time lies ahead was kept by another clock: it is asked for again. */
function isFresh({ at, items, resource: { maxAgeMs } }: Fetched, now: Millis): boolean {
  return endOf(items) > now && (maxAgeMs === null || (at <= now && now - at < maxAgeMs));
}

const endOf = (items: readonly CollateralItem[]): Millis => Math.min(...items.map(itemEnds));
