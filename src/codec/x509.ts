/**
 * X.509 version 3 certificates (RFC 5280 section 4.1), read strictly. Parses and judges nothing: validity, issuers,
 * key usage, critical extensions and signatures are the verifier's.
 */
import { equalBytes } from '../base/bytes.ts';
import { ParseError } from '../base/errors.ts';
import type { Millis } from '../base/clock.ts';
import { DerReader, TAG } from './der.ts';
import { readExtensions, type Extensions } from './x509-extensions.ts';

export type { BasicConstraints, Extension, KeyUsage } from './x509-extensions.ts';

export const OID = {
  ecPublicKey: '1.2.840.10045.2.1',
  p256: '1.2.840.10045.3.1.7',
  p384: '1.3.132.0.34',
  ed25519: '1.3.101.112',
  rsa: '1.2.840.113549.1.1.1',
  ecdsaSha256: '1.2.840.10045.4.3.2',
  ecdsaSha384: '1.2.840.10045.4.3.3',
  rsassaPss: '1.2.840.113549.1.1.10',
  commonName: '2.5.4.3',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
} as const;

export interface AlgorithmIdentifier {
  readonly oid: string;
  /** DER of the parameters, null when there are none. */
  readonly parameters: Uint8Array | null;
}

export interface NameAttribute {
  readonly oid: string;
  readonly value: string;
}

export interface Name {
  /** The DER; names are compared by it, because vendors order their attributes differently. */
  readonly raw: Uint8Array;
  readonly attributes: readonly NameAttribute[];
  /** The one common name, or null when there is none or more than one. */
  readonly commonName: string | null;
}

export interface PublicKeyInfo {
  /** DER SubjectPublicKeyInfo, as `Crypto.importKey` takes it. */
  readonly raw: Uint8Array;
  readonly algorithm: string;
  /** Named curve of an id-ecPublicKey key, else null. */
  readonly curve: string | null;
  readonly publicKey: Uint8Array;
}

export interface Certificate extends Extensions {
  readonly raw: Uint8Array;
  /** The signed part. */
  readonly tbs: Uint8Array;
  readonly version: 3;
  /** Content octets of the INTEGER: not negative, at most 20 and a sign octet. */
  readonly serial: Uint8Array;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: Millis;
  /** Last moment of validity, inclusive. */
  readonly notAfter: Millis;
  readonly spki: PublicKeyInfo;
  /** Content of the BIT STRING: for ECDSA a DER pair, see `ecdsaDerToP1363`. */
  readonly signature: Uint8Array;
}

export interface CertificateOptions {
  readonly path?: string;
  readonly base?: number;
}

const MAX_SERIAL = 20;
const MAX_RDNS = 32;
const VERSION_3 = 2;

/** Throws ParseError with a DER_ or X509_ code. */
export function parseCertificate(der: Uint8Array, options: CertificateOptions = {}): Certificate {
  const reader = new DerReader(der, options);
  const { raw, value } = reader.withRaw((outer) => outer.sequence(readCertificate));
  reader.end();
  return Object.freeze({ raw, ...value });
}

function readCertificate(outer: DerReader): Omit<Certificate, 'raw'> {
  const signed = outer.withRaw((reader) => reader.sequence(readTbs, 'tbsCertificate'));
  const { signatureAlgorithm, algorithmRaw, ...tbs } = signed.value;
  const outside = outer.withRaw(readAlgorithm);
  // RFC 5280 section 4.1.1.2: both fields hold the same identifier; the outer one is not signed.
  if (!equalBytes(algorithmRaw, outside.raw))
    outer.fail('X509_ALGORITHM_MISMATCH', 'signature algorithm differs inside and outside');
  return { tbs: signed.raw, version: 3, signatureAlgorithm, ...tbs, signature: outer.bitString() };
}

type Tbs = Omit<Certificate, 'raw' | 'tbs' | 'version' | 'signature'> & { readonly algorithmRaw: Uint8Array };

function readTbs(tbs: DerReader): Tbs {
  const version = tbs.optional(0xa0, () => tbs.explicit(0, (inner) => inner.unsigned(0xff), 'version')) ?? 0;
  if (version !== VERSION_3) tbs.fail('X509_VERSION', `version ${version + 1}, not 3`);
  const serial = readSerial(tbs);
  const algorithm = tbs.withRaw(readAlgorithm);
  const issuer = readName(tbs, 'issuer');
  const validity = tbs.sequence((inner) => ({ notBefore: inner.time(), notAfter: inner.time() }), 'validity');
  const subject = readName(tbs, 'subject');
  const spki = readPublicKey(tbs);
  return {
    serial,
    signatureAlgorithm: algorithm.value,
    algorithmRaw: algorithm.raw,
    issuer,
    subject,
    ...validity,
    spki,
    // [1] and [2], the unique identifiers, must not be used (RFC 5280 section 4.1.2.8): what is not [3] is trailing.
    ...readExtensions(tbs),
  };
}

