/**
 * Evidence for a release request (design section 4): the quote binds a release statement that says for which
 * keyring, service and boot the custodian is asked, and to which key the answer must be encrypted.
 */
import type { Hashing } from '../../src/base/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { Release } from '../../src/statement/release.ts';
import type { Platform, PlatformKind } from '../platform/index.ts';
import type { ReleasePurpose } from './kms.ts';

export interface ReleaseGround {
  readonly hashing: Hashing;
  readonly platform: Platform;
  readonly origin: string;
  readonly bootId: Uint8Array;
  readonly configDigest: Uint8Array;
  /** The custodian's own name for the key: an ARN. */
  readonly keyId: string;
}

/** Names in the encryption context: an enclave-trusted value in each, so that no other blob can be slipped in. */
export const RELEASE_CONTEXT = {
  origin: 'assay:origin',
  keyring: 'assay:keyring',
  header: 'assay:header',
} as const;

/** What a custodian is shown. Custodians that know only documents are shown the evidence alone. */
export interface ReleaseEvidence {
  readonly platform: PlatformKind;
  readonly evidence: Uint8Array;
  readonly endorsements: Uint8Array | null;
  /** The release statement that the evidence binds. */
  readonly statement: Uint8Array;
}

export type AttestRelease = (
  recipient: Uint8Array,
  purpose: ReleasePurpose,
  context: Readonly<Record<string, string>>,
) => Promise<ReleaseEvidence>;

/** Evidence for a custodian of this kind, as release statements name it: `aws-kms`. */
export type AttestReleaseTo = (backend: string) => AttestRelease;

/** For custodians that find the recipient key in the document itself. */
export const documentsOf =
  (attest: AttestRelease) =>
  async (...asked: Parameters<AttestRelease>): Promise<Uint8Array> =>
    (await attest(...asked)).evidence;

export function attestRelease(ground: ReleaseGround): AttestReleaseTo {
  const { hashing, platform } = ground;
  return (backend) => async (recipient, purpose, context) => {
    const named = (name: string): Uint8Array =>
      fromHex(context[name] ?? fail('KEYRING_MISMATCH', `no ${name} in the release context`));
    const statement = Release.encode({
      purpose,
      backend,
      backendId: ground.keyId,
      backendChallenge: null,
      recipientSpkiHash: hashing.sha256(recipient),
      keyringId: named(RELEASE_CONTEXT.keyring),
      keyringDigest: named(RELEASE_CONTEXT.header),
      origin: ground.origin,
      // Neither is known before the keyring is open: the log is verified under its key.
      epoch: 0,
      claimedSize: 0,
      claimedRoot: null,
      bootId: ground.bootId,
      configDigest: ground.configDigest,
    });
    const binding = bind(hashing, DOMAINS.release, statement);
    const { evidence, endorsements } = await platform.quote({ binding, challenge: null, recipient });
    return { platform: platform.kind, evidence, endorsements, statement };
  };
}
