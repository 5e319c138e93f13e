/** Certificate extensions (RFC 5280 section 4.2). Unknown ones are kept; the verifier judges the critical ones. */
import { DerReader, TAG } from './der.ts';

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** Content of extnValue. */
  readonly value: Uint8Array;
}

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength: number | null;
}

export interface KeyUsage {
  readonly digitalSignature: boolean;
  readonly contentCommitment: boolean;
  readonly keyEncipherment: boolean;
  readonly dataEncipherment: boolean;
  readonly keyAgreement: boolean;
  readonly keyCertSign: boolean;
  readonly cRLSign: boolean;
  readonly encipherOnly: boolean;
  readonly decipherOnly: boolean;
}

export interface Extensions {
  readonly extensions: readonly Extension[];
  readonly basicConstraints: BasicConstraints | null;
  readonly keyUsage: KeyUsage | null;
  /** RFC 5280 section 4.2.1.2; null when the certificate has none. */
  readonly subjectKeyId: Uint8Array | null;
}

const MAX_EXTENSIONS = 64;
const MAX_PATH_LENGTH = 255;
const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
const SUBJECT_KEY_ID = '2.5.29.14';
const KEY_USAGES = 9;

const NONE: Extensions = Object.freeze({
  extensions: Object.freeze([]),
  basicConstraints: null,
  keyUsage: null,
  subjectKeyId: null,
});

/** Reads [3] EXPLICIT Extensions, when it is there. */
export function readExtensions(tbs: DerReader): Extensions {
  if (tbs.peek() !== 0xa3) return NONE;
  const seen = new Set<string>();
  let basicConstraints: BasicConstraints | null = null;
  let keyUsage: KeyUsage | null = null;
  let subjectKeyId: Uint8Array | null = null;
  const extensions = tbs.explicit(3, (wrapper) =>
    wrapper.sequenceOf(
      (list) =>
        list.sequence((inner) => {
          const oid = inner.oid();
          if (seen.has(oid)) inner.fail('X509_EXTENSION_DUPLICATE', `extension ${oid} is given twice`);
          seen.add(oid);
          const critical = readDefaultFalse(inner);
          const value = inner.octetString();
          const nested = (): DerReader =>
            new DerReader(value, { path: inner.path, base: inner.offset - value.length });
          if (oid === BASIC_CONSTRAINTS) basicConstraints = readBasicConstraints(nested());
          if (oid === KEY_USAGE) keyUsage = readKeyUsage(nested());
          if (oid === SUBJECT_KEY_ID) subjectKeyId = readSubjectKeyId(nested());
          return Object.freeze({ oid, critical, value });
        }),
      MAX_EXTENSIONS,
      'extensions',
    ),
  );
  if (extensions.length === 0) tbs.fail('X509_EXTENSION_INVALID', 'empty list of extensions');
  return { extensions, basicConstraints, keyUsage, subjectKeyId };
}

/** BOOLEAN DEFAULT FALSE: DER leaves the default out (X.690 section 11.5). */
function readDefaultFalse(inner: DerReader): boolean {
  if (inner.peek() !== TAG.boolean) return false;
  if (!inner.boolean()) inner.fail('DER_NOT_DISTINGUISHED', 'FALSE is the default and must be left out');
  return true;
}

function readBasicConstraints(reader: DerReader): BasicConstraints {
  const value = reader.sequence((inner) => {
    const ca = readDefaultFalse(inner);
    const pathLength = inner.done ? null : inner.unsigned(MAX_PATH_LENGTH);
    // RFC 5280 section 4.2.1.9: pathLenConstraint only with cA.
    if (pathLength !== null && !ca) inner.fail('X509_EXTENSION_INVALID', 'path length without CA');
    return Object.freeze({ ca, pathLength });
  }, 'basicConstraints');
  reader.end();
  return value;
}

function readKeyUsage(reader: DerReader): KeyUsage {
  // AMD's ASK certificates spell out trailing zero bits, which is not DER but means the same.
  const bits = reader.namedBits(KEY_USAGES, 'accepted');
  reader.end();
  // RFC 5280 section 4.2.1.3: at least one bit is set.
  if (!bits.includes(true)) reader.fail('X509_EXTENSION_INVALID', 'key usage without any use');
  const bit = (i: number): boolean => bits[i] ?? false;
  return Object.freeze({
    digitalSignature: bit(0),
    contentCommitment: bit(1),
    keyEncipherment: bit(2),
    dataEncipherment: bit(3),
    keyAgreement: bit(4),
    keyCertSign: bit(5),
    cRLSign: bit(6),
    encipherOnly: bit(7),
    decipherOnly: bit(8),
  });
}

function readSubjectKeyId(reader: DerReader): Uint8Array {
  const value = reader.octetString();
  reader.end();
  return value;
}