function readSerial(tbs: DerReader): Uint8Array {
  const serial = tbs.integerBytes();
  // Zero is non-conforming but real: AMD's VCEK certificates have it (RFC 5280 section 4.1.2.2, last paragraph).
  if ((serial[0] as number) >= 0x80) tbs.fail('X509_SERIAL_INVALID', 'serial number is negative');
  // Genuine Nitro serials are 20 octets with the top bit set, so 21 with the sign octet: the limit is on the value.
  const value = serial[0] === 0 ? serial.length - 1 : serial.length;
  if (value > MAX_SERIAL) tbs.fail('X509_SERIAL_INVALID', 'serial number of more than 20 octets');
  return serial;
}

export function readAlgorithm(reader: DerReader): AlgorithmIdentifier {
  return reader.sequence((inner) => {
    const oid = inner.oid();
    return Object.freeze({ oid, parameters: inner.done ? null : inner.raw() });
  }, 'algorithm');
}

export function readName(tbs: DerReader, which: string): Name {
  const attributes: NameAttribute[] = [];
  let commonName: string | null = null;
  let commonNames = 0;
  const readAttribute = (pair: DerReader): void => {
    const attribute = Object.freeze({ oid: pair.oid(), value: pair.text() });
    attributes.push(attribute);
    if (attribute.oid !== OID.commonName) return;
    commonName = commonNames === 0 ? attribute.value : null;
    commonNames++;
  };
  const readRdn = (rdns: DerReader): void => {
    if (rdns.setOf((set) => set.sequence(readAttribute)).length === 0)
      rdns.fail('DER_VALUE_INVALID', 'empty relative distinguished name');
  };
  const { raw } = tbs.withRaw((reader) => reader.sequenceOf(readRdn, MAX_RDNS, which));
  return Object.freeze({ raw, attributes: Object.freeze(attributes), commonName });
}

function readPublicKey(tbs: DerReader): PublicKeyInfo {
  const { raw, value } = tbs.withRaw((reader) =>
    reader.sequence((inner) => {
      const { algorithm, curve } = inner.sequence(readKeyAlgorithm, 'algorithm');
      return { algorithm, curve, publicKey: inner.bitString() };
    }, 'spki'),
  );
  return Object.freeze({ raw, ...value });
}

/** Parameters of the key types in use: RFC 5480 section 2.1.1, RFC 8410 section 3, RFC 3279 section 2.3.1. */
function readKeyAlgorithm(inner: DerReader): { algorithm: string; curve: string | null } {
  const algorithm = inner.oid();
  if (algorithm === OID.ecPublicKey) {
    if (inner.peek() !== TAG.oid) inner.fail('X509_KEY_INVALID', 'EC key without a named curve');
    return { algorithm, curve: inner.oid() };
  }
  if (algorithm === OID.ed25519 && !inner.done) inner.fail('X509_KEY_INVALID', 'Ed25519 key with parameters');
  if (algorithm === OID.rsa) {
    if (inner.peek() !== TAG.null) inner.fail('X509_KEY_INVALID', 'RSA key without NULL parameters');
    inner.null();
  } else if (!inner.done) inner.any();
  return { algorithm, curve: null };
}

/**
 * ECDSA-Sig-Value (RFC 3279 section 2.2.3) to r ‖ s of `size` octets each. Strict: DER, both positive, neither
 * longer than the curve; throws ParseError `SIGNATURE_MALFORMED`. High-S is accepted, genuine hardware emits it.
 */
export function ecdsaDerToP1363(signature: Uint8Array, size: number, path = ''): Uint8Array {
  const out = new Uint8Array(2 * size);
  try {
    const reader = new DerReader(signature, { path });
    reader.sequence((inner) => {
      for (const end of [size, 2 * size]) {
        const octets = inner.integerBytes(size + 1);
        const value = octets[0] === 0 ? octets.subarray(1) : octets;
        if ((octets[0] as number) >= 0x80 || value.length === 0 || value.length > size)
          inner.fail('SIGNATURE_MALFORMED', 'r or s is not positive or too long');
        out.set(value, end - value.length);
      }
    });
    reader.end();
    return out;
  } catch (error) {
    if (!(error instanceof ParseError) || error.code === 'SIGNATURE_MALFORMED') throw error;
    throw new ParseError('SIGNATURE_MALFORMED', 'not a DER pair of integers', error.offset, path, {
      cause: error,
    });
  }
}
