/**
 * Challenge batches (design section 4): while one quote is under way, challenges gather; the next quote carries
 * the RFC 6962 root of all of them and each client gets its inclusion path.
 */
import type { Hashing } from '../../src/base/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { inclusionProof, leafHash, rootOf } from '../../src/log/merkle.ts';

export interface ChallengeBatch {
  readonly root: Uint8Array;
  /** Where the challenge of that position stands and its path to the root, leaf upwards. */
  path(index: number): { index: number; count: number; path: Uint8Array[] };
}

/** A 32-byte challenge, else CHALLENGE_INVALID. */
export function requireChallenge(challenge: Uint8Array): Uint8Array {
  if (challenge.length !== 32) fail('CHALLENGE_INVALID', `a challenge has 32 bytes, not ${challenge.length}`);
  return challenge;
}

export function batchChallenges(hashing: Hashing, challenges: readonly Uint8Array[]): ChallengeBatch {
  const leaves = challenges.map((challenge) => leafHash(hashing, challenge));
  return {
    root: rootOf(hashing, leaves),
    path: (index) => ({ index, count: leaves.length, path: inclusionProof(hashing, leaves, index) }),
  };
}
