/**
 * Certificate paths (RFC 5280 section 6.1), strict and without a search: the evidence gives the path, root first.
 * Everything that costs no signature is checked on every certificate and on every call, also on cached ones: a
 * cache only saves reading and verifying what was verified before, in the same place of the same path.
 */
import { compareBytes, concat, utf8 } from '../src/base/bytes.ts';
import type { Millis } from '../src/base/clock.ts';
import type { Crypto, VerifyKey } from '../src/base/crypto.ts';
import { AssayError, type Code, fail } from '../src/base/errors.ts';
import { formatTime } from '../src/base/clock.ts';
import { toHex } from '../src/base/hex.ts';
import { type Certificate, ecdsaDerToP1363, OID, parseCertificate } from '../src/codec/x509.ts';
import { matchRoot, type RootPin } from './roots.ts';
import { CheckLog, type PlannedCheck } from './verdict.ts';

/** The one key type and signature algorithm that a platform's PKI uses. */
export interface ChainProfile {
  readonly algorithm: 'ES256' | 'ES384';
  readonly signatureOid: string;
  readonly curveOid: string;
  /** Bytes of r and of s. */
  readonly size: number;
  /** Critical extensions that the platform's verifier implements. */
  readonly implemented: ReadonlySet<string>;
}

export const P384_CHAIN: ChainProfile = Object.freeze({
  algorithm: 'ES384',
  signatureOid: OID.ecdsaSha384,
  curveOid: OID.p384,
  size: 48,
  implemented: new Set([OID.basicConstraints, OID.keyUsage]),
});

export const CHAIN_CHECKS: readonly PlannedCheck[] = Object.freeze([
  { name: 'chain.format', clause: 'RFC 5280 4.1, X.690 DER' },
  { name: 'chain.root', clause: 'design 3.8: SPKI SHA-256, name and validity pinned' },
  { name: 'chain.algorithms', clause: 'RFC 5280 4.1.1.2; RFC 5758 3.2' },
  { name: 'chain.names', clause: 'RFC 5280 6.1.3 (a)(4), compared as DER' },
  { name: 'chain.constraints', clause: 'RFC 5280 6.1.4 (k)(l)(m)' },
  { name: 'chain.key-usage', clause: 'RFC 5280 6.1.4 (n), 4.2.1.3' },
  { name: 'chain.extensions', clause: 'RFC 5280 6.1.4 (o), 6.1.5 (f)' },
  { name: 'chain.validity', clause: 'RFC 5280 6.1.3 (a)(2), root included' },
  { name: 'chain.signatures', clause: 'RFC 5280 6.1.3 (a)(1)' },
]);

export interface ChainContext {
  readonly profile: ChainProfile;
  /** Roots that may stand at the top. */
  readonly roots: readonly RootPin[];
  /** The moment at which every certificate must be valid. */
  readonly at: Millis;
  readonly crypto: Crypto;
  /** Saves the authorities' signatures on the next call; leave out to verify all of them each time. */
  readonly cache?: ChainCache;
  readonly log: CheckLog;
  /** Name of certificate `index` in errors: `document.payload.cabundle[0]`. */
  readonly pathOf?: (index: number) => string;
}

export interface VerifiedChain {
  readonly pin: RootPin;
  readonly certificates: readonly Certificate[];
  readonly leaf: Certificate;
  readonly leafKey: VerifyKey;
  /** The interval in which all certificates are valid. */
  readonly validFrom: Millis;
  readonly validUntil: Millis;
}

interface Link {
  readonly certificate: Certificate;
  readonly key: VerifyKey;
}

const MAX_CHAIN = 9;

/** Verified authorities by the digest of the path that leads to them. Oldest out first; holds public data only. */
export class ChainCache {
  readonly #links = new Map<string, Link>();
  readonly #capacity: number;

  constructor(capacity = 256) {
    this.#capacity = capacity;
  }

  get(digest: string): Link | undefined {
    return this.#links.get(digest);
  }

  add(digest: string, link: Link): void {
    const oldest = this.#links.size >= this.#capacity ? this.#links.keys().next().value : undefined;
    if (oldest !== undefined) this.#links.delete(oldest);
    this.#links.set(digest, link);
  }
}

