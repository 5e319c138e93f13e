/** One digest for the policies of all tenants, as seals carry it. */
import { utf8 } from '../base/bytes.ts';
import type { Hashing } from '../base/crypto.ts';
import { toHex } from '../base/hex.ts';

/**
 * SHA-256 over, for each tenant in code unit order of the names: hex(SHA-256(name)) ‖ LF ‖ digest of its bundle.
 * Null when no tenant has a policy. Names are hashed first so that none can end another's entry early.
 */
export function policiesDigest(
  hashing: Hashing,
  policies: ReadonlyMap<string, Uint8Array>,
): Uint8Array | null {
  if (policies.size === 0) return null;
  const parts: Uint8Array[] = [];
  for (const tenant of [...policies.keys()].sort())
    parts.push(utf8(`${toHex(hashing.sha256(utf8(tenant)))}\n`), policies.get(tenant) as Uint8Array);
  return hashing.sha256(...parts);
}
