/**
 * X.509 version 2 certificate revocation lists (RFC 5280 section 5), read strictly. Parses and judges nothing: whose
 * list it is, its times and its signature are the verifier's. What would change which certificates a list speaks of is
 * refused: every list that is read is a complete one of the certificates of its issuer.
 */
import { compareBytes, equalBytes } from '../base/bytes.ts';
import type { Millis } from '../base/clock.ts';
import { fromHex, toHex } from '../base/hex.ts';
import { DerReader, TAG } from './der.ts';
import type { Extension } from './x509-extensions.ts';
import { type AlgorithmIdentifier, type Name, readAlgorithm, readName } from './x509.ts';

export interface RevokedCertificate {
  /** Content octets of the INTEGER, as `Certificate.serial` has them; a copy, because lists are kept and asked again. */
  readonly serial: Uint8Array;
  readonly date: Millis;
  /** CRLReason (RFC 5280 section 5.3.1); null when it is not given. */
  readonly reason: number | null;
}

export interface Crl {
  readonly raw: Uint8Array;
  /** The signed part. */
  readonly tbs: Uint8Array;
  readonly version: 2;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly issuer: Name;
  readonly thisUpdate: Millis;
  /** By when there will be a newer list. */
  readonly nextUpdate: Millis;
  readonly number: bigint | null;
  readonly authorityKeyId: Uint8Array | null;
  readonly revoked: readonly RevokedCertificate[];
  readonly extensions: readonly Extension[];
  /** Content of the BIT STRING: for ECDSA a DER pair, see `ecdsaDerToP1363`. */
  readonly signature: Uint8Array;
}

export interface CrlOptions {
  readonly path?: string;
  readonly base?: number;
}

const EXT = {
  number: '2.5.29.20',
  reason: '2.5.29.21',
  delta: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  certificateIssuer: '2.5.29.29',
  authorityKeyId: '2.5.29.35',
} as const;

/** These narrow or widen what a list speaks of, and RFC 5280 has them critical: nothing here reads such lists. */
const CHANGES_SCOPE: ReadonlySet<string> = new Set([
  EXT.delta,
  EXT.issuingDistributionPoint,
  EXT.certificateIssuer,
]);
const READ: ReadonlySet<string> = new Set([EXT.number, EXT.reason, EXT.authorityKeyId]);

/** Several hundred times what vendors publish, and read in a few hundredths of a second. */
const MAX_ENTRIES = 25_000;
const MAX_EXTENSIONS = 64;
const MAX_ENTRY_EXTENSIONS = 8;
const MAX_SERIAL = 20;
const MAX_NUMBER = 20;
const MAX_REASON = 10;
const UNUSED_REASON = 7;
const ENUMERATED = 0x0a;
/** crlEntryExtensions { { reasonCode, OCTET STRING { ENUMERATED ... } } }, up to the reason itself. */
const REASON_ALONE: Uint8Array = fromHex('300c300a0603551d1504030a01');

/** Throws ParseError with a DER_ code or CRL_INVALID. */
export function parseCrl(der: Uint8Array, options: CrlOptions = {}): Crl {
  const reader = new DerReader(der, options);
  const { raw, value } = reader.withRaw((outer) => outer.sequence(readCrl));
  reader.end();
  return Object.freeze({ raw, ...value });
}

function readCrl(outer: DerReader): Omit<Crl, 'raw'> {
  const signed = outer.withRaw((reader) => reader.sequence(readTbs, 'tbsCertList'));
  const { algorithmRaw, ...tbs } = signed.value;
  const outside = outer.withRaw(readAlgorithm);
  // RFC 5280 section 5.1.1.2: both fields hold the same identifier; the outer one is not signed.
  if (!equalBytes(algorithmRaw, outside.raw))
    outer.fail('CRL_INVALID', 'signature algorithm differs inside and outside');
  return { tbs: signed.raw, version: 2, ...tbs, signature: outer.bitString() };
}

type Tbs = Omit<Crl, 'raw' | 'tbs' | 'version' | 'signature'> & { readonly algorithmRaw: Uint8Array };

function readTbs(tbs: DerReader): Tbs {
  const version = tbs.optional(TAG.integer, () => tbs.unsigned(0xff)) ?? 0;
  if (version !== 1) tbs.fail('CRL_INVALID', `version ${version + 1}, not 2`);
  const algorithm = tbs.withRaw(readAlgorithm);
  const issuer = readName(tbs, 'issuer');
  const thisUpdate = tbs.time();
  // RFC 5280 section 5.1.2.5: conforming issuers give it, and without it nobody could say that a list is out of date.
  if (!isTime(tbs.peek())) tbs.fail('CRL_INVALID', 'has no nextUpdate');
  const nextUpdate = tbs.time();
  if (nextUpdate < thisUpdate) tbs.fail('CRL_INVALID', 'nextUpdate is before thisUpdate');
  const revoked = tbs.optional(TAG.sequence, () => readEntries(tbs)) ?? Object.freeze([]);
  return {
    signatureAlgorithm: algorithm.value,
    algorithmRaw: algorithm.raw,
    issuer,
    thisUpdate,
    nextUpdate,
    revoked,
    ...readListExtensions(tbs),
  };
}

const isTime = (tag: number | null): boolean => tag === TAG.utcTime || tag === TAG.generalizedTime;

function readEntries(tbs: DerReader): readonly RevokedCertificate[] {
  const entries = tbs.sequenceOf((list) => list.sequence(readEntry), MAX_ENTRIES, 'revokedCertificates');
  // RFC 5280 section 5.1.2.6: without an entry the list must be absent.
  if (entries.length === 0) tbs.fail('CRL_INVALID', 'empty list of revoked certificates');
  return entries;
}

