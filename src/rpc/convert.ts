/** Statements as messages and back: the same values, in the shapes that the wire has for them. */
import { fail } from '../base/errors.ts';
import { type Attestation, type ChallengePath, MAX_ENDORSEMENTS } from '../statement/attestation.ts';
import type { Attestation as AttestationMessage } from './messages.ts';

interface PathMessage {
  readonly challengeIndex: number;
  readonly challengeCount: number;
  readonly challengePath: readonly Uint8Array[];
}

/** No bytes stand for no endorsements. */
const NONE: Uint8Array = new Uint8Array(0);

/** A count of 0 stands for none. */
export function pathToWire(path: ChallengePath | null): {
  challengeIndex: number;
  challengeCount: number;
  challengePath: Uint8Array[];
} {
  return {
    challengeIndex: path?.index ?? 0,
    challengeCount: path?.count ?? 0,
    challengePath: [...(path?.path ?? [])],
  };
}

/** Throws MESSAGE_VALUE_INVALID for a place without a count. */
export function pathFromWire({
  challengeIndex,
  challengeCount,
  challengePath,
}: PathMessage): ChallengePath | null {
  if (challengeCount > 0) return { index: challengeIndex, count: challengeCount, path: [...challengePath] };
  if (challengeIndex > 0 || challengePath.length > 0)
    fail('MESSAGE_VALUE_INVALID', 'challenge_count: 0, with a place in the tree');
  return null;
}

export function attestationToWire(attestation: Attestation): AttestationMessage {
  const { platform, evidence, identity, keys, challenge, endorsements } = attestation;
  return {
    platform,
    evidence,
    identity,
    ...pathToWire(challenge),
    keys: keys.map(({ name, key }) => ({ name, key })),
    endorsements: endorsements ?? NONE,
  };
}

/** Throws MESSAGE_VALUE_INVALID when the message is absent, and for endorsements that no file could hold. */
export function attestationFromWire(message: AttestationMessage | null | undefined): Attestation {
  if (message === null || message === undefined) return fail('MESSAGE_VALUE_INVALID', 'attestation: absent');
  const { platform, evidence, identity, keys } = message;
  if (message.endorsements.length > MAX_ENDORSEMENTS)
    fail('MESSAGE_VALUE_INVALID', `attestation.endorsements: more than ${MAX_ENDORSEMENTS} bytes`);
  const endorsements = message.endorsements.length === 0 ? null : message.endorsements;
  return { platform, evidence, identity, challenge: pathFromWire(message), keys, endorsements };
}
