/**
 * Certificates and revocation lists in the exact form of Intel's: names of five parts, ECDSA with SHA-256, and the
 * extensions in Intel's order and criticality (recorded PCK chains of 2018 to 2026).
 */
import { createHash } from 'node:crypto';
import type { Millis } from '../../../src/base/clock.ts';
import { utf8 } from '../../../src/base/bytes.ts';
import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derImplicit,
  derNamedBits,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSetOf,
  derTime,
  derUnsigned,
  derUtf8String,
  ecdsaP1363ToDer,
} from '../../../src/codec/der-write.ts';
import type { Key } from './keys.ts';

export const KEY_USE = { digitalSignature: 0, nonRepudiation: 1, keyCertSign: 5, cRLSign: 6 } as const;

/** Who signs: a name and a key. */
export interface Identity {
  /** DER. */
  readonly name: Uint8Array;
  readonly key: Key;
}

export interface CertificateInput {
  readonly subject: Identity;
  readonly issuer: Identity;
  /** Unsigned, at most 20 bytes; Intel's authorities use their key identifier. */
  readonly serial: Uint8Array;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  readonly revocationPoint: string;
  readonly uses: readonly number[];
  /** Path length of an authority; null for the others. */
  readonly pathLength: number | null;
  /** Whole extensions that stand last. */
  readonly more: readonly Uint8Array[];
}

export interface RevocationInput {
  readonly issuer: Identity;
  readonly thisUpdate: Millis;
  readonly nextUpdate: Millis;
  /** Serial numbers, unsigned. */
  readonly revoked: readonly Uint8Array[];
}

const ECDSA_SHA256 = derSequence(derOid('1.2.840.10045.4.3.2'));
const ENUMERATED = 0x0a;
const KEY_COMPROMISE = 1;

/** Most specific part first. `organisation` differs for nobody but a simulated root. */
export function nameOf(commonName: string, organisation = 'Intel Corporation'): Uint8Array {
  const part = (oid: string, value: Uint8Array): Uint8Array => derSetOf(derSequence(derOid(oid), value));
  return derSequence(
    part('2.5.4.3', derUtf8String(commonName)),
    part('2.5.4.10', derUtf8String(organisation)),
    part('2.5.4.7', derUtf8String('Santa Clara')),
    part('2.5.4.8', derUtf8String('CA')),
    part('2.5.4.6', derPrintableString('US')),
  );
}

/** Intel's is SHA-1 of the whole SubjectPublicKeyInfo, not of the key bits that RFC 5280 section 4.2.1.2 suggests. */
export function keyIdentifier(key: Key): Uint8Array {
  return new Uint8Array(createHash('sha1').update(key.spki).digest());
}

export function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return derSequence(derOid(oid), ...(critical ? [derBoolean(true)] : []), derOctetString(value));
}

export function certificate(input: CertificateInput): Uint8Array {
  const { subject, issuer, pathLength } = input;
  const tbs = derSequence(
    derExplicit(0, derUnsigned(2)),
    derUnsigned(input.serial),
    ECDSA_SHA256,
    issuer.name,
    derSequence(derTime(input.notBefore), derTime(input.notAfter)),
    subject.name,
    subject.key.spki,
    derExplicit(
      3,
      derSequence(
        authorityKey(issuer.key),
        extension('2.5.29.31', false, distributionPoint(input.revocationPoint)),
        extension('2.5.29.14', false, derOctetString(keyIdentifier(subject.key))),
        extension('2.5.29.15', true, derNamedBits(...input.uses)),
        extension(
          '2.5.29.19',
          true,
          pathLength === null ? derSequence() : derSequence(derBoolean(true), derUnsigned(pathLength)),
        ),
        ...input.more,
      ),
    ),
  );
  return signed(tbs, issuer.key);
}

/** `served`, when given, stands in the list in place of what was signed. */
export function revocationList(input: RevocationInput, served?: readonly Uint8Array[]): Uint8Array {
  const content = (revoked: readonly Uint8Array[]): Uint8Array =>
    derSequence(
      derUnsigned(1),
      ECDSA_SHA256,
      input.issuer.name,
      derTime(input.thisUpdate),
      derTime(input.nextUpdate),
      // RFC 5280 section 5.1.2.6: absent when there is nothing to list.
      ...(revoked.length === 0
        ? []
        : [derSequence(...revoked.map((serial) => entry(serial, input.thisUpdate)))]),
      // Every list of Intel's has the number 1.
      derExplicit(
        0,
        derSequence(extension('2.5.29.20', false, derUnsigned(1)), authorityKey(input.issuer.key)),
      ),
    );
  return signed(content(input.revoked), input.issuer.key, served && content(served));
}

/** The date is the list's own: Intel keeps no other. */
function entry(serial: Uint8Array, date: Millis): Uint8Array {
  const reason = derElement(ENUMERATED, Uint8Array.of(KEY_COMPROMISE));
  return derSequence(derUnsigned(serial), derTime(date), derSequence(extension('2.5.29.21', false, reason)));
}

function signed(tbs: Uint8Array, key: Key, served: Uint8Array = tbs): Uint8Array {
  return derSequence(served, ECDSA_SHA256, derBitString(ecdsaP1363ToDer(key.sign(tbs))));
}

function authorityKey(key: Key): Uint8Array {
  return extension('2.5.29.35', false, derSequence(derImplicit(0, keyIdentifier(key))));
}

/** CRLDistributionPoints with one fullName of one URI (RFC 5280 section 4.2.1.13). */
function distributionPoint(url: string): Uint8Array {
  const uri = derImplicit(6, utf8(url));
  return derSequence(derSequence(derExplicit(0, derExplicit(0, uri))));
}
