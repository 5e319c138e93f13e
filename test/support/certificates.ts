/** Certificates with named faults, built piece by piece, so that each rule of the parser has a counterexample. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { concat, utf8 } from '../../src/base/bytes.ts';
import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derNamedBits,
  derOctetString,
  derOid,
  derSequence,
  derSetOf,
  derTime,
  derUnsigned,
  derUtf8String,
} from '../../src/codec/der-write.ts';
import { OID } from '../../src/codec/x509.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
export const SPKI: Uint8Array = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
export const PUBLIC_KEY: KeyObject = publicKey;

export interface Parts {
  readonly version: Uint8Array;
  readonly serial: Uint8Array;
  readonly algorithm: Uint8Array;
  readonly issuer: Uint8Array;
  readonly validity: Uint8Array;
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  /** Between the key and the end of the TBSCertificate. */
  readonly rest: Uint8Array;
  readonly outerAlgorithm: Uint8Array;
  readonly signature: Uint8Array | null;
  readonly tail: Uint8Array;
}

export const EMPTY: Uint8Array = new Uint8Array(0);

export function name(commonName: string): Uint8Array {
  return derSequence(derSetOf(derSequence(derOid(OID.commonName), derUtf8String(commonName))));
}

export function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return derSequence(derOid(oid), ...(critical ? [derBoolean(true)] : []), derOctetString(value));
}

export function extensions(...items: readonly Uint8Array[]): Uint8Array {
  return derExplicit(3, derSequence(...items));
}

export const CA: Uint8Array = extension(
  OID.basicConstraints,
  true,
  derSequence(derBoolean(true), derUnsigned(1)),
);
export const SIGNS: Uint8Array = extension(OID.keyUsage, true, derNamedBits(5, 6));

const ALGORITHM = derSequence(derOid(OID.ecdsaSha384));

export function certificate(faults: Partial<Parts> = {}): Uint8Array {
  const parts: Parts = {
    version: derExplicit(0, derUnsigned(2)),
    serial: derUnsigned(0x1234),
    algorithm: ALGORITHM,
    issuer: name('issuer'),
    validity: derSequence(derTime(Date.UTC(2024, 0)), derTime(Date.UTC(2051, 0))),
    subject: name('subject'),
    spki: SPKI,
    rest: extensions(CA, SIGNS),
    outerAlgorithm: ALGORITHM,
    signature: null,
    tail: EMPTY,
    ...faults,
  };
  const tbs = derSequence(
    parts.version,
    parts.serial,
    parts.algorithm,
    parts.issuer,
    parts.validity,
    parts.subject,
    parts.spki,
    parts.rest,
  );
  const signature = parts.signature ?? derBitString(new Uint8Array(sign('sha384', tbs, privateKey)));
  return concat(derSequence(tbs, parts.outerAlgorithm, signature), parts.tail);
}

export function utcTime(text: string): Uint8Array {
  return derElement(0x17, utf8(text));
}
