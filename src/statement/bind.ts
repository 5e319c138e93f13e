/**
 * Binds a statement into a slot of hardware evidence, or into a signature (design section 4). The domain is hashed
 * first, so that what was made for one purpose fails for every other; the length ends the ambiguity of where the
 * statement begins.
 */
import { u64be, utf8 } from '../base/bytes.ts';
import type { Hashing } from '../base/crypto.ts';

/** Every purpose that bytes are bound for. A new statement gets a new domain; a domain never changes its meaning. */
export const DOMAINS = {
  identity: 'identity',
  release: 'release',
  session: 'session',
  seal: 'seal',
  keyring: 'keyring',
  gpu: 'gpu',
  policyOrder: 'order/policy',
  genesisOrder: 'order/genesis',
  action: 'action',
} as const;

export type Domain = (typeof DOMAINS)[keyof typeof DOMAINS];

const ZERO: Uint8Array = new Uint8Array(1);

function prefixes(suffix: string): ReadonlyMap<Domain, Uint8Array> {
  return new Map(Object.values(DOMAINS).map((domain) => [domain, utf8(`assay/${domain}${suffix}/v1`)]));
}

const WIDE = prefixes('');
const NARROW = prefixes('/32');

/** SHA-512(`assay/<domain>/v1` ‖ 0x00 ‖ u64be(length) ‖ statement): 64 bytes. */
export function bind(hashing: Hashing, domain: Domain, statement: Uint8Array): Uint8Array {
  return hashing.sha512(WIDE.get(domain) as Uint8Array, ZERO, u64be(statement.length), statement);
}

/** SHA-256 of the same under `assay/<domain>/32/v1`, for slots of 32 bytes. */
export function bind32(hashing: Hashing, domain: Domain, statement: Uint8Array): Uint8Array {
  return hashing.sha256(NARROW.get(domain) as Uint8Array, ZERO, u64be(statement.length), statement);
}