function readEntry(entry: DerReader): RevokedCertificate {
  const serial = readSerial(entry);
  const date = entry.time();
  return Object.freeze({ serial, date, reason: entry.done ? null : readReason(entry) });
}

/** The limit is on the value, as in certificates, and so is the rule that it is not negative. */
function readSerial(entry: DerReader): Uint8Array {
  const serial = entry.integerBytes(MAX_SERIAL + 1);
  const first = serial[0] as number;
  if (first >= 0x80 || (serial.length > MAX_SERIAL && first !== 0))
    entry.fail('CRL_INVALID', 'serial number is negative or of more than 20 octets');
  return serial.slice();
}

/** Nearly every entry of every list has the reason and nothing else, and DER has one form for that. */
function readReason(entry: DerReader): number | null {
  const base = entry.offset;
  const raw = entry.raw();
  const last = raw[raw.length - 1] as number;
  if (raw.length === REASON_ALONE.length + 1 && isReason(last) && beginsWith(raw, REASON_ALONE)) return last;
  let reason: number | null = null;
  const reader = new DerReader(raw, { path: entry.path, base });
  readExtensionList(reader, MAX_ENTRY_EXTENSIONS, 'crlEntryExtensions', (oid, nested) => {
    if (oid === EXT.reason) reason = readEnumerated(nested());
  });
  return reason;
}

function beginsWith(bytes: Uint8Array, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[i] !== wanted[i]) return false;
  return true;
}

function readEnumerated(reader: DerReader): number {
  const { tag, content } = reader.any();
  const [value = UNUSED_REASON] = content;
  if (tag !== ENUMERATED || content.length !== 1 || !isReason(value))
    reader.fail('CRL_INVALID', 'not a reason of RFC 5280 section 5.3.1');
  reader.end();
  return value;
}

const isReason = (value: number): boolean => value <= MAX_REASON && value !== UNUSED_REASON;

function readListExtensions(tbs: DerReader): Pick<Crl, 'number' | 'authorityKeyId' | 'extensions'> {
  let number: bigint | null = null;
  let authorityKeyId: Uint8Array | null = null;
  const read = (list: DerReader): readonly Extension[] =>
    readExtensionList(list, MAX_EXTENSIONS, 'crlExtensions', (oid, nested) => {
      if (oid === EXT.number) number = readNumber(nested());
      if (oid === EXT.authorityKeyId) authorityKeyId = readKeyId(nested());
    });
  const extensions = tbs.optional(0xa0, () => tbs.explicit(0, read)) ?? Object.freeze([]);
  return { number, authorityKeyId, extensions };
}

/** RFC 5280 section 5.2.3: not negative, at most 20 octets. */
function readNumber(reader: DerReader): bigint {
  const value = reader.integer(MAX_NUMBER);
  if (value < 0n) reader.fail('CRL_INVALID', 'number is negative');
  reader.end();
  return value;
}

/** RFC 5280 section 4.2.1.1: of its three members the key identifier is used. */
function readKeyId(reader: DerReader): Uint8Array | null {
  const keyId = reader.sequence((inner) => {
    const value = inner.optional(0x80, () => inner.implicit(0));
    for (const tag of [0xa1, 0x82]) inner.optional(tag, () => inner.any());
    return value;
  }, 'authorityKeyIdentifier');
  reader.end();
  return keyId;
}

/** Extensions (RFC 5280 section 4.2): none twice, at least one, and none critical that nobody here reads. */
function readExtensionList(
  reader: DerReader,
  max: number,
  name: string,
  found: (oid: string, nested: () => DerReader) => void,
): readonly Extension[] {
  const seen = new Set<string>();
  const list = reader.sequenceOf((items) => items.sequence(readOne), max, name);
  if (list.length === 0) reader.fail('CRL_INVALID', 'empty list of extensions');
  return list;

  function readOne(inner: DerReader): Extension {
    const oid = inner.oid();
    if (seen.has(oid)) inner.fail('CRL_INVALID', `extension ${oid} is given twice`);
    seen.add(oid);
    const critical = inner.optional(TAG.boolean, () => inner.boolean());
    // BOOLEAN DEFAULT FALSE: DER leaves the default out (X.690 section 11.5).
    if (critical === false) inner.fail('DER_NOT_DISTINGUISHED', 'FALSE is the default and must be left out');
    if (CHANGES_SCOPE.has(oid) || (critical === true && !READ.has(oid)))
      inner.fail('CRL_INVALID', `extension ${oid} changes the meaning of the list, and is not understood`);
    const value = inner.octetString();
    found(oid, () => new DerReader(value, { path: inner.path, base: inner.offset - value.length }));
    return Object.freeze({ oid, critical: critical === true, value });
  }
}

/** Lists up to this length are read through: making a set of 57 numbers took as long as 50 look-ups (measured). */
const SHORT_LIST = 256;

/** Whether the list names this serial number: content octets, as `Certificate.serial` has them. */
export function isRevoked(crl: Crl, serial: Uint8Array): boolean {
  if (crl.revoked.length > SHORT_LIST) return revokedSerials(crl).has(toHex(serial));
  return crl.revoked.some((entry) => compareBytes(entry.serial, serial) === 0);
}

const SERIALS: WeakMap<Crl, ReadonlySet<string>> = new WeakMap();

/** What `toHex(certificate.serial)` is looked up in. Made once for a list, when it is first asked for. */
export function revokedSerials(crl: Crl): ReadonlySet<string> {
  const known = SERIALS.get(crl);
  if (known !== undefined) return known;
  const serials = new Set(crl.revoked.map(({ serial }) => toHex(serial)));
  SERIALS.set(crl, serials);
  return serials;
}
