/**
 * AWS Nitro: is an attestation document authentic, and is it acceptable? Steps after AWS's own text
 * (aws/aws-nitro-enclaves-nsm-api docs/attestation_process.md section 3.2.3), which leaves much open; what genuine
 * documents do beyond it is checked too: a consistent identity, a timestamp inside the leaf's validity.
 */
import { equalBytes, isZero, utf8 } from '../src/base/bytes.ts';
import type { Millis } from '../src/base/clock.ts';
import type { Crypto } from '../src/base/crypto.ts';
import { AssayError, fail } from '../src/base/errors.ts';
import { fromHex, toHex } from '../src/base/hex.ts';
import type { Certificate } from '../src/codec/x509.ts';
import { sigStructure } from '../src/codec/cose.ts';
import type { NitroDocument, NitroPcrs } from '../src/evidence/nitro.ts';
import { CHAIN_CHECKS, type ChainCache, P384_CHAIN, verifyChain, type VerifiedChain } from './chain.ts';
import { nitroIdentity, type NitroIdentity } from './nitro-identity.ts';
import type { RootPin } from './roots.ts';
import { CheckLog, type PlannedCheck } from './verdict.ts';

export { NITRO_ROOTS } from './nitro-roots.ts';

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

declare const proven: unique symbol;

/** Claims that hardware signed. Only a `verify…` function makes one. */
export interface Verified<Claims> {
  readonly [proven]: true;
  readonly claims: Claims;
  readonly pin: RootPin;
  readonly chain: VerifiedChain;
  readonly at: Millis;
  /** Earliest and latest moment at which the same verification holds. */
  readonly validFrom: Millis;
  readonly validUntil: Millis;
}

export interface NitroContext {
  /** The moment to verify at: now, or for recorded evidence a time known from elsewhere. */
  readonly at: Millis;
  readonly crypto: Crypto;
  /** `NITRO_ROOTS`, and with them any simulated root that the trust policy names. */
  readonly roots: readonly RootPin[];
  readonly cache?: ChainCache;
  /** Takes the outcome of each check by name; must be planned with NITRO_VERIFY_CHECKS. */
  readonly log?: CheckLog;
}

const AWS_TEXT = 'AWS attestation_process.md';

export const NITRO_VERIFY_CHECKS: readonly PlannedCheck[] = Object.freeze([
  ...CHAIN_CHECKS,
  { name: 'nitro.signature', clause: 'RFC 9052 4.4; RFC 9053 2.1 ES384, high S accepted' },
  {
    name: 'nitro.identity',
    clause: 'module_id, certificate names and PCR4 agree (as in every recorded document)',
  },
  { name: 'nitro.timestamp', clause: `${AWS_TEXT} 3.2.2.2: timestamp, inside the validity of the leaf` },
]);

