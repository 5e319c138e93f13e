/** Receipts as an attacker would make them: with everything that he can reach, and nothing that he cannot. */
import { generateSigner, nodeCrypto } from '../../native/index.ts';
import {
  decodeLeaf,
  encodeLeaf,
  epochKeyName,
  leafHash,
  noteSigner,
  type Receipt,
  signCheckpoint,
} from '../../src/log/index.ts';
import type { VerifiedService } from '../../verifier/index.ts';

function allowed(leaf: Uint8Array): Uint8Array {
  return encodeLeaf({ ...decodeLeaf(leaf), decision: 'allow' });
}

/** The genuine receipt with its leaf changed. */
export function flipToAllow(receipt: Receipt): Receipt {
  return { ...receipt, leaf: allowed(receipt.leaf) };
}

/** A log of one leaf, consistent in itself, signed by fresh keys that carry the genuine names. */
export function forgeLog(receipt: Receipt, service: Pick<VerifiedService, 'origin' | 'epoch'>): Receipt {
  const { origin, epoch } = service;
  const leaf = encodeLeaf({ ...decodeLeaf(allowed(receipt.leaf)), index: 0 });
  const checkpoint = signCheckpoint(
    { origin, size: 1, root: leafHash(nodeCrypto, leaf) },
    {
      log: noteSigner(nodeCrypto, origin, generateSigner('Ed25519')),
      epoch: noteSigner(nodeCrypto, epochKeyName(origin, epoch), generateSigner('Ed25519')),
    },
  );
  return { leaf, index: 0, proof: [], checkpoint };
}
