/**
 * Certificate paths (RFC 5280 section 6.1), strict and without a search: the evidence gives the path, root first.
 * Everything that costs no signature is checked on every certificate and on every call, also on cached ones: a
 * cache only saves reading and verifying what was verified before, in the same place of the same path.
 */
import { compareBytes, concat, utf8 } from '../src/base/bytes.ts';
import type { Millis } from '../src/base/clock.ts';
import type { Crypto, SignatureAlgorithm, VerifyKey } from '../src/base/crypto.ts';
import { AssayError, type Code, fail } from '../src/base/errors.ts';
import { formatTime, requireMoment } from '../src/base/clock.ts';
import { toHex } from '../src/base/hex.ts';
import {
  type AlgorithmIdentifier,
  type Certificate,
  ecdsaDerToP1363,
  OID,
  parseCertificate,
} from '../src/codec/x509.ts';
import type { ProofCache } from './proof-cache.ts';
import { matchRoot, type RootPin } from './roots.ts';
import { CheckLog, type PlannedCheck } from './verdict.ts';

/** The kind of a key: its algorithm in the crypto interface and its identifiers in X.509. */
export interface KeyProfile {
  readonly algorithm: SignatureAlgorithm;
  readonly oid: string;
  /** Named curve of an elliptic-curve key. */
  readonly curve: string | null;
}

/** What a platform's PKI looks like. */
export interface ChainProfile {
  /** Names the profile in keys of caches. */
  readonly name: string;
  readonly authorityKey: KeyProfile;
  readonly leafKey: KeyProfile;
  /** How every certificate is signed: the algorithm, and hex DER of the parameters it may have; none when empty. */
  readonly signature: { readonly oid: string; readonly parameters: readonly string[] };
  /** What the leaf's key usage must say; null where the vendor writes no such extension. */
  readonly leafUsage: 'digitalSignature' | null;
  /** Common names by place below the root, which the pin names; null where they say nothing of the role. */
  readonly roles: readonly (readonly string[])[] | null;
  /** Critical extensions that the platform's verifier implements. */
  readonly implemented: ReadonlySet<string>;
  /** Whether leaves live long and return often enough to be worth a place in the cache. */
  readonly keepLeaf: boolean;
}

export const P256_KEY: KeyProfile = Object.freeze({
  algorithm: 'ES256',
  oid: OID.ecPublicKey,
  curve: OID.p256,
});
export const P384_KEY: KeyProfile = Object.freeze({
  algorithm: 'ES384',
  oid: OID.ecPublicKey,
  curve: OID.p384,
});
export const RSA_KEY: KeyProfile = Object.freeze({ algorithm: 'PS384', oid: OID.rsa, curve: null });

export const BASIC_EXTENSIONS: ReadonlySet<string> = new Set([OID.basicConstraints, OID.keyUsage]);

export const P384_CHAIN: ChainProfile = Object.freeze({
  name: 'ES384',
  authorityKey: P384_KEY,
  leafKey: P384_KEY,
  signature: Object.freeze({ oid: OID.ecdsaSha384, parameters: Object.freeze([]) }),
  leafUsage: 'digitalSignature',
  roles: null,
  implemented: BASIC_EXTENSIONS,
  keepLeaf: false,
});

