/**
 * The signed parts of AMD's certificates (AMD 57230) and of its revocation list, in the form of the genuine ones
 * down to the byte: given the names, keys and times of a recorded certificate, these functions write that certificate.
 */
import { createHash } from 'node:crypto';
import type { Millis } from '../../../src/base/clock.ts';
import { fromHex } from '../../../src/base/hex.ts';
import { utf8 } from '../../../src/base/bytes.ts';
import { TAG } from '../../../src/codec/der.ts';
import {
  derBoolean,
  derElement,
  derExplicit,
  derImplicit,
  derNamedBits,
  derNull,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSetOf,
  derTime,
  derUnsigned,
  derUtf8String,
} from '../../../src/codec/der-write.ts';
import { type AmdProduct, type Authority, PRODUCTS, type Revoked, type Tcb } from './platform.ts';

/** Whose names and addresses stand in certificates. */
export interface Naming {
  readonly organisation: string;
  /** Common name of the root. */
  readonly root: string;
  /** Where the key service is, without a slash at the end. */
  readonly keyService: string;
}

interface Validity {
  readonly from: Millis;
  readonly to: Millis;
}

export interface AuthorityFields extends Validity {
  readonly role: Authority;
  readonly product: AmdProduct;
  readonly naming: Naming;
  readonly serial: number;
  /** DER SubjectPublicKeyInfo of the authority, and of the root that signs it. */
  readonly spki: Uint8Array;
  readonly issuerSpki: Uint8Array;
}

export interface LeafFields extends Validity {
  readonly product: AmdProduct;
  readonly naming: Naming;
  readonly issuer: Authority;
  readonly spki: Uint8Array;
  readonly tcb: Tcb;
  /** HWID of a VCEK, or the provider that a VLEK is of. */
  readonly of: { readonly hwid: Uint8Array } | { readonly cspId: string };
}

export interface RevocationFields {
  readonly naming: Naming;
  readonly issuerSpki: Uint8Array;
  readonly number: number;
  readonly thisUpdate: Millis;
  readonly nextUpdate: Millis;
  readonly revoked: readonly Revoked[];
}

const VERSION_3 = 2;
const VERSION_2 = 1;
const SHA384 = derSequence(derOid('2.16.840.1.101.3.4.2.2'), derNull());
const MGF1_SHA384 = derSequence(derOid('1.2.840.113549.1.1.8'), SHA384);
const AMD = '1.3.6.1.4.1.3704.1';
const SPL: Readonly<Record<keyof Tcb, string>> = {
  fmc: `${AMD}.3.9`,
  bootloader: `${AMD}.3.1`,
  tee: `${AMD}.3.2`,
  snp: `${AMD}.3.3`,
  microcode: `${AMD}.3.8`,
};
/** In the order of recorded certificates; a number is a reserved part of that OID, which is 0. */
const SPL_ORDER: Readonly<Record<'classic' | 'turin', readonly (keyof Tcb | number)[]>> = {
  classic: ['bootloader', 'tee', 4, 5, 6, 7, 'snp', 'microcode'],
  turin: ['fmc', 'bootloader', 'tee', 'snp', 5, 6, 7, 'microcode'],
};

/**
 * RSASSA-PSS-params (RFC 8017 appendix A.2.3). AMD's authorities spell out the trailer field, which is its default and
 * so is not DER; report keys issued since 2024 and revocation lists leave it out.
 */
export function pssAlgorithm(trailer: 'spelled' | 'left out', saltBytes: number): Uint8Array {
  return derSequence(
    derOid('1.2.840.113549.1.1.10'),
    derSequence(
      derExplicit(0, SHA384),
      derExplicit(1, MGF1_SHA384),
      derExplicit(2, derUnsigned(saltBytes)),
      ...(trailer === 'spelled' ? [derExplicit(3, derUnsigned(1))] : []),
    ),
  );
}

export function commonNameOf(role: Authority, product: AmdProduct, naming: Naming): string {
  if (role === 'ark') return naming.root;
  return role === 'ask' ? `SEV-${product}` : `SEV-VLEK-${product}`;
}

export function authorityTbs(fields: AuthorityFields, algorithm: Uint8Array): Uint8Array {
  const { role, product, naming, spki } = fields;
  const signer = role === 'asvk' ? 'vlek' : 'vcek';
  const list = extension('2.5.29.31', false, crlPoint(`${naming.keyService}/${signer}/v1/${product}/crl`));
  const own = extension('2.5.29.14', false, derOctetString(keyIdentifier(spki)));
  // Root and intermediates differ in the order of extensions and in how the trailing zero bits of keyCertSign are cut.
  const extensions =
    role === 'ark'
      ? [
          extension('2.5.29.15', true, derNamedBits(5, 6)),
          own,
          extension('2.5.29.19', true, derSequence(derBoolean(true))),
          list,
        ]
      : [
          own,
          authorityKey(fields.issuerSpki),
          extension('2.5.29.19', true, derSequence(derBoolean(true), derUnsigned(0))),
          extension('2.5.29.15', true, fromHex('03020104')),
          list,
        ];
  const names = (of: Authority): Uint8Array => name(naming, commonNameOf(of, product, naming));
  return tbs(fields.serial, algorithm, names('ark'), fields, names(role), spki, extensions);
}