/** `ders`: root first, leaf last. Throws the first failure, recorded in the log under its check. */
export async function verifyChain(
  ders: readonly Uint8Array[],
  context: ChainContext,
): Promise<VerifiedChain> {
  const { log, crypto, at } = context;
  const digests = context.cache === undefined ? [] : pathDigests(ders, context);
  const known = digests.map((digest) => context.cache?.get(digest));
  const certificates = log.demand('chain.format', () => {
    if (ders.length < 2 || ders.length > MAX_CHAIN)
      fail('CHAIN_LENGTH', `${ders.length} certificates, allowed are 2..${MAX_CHAIN}`);
    return ders.map((der, i) => known[i]?.certificate ?? read(der, i, context));
  });
  const root = certificates[0] as Certificate;
  const leaf = certificates[certificates.length - 1] as Certificate;
  const pin = log.demand('chain.root', () => matchRoot(context.roots, root, crypto));
  log.demand('chain.algorithms', () => certificates.forEach((c, i) => checkAlgorithm(c, i, context)));
  log.demand('chain.names', () => checkNames(certificates, context));
  log.demand('chain.constraints', () => checkConstraints(certificates, context));
  log.demand('chain.key-usage', () => checkKeyUsage(certificates, context));
  log.demand('chain.extensions', () => certificates.forEach((c, i) => checkExtensions(c, i, context)));
  log.demand('chain.validity', () => certificates.forEach((c, i) => checkValidity(c, i, at, context)));
  const leafKey = await log.demandAsync('chain.signatures', async () => {
    let issuer = known[0] ?? (await anchor(root, pin, context));
    keep(context, digests[0], issuer);
    for (let i = 1; i < certificates.length; i++) {
      const certificate = certificates[i] as Certificate;
      const link = known[i] ?? (await verifyLink(certificate, i, issuer, context));
      if (i < certificates.length - 1) keep(context, digests[i], link);
      issuer = link;
    }
    return issuer.key;
  });
  return Object.freeze({
    pin,
    certificates: Object.freeze(certificates),
    leaf,
    leafKey,
    validFrom: Math.max(...certificates.map(({ notBefore }) => notBefore)),
    validUntil: Math.min(...certificates.map(({ notAfter }) => notAfter)),
  });
}

/** A pinned root needs no signature of its own; one that only a trust policy names must at least be whole. */
async function anchor(certificate: Certificate, pin: RootPin, context: ChainContext): Promise<Link> {
  const key = await context.crypto.importKey(context.profile.algorithm, certificate.spki.raw);
  if (pin.validity === null) await verifyLink(certificate, 0, { certificate, key }, context);
  return { certificate, key };
}

/** What goes into a cache outlives the caller's buffer, so it is read from a copy. */
function read(der: Uint8Array, index: number, context: ChainContext): Certificate {
  return parseCertificate(context.cache === undefined ? der : der.slice(), { path: name(context, index) });
}

async function verifyLink(
  certificate: Certificate,
  index: number,
  issuer: Link,
  context: ChainContext,
): Promise<Link> {
  const { profile, crypto } = context;
  const path = `${name(context, index)}.signature`;
  const signature = ecdsaDerToP1363(certificate.signature, profile.size, path);
  try {
    await issuer.key.verify(certificate.tbs, signature);
  } catch (cause) {
    if (!(cause instanceof AssayError) || cause.code !== 'SIGNATURE_INVALID') throw cause;
    bad('CHAIN_SIGNATURE_INVALID', index, context, 'is not signed by its issuer');
  }
  return { certificate, key: await crypto.importKey(profile.algorithm, certificate.spki.raw) };
}

/**
 * The digest of each certificate with all above it. The leaf's is left out: leaves are many and short-lived. A hit
 * means that these very bytes were verified below these very issuers.
 */
function pathDigests(ders: readonly Uint8Array[], { crypto, profile }: ChainContext): readonly string[] {
  const out: string[] = [];
  let above = utf8(`assay/chain/v1 ${profile.algorithm}`);
  for (const der of ders.slice(0, -1)) {
    above = crypto.sha256(concat(above, crypto.sha256(der)));
    out.push(toHex(above));
  }
  return out;
}