export const CHAIN_CHECKS: readonly PlannedCheck[] = Object.freeze([
  { name: 'chain.format', clause: 'RFC 5280 4.1, X.690 DER' },
  { name: 'chain.root', clause: 'design 3.8: SPKI SHA-256, name and validity pinned' },
  { name: 'chain.algorithms', clause: 'RFC 5280 4.1.1.2; RFC 5758 3.2' },
  { name: 'chain.names', clause: 'RFC 5280 6.1.3 (a)(4), compared as DER; the role that each name gives' },
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
  readonly cache?: ProofCache;
  readonly log: CheckLog;
  /** Name of certificate `index` in errors: `document.payload.cabundle[0]`. */
  readonly pathOf?: (index: number) => string;
}

export interface VerifiedChain {
  readonly pin: RootPin;
  /** Root first, leaf last. */
  readonly certificates: readonly Certificate[];
  /** The keys of the same. */
  readonly keys: readonly VerifyKey[];
  readonly leaf: Certificate;
  readonly leafKey: VerifyKey;
  /** The interval in which all certificates are valid. */
  readonly validFrom: Millis;
  readonly validUntil: Millis;
}

/** A certificate with its key, proven by all above it. */
export interface Link {
  readonly certificate: Certificate;
  readonly key: VerifyKey;
}

const MAX_CHAIN = 9;

/** `path`: root first, leaf last, DER or parsed. Throws the first failure, recorded in the log under its check. */
export async function verifyChain(
  path: readonly (Uint8Array | Certificate)[],
  context: ChainContext,
): Promise<VerifiedChain> {
  const { log, crypto } = context;
  const at = requireMoment(context.at, 'at');
  const known = new KnownLinks(path, context);
  const certificates = log.demand('chain.format', () => {
    const exact = context.profile.roles === null ? null : context.profile.roles.length + 1;
    const [least, most] = exact === null ? [2, MAX_CHAIN] : [exact, exact];
    if (path.length < least || path.length > most)
      fail('CHAIN_LENGTH', `${path.length} certificates, allowed are ${least}..${most}`);
    return path.map((one, i) => known.certificate(i) ?? (isParsed(one) ? one : read(one, i, context)));
  });
  const root = certificates[0] as Certificate;
  const leaf = certificates[certificates.length - 1] as Certificate;
  const pin = log.demand('chain.root', () => matchRoot(context.roots, root, crypto));
  log.demand('chain.algorithms', () =>
    certificates.forEach((c, i) => checkAlgorithm(c, i, certificates.length - 1, context)),
  );
  log.demand('chain.names', () => checkNames(certificates, context));
  log.demand('chain.constraints', () => checkConstraints(certificates, context));
  log.demand('chain.key-usage', () => checkKeyUsage(certificates, context));
  log.demand('chain.extensions', () => certificates.forEach((c, i) => checkExtensions(c, i, context)));
  log.demand('chain.validity', () => certificates.forEach((c, i) => checkValidity(c, i, at, context)));
  const keys = await log.demandAsync('chain.signatures', async () => {
    let issuer = known.find(0, null, root) ?? (await anchor(root, pin, context));
    known.keep(0, null, issuer);
    const found = [issuer.key];
    for (let i = 1; i < certificates.length; i++) {
      const certificate = certificates[i] as Certificate;
      const keyProfile =
        i === certificates.length - 1 ? context.profile.leafKey : context.profile.authorityKey;
      const link =
        known.find(i, issuer, certificate) ?? (await verifyLink(certificate, i, issuer, keyProfile, context));
      known.keep(i, issuer, link);
      found.push(link.key);
      issuer = link;
    }
    return Object.freeze(found);
  });
  return Object.freeze({
    pin,
    certificates: Object.freeze(certificates),
    keys,
    leaf,
    leafKey: keys[keys.length - 1] as VerifyKey,
    validFrom: Math.max(...certificates.map(({ notBefore }) => notBefore)),
    validUntil: Math.min(...certificates.map(({ notAfter }) => notAfter)),
  });
}

/** A pinned root needs no signature of its own; one that only a trust policy names must at least be whole. */
async function anchor(certificate: Certificate, pin: RootPin, context: ChainContext): Promise<Link> {
  const { authorityKey } = context.profile;
  const key = await context.crypto.importKey(authorityKey.algorithm, certificate.spki.raw);
  if (pin.validity === null) await requireIssued(certificate, 0, { certificate, key }, context);
  return { certificate, key };
}

const isParsed = (one: Uint8Array | Certificate): one is Certificate => !(one instanceof Uint8Array);

/** What goes into a cache outlives the caller's buffer, so it is read from a copy. */
function read(der: Uint8Array, index: number, context: ChainContext): Certificate {
  return parseCertificate(context.cache === undefined ? der : der.slice(), { path: name(context, index) });
}

async function verifyLink(
  certificate: Certificate,
  index: number,
  issuer: Link,
  keyProfile: KeyProfile,
  context: ChainContext,
): Promise<Link> {
  await requireIssued(certificate, index, issuer, context);
  return { certificate, key: await context.crypto.importKey(keyProfile.algorithm, certificate.spki.raw) };
}

async function requireIssued(
  certificate: Certificate,
  index: number,
  issuer: Link,
  context: ChainContext,
): Promise<void> {
  const signature = rawSignature(
    certificate.signature,
    issuer.key.algorithm,
    `${name(context, index)}.signature`,
  );
  try {
    await issuer.key.verify(certificate.tbs, signature);
  } catch (cause) {
    if (!(cause instanceof AssayError) || cause.code !== 'SIGNATURE_INVALID') throw cause;
    bad('CHAIN_SIGNATURE_INVALID', index, context, 'is not signed by its issuer');
  }
}

/** A signature in a certificate or a revocation list as the crypto interface takes it; SIGNATURE_MALFORMED. */
export function rawSignature(signature: Uint8Array, algorithm: SignatureAlgorithm, path: string): Uint8Array {
  if (algorithm === 'PS384') return signature;
  return ecdsaDerToP1363(signature, algorithm === 'ES384' ? 48 : 32, path);
}

/** Links of this path that the cache has. Bytes are looked up by digest, parsed certificates by identity. */
class KnownLinks {
  readonly #path: readonly (Uint8Array | Certificate)[];
  readonly #digests: readonly (string | null)[];
  readonly #cache: ProofCache | undefined;
  readonly #rootKind: object;

  constructor(path: readonly (Uint8Array | Certificate)[], context: ChainContext) {
    this.#path = path;
    this.#cache = context.cache;
    this.#digests = this.#cache === undefined ? [] : pathDigests(path, context);
    this.#rootKind = ROOT_OF[context.profile.authorityKey.algorithm];
  }

  /** The certificate of these bytes, where the cache has read them; not yet a proof of anything. */
  certificate(i: number): Certificate | undefined {
    return this.#byDigest(i)?.certificate;
  }

  find(i: number, issuer: Link | null, certificate: Certificate): Link | undefined {
    if (!isParsed(this.#path[i] as Uint8Array | Certificate)) return this.#byDigest(i);
    return this.#cache?.fact<Link>(certificate, issuer ?? this.#rootKind);
  }

  keep(i: number, issuer: Link | null, link: Link): void {
    const digest = this.#digests[i];
    if (this.find(i, issuer, link.certificate) !== undefined) return;
    if (isParsed(this.#path[i] as Uint8Array | Certificate))
      this.#cache?.addFact(link.certificate, issuer ?? this.#rootKind, link);
    else if (digest !== undefined && digest !== null) this.#cache?.add(digest, link);
  }

  #byDigest(i: number): Link | undefined {
    const digest = this.#digests[i];
    return digest === undefined || digest === null ? undefined : this.#cache?.get<Link>(digest);
  }
}

/** What stands for the issuer of a root in the cache: a root is known for one kind of key. */
const ROOT_OF: Readonly<Record<SignatureAlgorithm, object>> = {
  ES256: {},
  ES384: {},
  PS384: {},
  Ed25519: {},
};

/**
 * The digest of each certificate with all above it. A hit means that these very bytes were verified below these very
 * issuers. Null for what is parsed, which is known by itself.
 */
function pathDigests(
  path: readonly (Uint8Array | Certificate)[],
  { crypto, profile }: ChainContext,
): readonly (string | null)[] {
  if (path.every(isParsed)) return [];
  const out: (string | null)[] = [];
  let above = utf8(`assay/chain/v1 ${profile.name}`);
  for (const one of profile.keepLeaf ? path : path.slice(0, -1)) {
    above = crypto.sha256(concat(above, crypto.sha256(isParsed(one) ? one.raw : one)));
    out.push(isParsed(one) ? null : `chain ${toHex(above)}`);
  }
  return out;
}

function name(context: ChainContext, index: number): string {
  return context.pathOf?.(index) ?? `chain[${index}]`;
}

function bad(code: Code, index: number, context: ChainContext, why: string): never {
  return fail(code, `${name(context, index)} ${why}`);
}

function checkAlgorithm(certificate: Certificate, index: number, last: number, context: ChainContext): void {
  const { profile } = context;
  const { spki } = certificate;
  if (!signedAs(certificate.signatureAlgorithm, profile))
    bad(
      'CHAIN_ALGORITHM',
      index,
      context,
      `is not signed as ${profile.signature.oid} with its one set of parameters`,
    );
  const wanted = index === last ? profile.leafKey : profile.authorityKey;
  if (spki.algorithm !== wanted.oid || spki.curve !== wanted.curve)
    bad(
      'CHAIN_ALGORITHM',
      index,
      context,
      `has a key of ${spki.curve ?? spki.algorithm}, not ${wanted.curve ?? wanted.oid}`,
    );
}

/** Whether an algorithm identifier is the profile's, parameters included. */
export function signedAs(
  { oid, parameters }: AlgorithmIdentifier,
  { signature }: Pick<ChainProfile, 'signature'>,
): boolean {
  if (oid !== signature.oid) return false;
  return parameters === null
    ? signature.parameters.length === 0
    : signature.parameters.includes(toHex(parameters));
}

function checkNames(certificates: readonly Certificate[], context: ChainContext): void {
  certificates.forEach((certificate, i) => {
    const issuer = certificates[Math.max(0, i - 1)] as Certificate;
    if (compareBytes(certificate.issuer.raw, issuer.subject.raw) !== 0)
      bad('CHAIN_NAME_MISMATCH', i, context, 'does not name the one above it as its issuer');
    // "A certificate MUST NOT appear more than once" (RFC 5280 section 6.1); only a self-issued one could.
    if (i > 0 && compareBytes(certificate.raw, issuer.raw) === 0)
      bad('CHAIN_NAME_MISMATCH', i, context, 'is given twice');
    const names = i === 0 ? undefined : context.profile.roles?.[i - 1];
    if (names !== undefined && !names.includes(certificate.subject.commonName ?? ''))
      bad('CHAIN_ROLE', i, context, `is of ${quoted(certificate)}, in the place of ${names.join(' or ')}`);
  });
}

function quoted({ subject }: Certificate): string {
  return JSON.stringify((subject.commonName ?? 'no one name').slice(0, 64));
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
    const wanted = i === certificates.length - 1 ? context.profile.leafUsage : 'keyCertSign';
    // A leaf that may sign certificates would be an authority under another name.
    if (wanted !== 'keyCertSign' && (keyUsage?.keyCertSign === true || keyUsage?.cRLSign === true))
      bad('CHAIN_KEY_USAGE', i, context, 'may sign as an authority');
    if (wanted !== null && keyUsage?.[wanted] !== true)
      bad('CHAIN_KEY_USAGE', i, context, `lacks the key usage ${wanted}`);
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