export const NITRO_APPRAISE_CHECKS: readonly PlannedCheck[] = Object.freeze([
  { name: 'nitro.kind', clause: `${AWS_TEXT} 3.2.2.2: pcrs of an enclave, not nitrotpm_pcrs` },
  { name: 'nitro.debug', clause: 'AWS Nitro Enclaves User Guide: debug mode zeroes PCR0, PCR1 and PCR2' },
  { name: 'nitro.partition', clause: 'one root for each AWS partition' },
  { name: 'nitro.pcrs', clause: `${AWS_TEXT} 3.2.3; design 3.3` },
  { name: 'nitro.hardware', clause: 'design 3.4: PCR3 is the role, PCR4 the instance' },
  {
    name: 'nitro.revocation',
    clause:
      'AWS User Guide: "CRL must be disabled when doing the validation"; so every certificate is short-lived',
  },
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

/** What an appraiser expects. Nothing has a default; what is not to be checked is waived by name. */
export interface NitroExpectations {
  /** Allowed values by register, 96 hex digits each. */
  readonly pcrs: 'any' | Readonly<Record<string, readonly string[]>>;
  readonly debug: 'reject' | 'allow';
  readonly partitions: 'any' | readonly string[];
  readonly hardware: 'any' | { readonly pcr3?: readonly string[]; readonly pcr4?: readonly string[] };
  /** AWS revokes nothing that a verifier should ask for, so `required` demands lifetimes that need no revocation. */
  readonly revocation: 'required' | 'any';
}

const HOUR = 3_600_000;
/** Recorded: leaf 3 hours, authorities 1 to 20 days. */
const MAX_LEAF_LIFE = 4 * HOUR;
const MAX_AUTHORITY_LIFE = 31 * 24 * HOUR;

/**
 * Judges verified claims against expectations and throws the first that is not met; each is recorded in `log`
 * (planned with NITRO_APPRAISE_CHECKS). The debug check goes before the measurements, which it explains.
 */
export function appraiseNitro(
  verified: Verified<NitroClaims>,
  expectations: NitroExpectations,
  log: CheckLog = new CheckLog(NITRO_APPRAISE_CHECKS),
): void {
  requireAll(expectations);
  const { claims } = verified;
  log.judge('nitro.kind', () => {
    if (claims.kind !== 'enclave') fail('NITRO_TPM_DOCUMENT', `${claims.moduleId} is a NitroTPM`);
  });
  if (expectations.debug === 'allow') log.waive('nitro.debug');
  else log.judge('nitro.debug', () => checkDebug(claims));
  const { partitions, pcrs, hardware } = expectations;
  // A simulated root is in no partition of AWS; the trust policy has named it itself.
  if (partitions === 'any') log.waive('nitro.partition');
  else if (verified.pin.simulated) log.notApplicable('nitro.partition');
  else
    log.judge('nitro.partition', () => {
      if (!partitions.includes(claims.partition))
        fail(
          'NITRO_PARTITION_MISMATCH',
          `signed in ${claims.partition}, allowed are ${partitions.join(', ')}`,
        );
    });
  if (pcrs === 'any') log.waive('nitro.pcrs');
  else log.judge('nitro.pcrs', () => checkPcrs(claims, pcrs));
  if (hardware === 'any') log.waive('nitro.hardware');
  else log.judge('nitro.hardware', () => checkHardware(claims, hardware));
  if (expectations.revocation === 'any') log.waive('nitro.revocation');
  else log.judge('nitro.revocation', () => checkLifetimes(verified.chain.certificates));
  log.settle();
}

/** From plain JavaScript a missing expectation must not read as a waived one. */
function requireAll(expectations: NitroExpectations): void {
  for (const name of ['pcrs', 'debug', 'partitions', 'hardware', 'revocation'] as const)
    if (expectations?.[name] === undefined) fail('EXPECTATION_MISSING', `nitro.${name} is not stated`);
}

function checkDebug(claims: NitroClaims): void {
  for (const index of [0, 1, 2]) {
    const value = claims.pcrs[index];
    if (value === undefined)
      fail('NITRO_PCR_MISSING', `PCR${index} is not listed, so debug mode cannot be excluded`);
    else if (isZero(value)) fail('NITRO_DEBUG_MODE', `PCR${index} is zero`);
  }
}

function checkPcrs(claims: NitroClaims, pcrs: Readonly<Record<string, readonly string[]>>): void {
  for (const [index, allowed] of Object.entries(pcrs)) {
    const value = claims.pcrs[Number(index)];
    if (value === undefined) fail('NITRO_PCR_MISSING', `PCR${index} is not listed`);
    else if (!listed(value, allowed)) fail('NITRO_PCR_MISMATCH', `PCR${index} is ${toHex(value)}`);
  }
}

function checkHardware(claims: NitroClaims, hardware: Exclude<NitroExpectations['hardware'], 'any'>): void {
  for (const index of [3, 4] as const) {
    const allowed = hardware[`pcr${index}`];
    const value = claims.pcrs[index];
    if (allowed !== undefined && (value === undefined || !listed(value, allowed)))
      fail('NITRO_HARDWARE_MISMATCH', `PCR${index} is ${value === undefined ? 'not listed' : toHex(value)}`);
  }
}

function checkLifetimes(certificates: readonly Certificate[]): void {
  certificates.slice(1).forEach((certificate, i) => {
    const limit = i === certificates.length - 2 ? MAX_LEAF_LIFE : MAX_AUTHORITY_LIFE;
    if (certificate.notAfter - certificate.notBefore > limit)
      fail('CHAIN_LONG_LIVED', `certificate ${i + 1} of the chain lives longer than ${limit / HOUR} hours`);
  });
}

function listed(value: Uint8Array, allowed: readonly string[]): boolean {
  return allowed.some((hex) => equalBytes(fromHex(hex), value));
}