export function leafTbs(fields: LeafFields, algorithm: Uint8Array): Uint8Array {
  const { product, naming, of, tcb } = fields;
  const { productName, structVersion } = PRODUCTS[product];
  const isVcek = 'hwid' in of;
  const order = SPL_ORDER[product === 'Turin' ? 'turin' : 'classic'];
  const levels = order.map((part) =>
    typeof part === 'number'
      ? extension(`${AMD}.3.${part}`, false, derUnsigned(0))
      : extension(SPL[part], false, derUnsigned(tcb[part] ?? 0)),
  );
  const extensions = [
    extension(`${AMD}.1`, false, derUnsigned(structVersion)),
    extension(`${AMD}.2`, false, ia5(isVcek ? productName : product)),
    ...levels,
    // The bytes as they are, not wrapped in DER.
    isVcek ? extension(`${AMD}.4`, false, of.hwid) : extension(`${AMD}.5`, false, ia5(of.cspId)),
  ];
  const issuer = name(naming, commonNameOf(fields.issuer, product, naming));
  const subject = name(naming, isVcek ? 'SEV-VCEK' : 'SEV-VLEK');
  return tbs(0, algorithm, issuer, fields, subject, fields.spki, extensions);
}

/** TBSCertList (RFC 5280 section 5.1). */
export function revocationTbs(fields: RevocationFields, algorithm: Uint8Array): Uint8Array {
  const { naming, revoked } = fields;
  const entries = revoked.map(({ serial, at }) => derSequence(derUnsigned(serial), derTime(at)));
  return derSequence(
    derUnsigned(VERSION_2),
    algorithm,
    name(naming, naming.root),
    derTime(fields.thisUpdate),
    derTime(fields.nextUpdate),
    ...(entries.length > 0 ? [derSequence(...entries)] : []),
    derExplicit(
      0,
      derSequence(authorityKey(fields.issuerSpki), extension('2.5.29.20', false, derUnsigned(fields.number))),
    ),
  );
}

function tbs(
  serial: number,
  algorithm: Uint8Array,
  issuer: Uint8Array,
  { from, to }: Validity,
  subject: Uint8Array,
  spki: Uint8Array,
  extensions: readonly Uint8Array[],
): Uint8Array {
  return derSequence(
    derExplicit(0, derUnsigned(VERSION_3)),
    derUnsigned(serial),
    algorithm,
    issuer,
    derSequence(derTime(from), derTime(to)),
    subject,
    spki,
    derExplicit(3, derSequence(...extensions)),
  );
}

function name({ organisation }: Naming, commonName: string): Uint8Array {
  const parts: readonly (readonly [oid: string, value: Uint8Array])[] = [
    ['2.5.4.11', derUtf8String('Engineering')],
    ['2.5.4.6', derPrintableString('US')],
    ['2.5.4.7', derUtf8String('Santa Clara')],
    ['2.5.4.8', derUtf8String('CA')],
    ['2.5.4.10', derUtf8String(organisation)],
    ['2.5.4.3', derUtf8String(commonName)],
  ];
  return derSequence(...parts.map(([oid, value]) => derSetOf(derSequence(derOid(oid), value))));
}

function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return derSequence(derOid(oid), ...(critical ? [derBoolean(true)] : []), derOctetString(value));
}

const ia5 = (text: string): Uint8Array => derElement(TAG.ia5String, utf8(text));

/** RFC 5280 section 4.2.1.2, method 1: SHA-1 of the key, which follows the algorithm and the octet of unused bits. */
function keyIdentifier(spki: Uint8Array): Uint8Array {
  const key = spki.subarray(spki.length - RSA_PUBLIC_KEY_BYTES);
  return new Uint8Array(createHash('sha1').update(key).digest());
}

/** RSAPublicKey of a modulus of 4,096 bits and the exponent 65,537. */
const RSA_PUBLIC_KEY_BYTES = 526;

function authorityKey(issuerSpki: Uint8Array): Uint8Array {
  return extension('2.5.29.35', false, derSequence(derImplicit(0, keyIdentifier(issuerSpki))));
}

/** One distribution point with one URI (RFC 5280 section 4.2.1.13). */
function crlPoint(uri: string): Uint8Array {
  return derSequence(derSequence(derExplicit(0, derExplicit(0, derImplicit(6, utf8(uri))))));
}