function keep(context: ChainContext, digest: string | undefined, link: Link): void {
  if (digest !== undefined && context.cache?.get(digest) === undefined) context.cache?.add(digest, link);
}

function name(context: ChainContext, index: number): string {
  return context.pathOf?.(index) ?? `chain[${index}]`;
}

function bad(code: Code, index: number, context: ChainContext, why: string): never {
  return fail(code, `${name(context, index)} ${why}`);
}

function checkAlgorithm(certificate: Certificate, index: number, context: ChainContext): void {
  const { profile } = context;
  const { signatureAlgorithm, spki } = certificate;
  if (signatureAlgorithm.oid !== profile.signatureOid || signatureAlgorithm.hasParameters)
    bad(
      'CHAIN_ALGORITHM',
      index,
      context,
      `is signed with ${signatureAlgorithm.oid}, not ${profile.signatureOid}`,
    );
  if (spki.algorithm !== OID.ecPublicKey || spki.curve !== profile.curveOid)
    bad(
      'CHAIN_ALGORITHM',
      index,
      context,
      `has a key of ${spki.curve ?? spki.algorithm}, not ${profile.curveOid}`,
    );
}

function checkNames(certificates: readonly Certificate[], context: ChainContext): void {
  certificates.forEach((certificate, i) => {
    const issuer = certificates[Math.max(0, i - 1)] as Certificate;
    if (compareBytes(certificate.issuer.raw, issuer.subject.raw) !== 0)
      bad('CHAIN_NAME_MISMATCH', i, context, 'does not name the one above it as its issuer');
    // "A certificate MUST NOT appear more than once" (RFC 5280 section 6.1); only a self-issued one could.
    if (i > 0 && compareBytes(certificate.raw, issuer.raw) === 0)
      bad('CHAIN_NAME_MISMATCH', i, context, 'is given twice');
  });
}

function checkConstraints(certificates: readonly Certificate[], context: ChainContext): void {
  const last = certificates.length - 1;
  // Authorities below that are not self-issued count against pathLenConstraint (RFC 5280 section 6.1.4 (l)).
  let below = 0;
  for (let i = last; i >= 0; i--) {
    const { basicConstraints, issuer, subject } = certificates[i] as Certificate;
    if (i === last) {
      if (basicConstraints?.ca === true) bad('CHAIN_LEAF_IS_CA', i, context, 'is an authority');
      continue;
    }
    if (basicConstraints?.ca !== true) bad('CHAIN_NOT_CA', i, context, 'is no authority');
    const allowed = basicConstraints?.pathLength ?? null;
    if (allowed !== null && below > allowed)
      bad('CHAIN_PATH_LENGTH', i, context, `allows ${allowed} authorities below it, there are ${below}`);
    if (compareBytes(issuer.raw, subject.raw) !== 0) below++;
  }
}

function checkKeyUsage(certificates: readonly Certificate[], context: ChainContext): void {
  certificates.forEach(({ keyUsage }, i) => {
    const wanted = i === certificates.length - 1 ? 'digitalSignature' : 'keyCertSign';
    if (keyUsage?.[wanted] !== true) bad('CHAIN_KEY_USAGE', i, context, `lacks the key usage ${wanted}`);
  });
}

function checkExtensions(certificate: Certificate, index: number, context: ChainContext): void {
  const unknown = certificate.extensions.find(
    ({ oid, critical }) => critical && !context.profile.implemented.has(oid),
  );
  if (unknown !== undefined)
    bad('CHAIN_EXTENSION_UNKNOWN', index, context, `has the critical extension ${unknown.oid}`);
}

function checkValidity(certificate: Certificate, index: number, at: Millis, context: ChainContext): void {
  const { notBefore, notAfter } = certificate;
  if (at < notBefore)
    bad(
      'CHAIN_NOT_YET_VALID',
      index,
      context,
      `begins at ${formatTime(notBefore)}, verified at ${formatTime(at)}`,
    );
  if (at > notAfter)
    bad('CHAIN_EXPIRED', index, context, `ended at ${formatTime(notAfter)}, verified at ${formatTime(at)}`);
}
