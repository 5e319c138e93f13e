/** One thing that a vendor serves: where, what must come, and how long it may be used without asking again. */
import { AssayError, fail } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { type CollateralItem, recogniseCollateral } from '../../src/collateral/index.ts';
import type { Channel } from './memory.ts';

export interface Resource {
  /** For people: `TCB info`. */
  readonly name: string;
  readonly url: string;
  /** Headers that carry the issuers' certificates, by preference; one of them must be there unless none is listed. */
  readonly chainHeaders: readonly string[];
  /** An answer is used so long without asking again; null for what never changes at its address. */
  readonly maxAgeMs: number | null;
  readonly channel: Channel;
  /** Evidence can be judged without it, so a server that has none is no failure. */
  readonly optional: boolean;
  /** Its requests keep a distance. */
  readonly paced: boolean;
  /** Why these items are not what was asked for, or null. Issuers' certificates are not among them. */
  readonly mismatch: (items: readonly CollateralItem[]) => string | null;
}

export const HOUR_MS = 3_600_000;
/** Intel and AMD sign anew every day or seldomer, for a month or a year. */
export const DAY_MS: number = 24 * HOUR_MS;

/**
 * What an answer holds, the issuers' certificates last. Throws COLLATERAL_ANSWER_INVALID for anything but what was
 * asked for. Signatures are the verifier's: here nothing becomes trusted.
 */
export function readResource(
  resource: Resource,
  body: Uint8Array,
  chain: readonly string[],
): readonly CollateralItem[] {
  const items = recognised(resource, unhexed(body), 'answer');
  const why =
    items.length === 0 ? 'it is no collateral at all' : strict(resource, () => resource.mismatch(items));
  if (why !== null) unwanted(resource, why);
  const issuers = chain.flatMap((text) =>
    recognised(resource, utf8(decoded(resource, text)), 'issuer chain'),
  );
  if (issuers.length === 0 && resource.chainHeaders.length > 0)
    unwanted(resource, `the certificates of the issuers are missing (${resource.chainHeaders[0]})`);
  if (issuers.some(({ kind }) => kind !== 'certificate'))
    unwanted(resource, 'the issuer chain holds more than certificates');
  return [...items, ...issuers];
}

/** The one item, when it is of this kind. */
export function only<K extends CollateralItem['kind']>(
  items: readonly CollateralItem[],
  kind: K,
): Extract<CollateralItem, { kind: K }> | null {
  const [item] = items;
  return items.length === 1 && item?.kind === kind ? (item as Extract<CollateralItem, { kind: K }>) : null;
}

/** Why this is not the list of the authority of this name, or null. */
export function otherIssuer(items: readonly CollateralItem[], name: string): string | null {
  const crl = only(items, 'crl')?.crl;
  if (crl === undefined) return 'it is no revocation list';
  const { commonName } = crl.issuer;
  return commonName === name ? null : `it is a list of ${commonName ?? 'an issuer without a name'}`;
}

const recognised = (resource: Resource, bytes: Uint8Array, what: string): readonly CollateralItem[] =>
  strict(resource, () => recogniseCollateral({ name: what, bytes }));

/** What a reader refuses is an answer that is not right, not evidence that is not. */
function strict<T>(resource: Resource, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof AssayError)) throw cause;
    const why = `${resource.name} from ${resource.url}: ${cause.code}: ${cause.message}`;
    throw new AssayError('COLLATERAL_ANSWER_INVALID', why, { cause });
  }
}

/** A PCCS serves revocation lists as text of their hexadecimal digits. */
function unhexed(body: Uint8Array): Uint8Array {
  const isHex = body.length > 0 && body.every((byte) => HEX.has(byte));
  if (!isHex) return body;
  const text = new TextDecoder('latin1').decode(body).trim();
  return text.length % 2 === 0 && !/\s/.test(text) ? fromHex(text) : body;
}

const HEX: ReadonlySet<number> = new Set(utf8('0123456789abcdefABCDEF\r\n'));

function decoded(resource: Resource, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new AssayError(
      'COLLATERAL_ANSWER_INVALID',
      `${resource.name} from ${resource.url}: the issuer chain is not URL-encoded`,
      { cause },
    );
  }
}

function unwanted({ name, url }: Resource, why: string): never {
  return fail('COLLATERAL_ANSWER_INVALID', `${name} from ${url}: ${why}`);
}
