/**
 * Is an attestation document authentic? Steps after AWS's own text (aws/aws-nitro-enclaves-nsm-api
 * docs/attestation_process.md section 3.2.3), which leaves much open; what genuine documents do beyond it is checked
 * too: a consistent identity, a timestamp inside the leaf's validity.
 */
import { equalBytes, isZero, utf8 } from '../../src/base/bytes.ts';
import type { Millis } from '../../src/base/clock.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import type { Certificate } from '../../src/codec/x509.ts';
import { sigStructure } from '../../src/codec/cose.ts';
import type { NitroDocument, NitroPcrs } from '../../src/evidence/nitro.ts';
import { CHAIN_CHECKS, P384_CHAIN, verifyChain, type VerifiedChain } from '../chain.ts';
import type { ProofCache } from '../proof-cache.ts';
import { nitroIdentity, type NitroIdentity } from './identity.ts';
import type { RootPin } from '../roots.ts';
import type { Verified } from '../platform.ts';
import { CheckLog, type PlannedCheck } from '../verdict.ts';

export interface NitroClaims extends NitroIdentity {
  readonly kind: 'enclave' | 'nitrotpm';
  readonly moduleId: string;
  readonly partition: string;
  readonly timestamp: Millis;
  readonly pcrs: NitroPcrs;
  readonly publicKey: Uint8Array | null;
  readonly userData: Uint8Array | null;
  readonly nonce: Uint8Array | null;
  /** PCR0, PCR1 or PCR2 is zero: hardware zeroes these three, and only these, in debug mode. */
  readonly debug: boolean;
  readonly unknownFields: readonly string[];
}

export interface NitroContext {
  /** The moment to verify at: now, or for recorded evidence a time known from elsewhere. */
  readonly at: Millis;
  readonly crypto: Crypto;
  /** `NITRO_ROOTS`, and with them any simulated root that the trust policy names. */
  readonly roots: readonly RootPin[];
  readonly cache?: ProofCache;
  /** Takes the outcome of each check by name; must be planned with NITRO_VERIFY_CHECKS. */
  readonly log?: CheckLog;
}

export const AWS_TEXT = 'AWS attestation_process.md';

export const NITRO_VERIFY_CHECKS: readonly PlannedCheck[] = Object.freeze([
  ...CHAIN_CHECKS,
  { name: 'nitro.signature', clause: 'RFC 9052 4.4; RFC 9053 2.1 ES384, high S accepted' },
  {
    name: 'nitro.identity',
    clause: 'module_id, certificate names and PCR4 agree (as in every recorded document)',
  },
  { name: 'nitro.timestamp', clause: `${AWS_TEXT} 3.2.2.2: timestamp, inside the validity of the leaf` },
]);

/**
 * Proves that Nitro hardware under one of the roots signed the document, and when the proof ends. Rejects with a
 * CHAIN_ or NITRO_ code. Debug mode, measurements and freshness are not judged here.
 */
export async function verifyNitro(
  document: NitroDocument,
  context: NitroContext,
): Promise<Verified<NitroClaims>> {
  const log = context.log ?? new CheckLog(NITRO_VERIFY_CHECKS);
  const { crypto, at } = context;
  const chain = await verifyChain([...document.cabundle, document.certificate], {
    profile: P384_CHAIN,
    roots: context.roots,
    at,
    crypto,
    log,
    ...(context.cache === undefined ? {} : { cache: context.cache }),
    pathOf: (i) =>
      i < document.cabundle.length ? `document.payload.cabundle[${i}]` : 'document.payload.certificate',
  });
  await log.demandAsync('nitro.signature', () => verifySignature(document, chain));
  const identity = log.demand('nitro.identity', () => {
    const found = nitroIdentity(document, chain.certificates);
    if (document.kind === 'enclave') checkInstance(document, found, crypto);
    return found;
  });
  log.demand('nitro.timestamp', () => checkTimestamp(document, chain.leaf));
  const { pin } = chain;
  const claims: NitroClaims = Object.freeze({
    kind: document.kind,
    moduleId: document.moduleId,
    ...identity,
    partition: pin.partition,
    timestamp: document.timestamp,
    pcrs: document.pcrs,
    publicKey: document.publicKey,
    userData: document.userData,
    nonce: document.nonce,
    debug: [0, 1, 2].some((index) => isZero(document.pcrs[index] ?? ONES)),
    unknownFields: document.unknownFields,
  });
  const { validFrom, validUntil } = chain;
  return Object.freeze({ claims, pin, chain, at, validFrom, validUntil }) as Verified<NitroClaims>;
}

const ONES = Uint8Array.of(1);

async function verifySignature(document: NitroDocument, chain: VerifiedChain): Promise<void> {
  try {
    await chain.leafKey.verify(sigStructure(document.sign1), document.sign1.signature);
  } catch (cause) {
    if (!(cause instanceof AssayError) || cause.code !== 'SIGNATURE_INVALID') throw cause;
    fail(
      'NITRO_SIGNATURE_INVALID',
      `document.signature (at byte ${document.sign1.offsets.signature}) does not verify`,
    );
  }
}

/** PCR4 = SHA-384(48 zero bytes ‖ instance id): so in every genuine document, and in none of a mock server. */
function checkInstance(document: NitroDocument, identity: NitroIdentity, crypto: Crypto): void {
  const expected = crypto.sha384(new Uint8Array(48), utf8(identity.instanceId));
  if (!equalBytes(document.pcrs[4] ?? new Uint8Array(0), expected))
    fail(
      'NITRO_IDENTITY_MISMATCH',
      `document.payload.pcrs[4] is not the measurement of ${identity.instanceId}`,
    );
}

/** A leaf is reused for up to three hours, and renewed before it signs anything later. */
function checkTimestamp({ timestamp }: NitroDocument, leaf: Certificate): void {
  if (timestamp < leaf.notBefore || timestamp > leaf.notAfter + 999)
    fail('NITRO_TIMESTAMP_MISMATCH', 'document.payload.timestamp is outside the validity of the certificate');
}
