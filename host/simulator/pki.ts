/**
 * The certificates of simulated Nitro hardware, in the shape of the genuine ones (recorded documents of 2025 and
 * 2026): root, regional with path length 2, zonal with 1, instance with 0, and the 3-hour leaf of one enclave,
 * with the same names below the root, order of name parts, extensions and criticality.
 *
 * The root is another name and another key than AWS's, random per install: a verifier accepts it only when its
 * trust policy names it.
 */
import 'reflect-metadata';
import { createECDH, createPrivateKey, type KeyObject, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  CRLDistributionPointsExtension,
  type Extension,
  type JsonAttributeObject,
  type JsonNameParams,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  PublicKey,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { Millis } from '../../src/base/clock.ts';
import { toHex } from '../../src/base/hex.ts';
import { type Derive, PARTITION, REGION } from './state.ts';

/** Genuine roots are named `<partition>.nitro-enclaves`; this partition is nobody's cloud. */
export const SIMULATED_ROOT_NAME: string = `${PARTITION}.nitro-enclaves`;

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;
const CURVE = { name: 'ECDSA', namedCurve: 'P-384' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-384' } as const;
/** Order of the group of P-384 (SP 800-186 section 3.2.1.4). */
const ORDER = BigInt(
  '0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
);

export interface Authority {
  /** DER. */
  readonly certificate: Uint8Array;
  readonly subject: Name;
  readonly keys: CryptoKeyPair;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
}

export interface Leaf {
  /** DER. */
  readonly certificate: Uint8Array;
  /** Signs documents. */
  readonly key: KeyObject;
  readonly notAfter: Millis;
}

export interface Pki {
  readonly root: Authority;
  /** Root, regional, zonal, instance: what a document carries as its bundle. */
  readonly bundle: readonly Uint8Array[];
  /** A leaf for this module that begins at `notBefore`, whole seconds; genuine ones live 3 h and 3 s. */
  issueLeaf(moduleId: string, notBefore: Millis, lifetime: Millis): Promise<Leaf>;
}

/** Genuine lifetime of a leaf. */
export const LEAF_LIFETIME: Millis = 3 * HOUR + 3 * SECOND;

type CryptoKeyPair = webcrypto.CryptoKeyPair;

interface Profile {
  readonly name: string;
  readonly subject: JsonNameParams;
  readonly from: Millis;
  readonly to: Millis;
  readonly extensions: (own: PublicKey, issuer: PublicKey) => Promise<Extension[]>;
}

/** Certificates are valid around `now`. `instanceId` as EC2 writes it. */
export async function createPki(derive: Derive, instanceId: string, now: Millis): Promise<Pki> {
  const hour = Math.floor(now / HOUR) * HOUR;
  const word = (purpose: string): string => toHex(derive(`name/${purpose}`, 8));
  const region = `${REGION}.${SIMULATED_ROOT_NAME}`;
  const root = await issue(derive, null, {
    name: 'root',
    subject: upper(SIMULATED_ROOT_NAME),
    // Fixed, so that the same seed names the same root for ever.
    from: Date.UTC(2025, 0, 1),
    to: Date.UTC(2049, 11, 31),
    extensions: async (own) => [
      new BasicConstraintsExtension(true, undefined, true),
      await SubjectKeyIdentifierExtension.create(own),
      authorityUsage(),
    ],
  });
  const regional = await issue(derive, root, {
    name: 'regional',
    subject: upper(`${word('regional')}.${region}`),
    from: hour - 4 * DAY,
    to: hour + 16 * DAY + HOUR,
    extensions: withRevocationPoint(2),
  });
  const zonal = await issue(derive, regional, {
    name: 'zonal',
    subject: zonalName(`${word('zonal')}.zonal.${region}`),
    from: hour - DAY,
    to: hour + 5 * DAY,
    extensions: withRevocationPoint(1),
  });
  const instance = await issue(derive, zonal, {
    name: 'instance',
    subject: lower(`${instanceId}.${region}`),
    from: hour - 6 * HOUR,
    to: hour + 18 * HOUR,
    extensions: async (own, issuer) => [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      await SubjectKeyIdentifierExtension.create(own),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return Object.freeze({
    root,
    bundle: Object.freeze([root, regional, zonal, instance].map(({ certificate }) => certificate)),
    issueLeaf: (moduleId, notBefore, lifetime) => issueLeaf(derive, instance, moduleId, notBefore, lifetime),
  } satisfies Pki);
}

async function issueLeaf(
  derive: Derive,
  issuer: Authority,
  moduleId: string,
  notBefore: Millis,
  lifetime: Millis,
): Promise<Leaf> {
  const from = Math.floor(notBefore / SECOND) * SECOND;
  const name = `leaf/${moduleId}/${from}`;
  const { certificate } = await issue(derive, issuer, {
    name,
    subject: lower(`${moduleId}.${REGION}.${PARTITION}`),
    from,
    to: from + lifetime,
    extensions: async () => [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.nonRepudiation, false),
    ],
  });
  const key = createPrivateKey({ key: privateJwk(derive, name), format: 'jwk' });
  return { certificate, key, notAfter: from + lifetime };
}

async function issue(derive: Derive, issuer: Authority | null, profile: Profile): Promise<Authority> {
  const keys = await importKeys(derive, profile.name);
  const own = new PublicKey(await webcrypto.subtle.exportKey('spki', keys.publicKey));
  const above = issuer?.keys ?? keys;
  const issuerKey = new PublicKey(await webcrypto.subtle.exportKey('spki', above.publicKey));
  const subject = new Name(profile.subject);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialOf(derive, profile),
    issuer: (issuer?.subject ?? subject).toJSON(),
    subject: subject.toJSON(),
    notBefore: new Date(profile.from),
    notAfter: new Date(profile.to),
    publicKey: keys.publicKey,
    signingKey: above.privateKey,
    signingAlgorithm: SIGNING,
    extensions: await profile.extensions(own, issuerKey),
  });
  return {
    certificate: new Uint8Array(certificate.rawData),
    subject,
    keys,
    spki: new Uint8Array(own.rawData),
  };
}

/** Positive and of 16 bytes at most, different for each certificate. */
function serialOf(derive: Derive, { name, from }: Profile): string {
  const serial = derive(`serial/${name}/${from}`, 16);
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  return toHex(serial);
}

async function importKeys(derive: Derive, name: string): Promise<CryptoKeyPair> {
  const jwk = privateJwk(derive, name);
  const { d: _, ...publicPart } = jwk;
  return {
    privateKey: await webcrypto.subtle.importKey('jwk', jwk, CURVE, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('jwk', publicPart, CURVE, true, ['verify']),
  };
}

type PrivateJwk = Record<'kty' | 'crv' | 'd' | 'x' | 'y', string>;

/** A private key of P-384 from the seed: 72 derived bytes reduced (FIPS 186-5 appendix A.2.1). */
function privateJwk(derive: Derive, name: string): PrivateJwk {
  const wide = BigInt(`0x${toHex(derive(`key/${name}`, 72))}`);
  const scalar = Buffer.from(((wide % (ORDER - 1n)) + 1n).toString(16).padStart(96, '0'), 'hex');
  const point = createECDH('secp384r1');
  point.setPrivateKey(scalar);
  const raw = point.getPublicKey();
  return {
    kty: 'EC',
    crv: 'P-384',
    d: scalar.toString('base64url'),
    x: raw.subarray(1, 49).toString('base64url'),
    y: raw.subarray(49).toString('base64url'),
  };
}

function authorityUsage(): KeyUsagesExtension {
  return new KeyUsagesExtension(
    KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign,
    true,
  );
}

/** Regional and zonal certificates name a revocation list; nobody serves ours (RFC 2606: `.invalid`). */
function withRevocationPoint(pathLength: number): Profile['extensions'] {
  return async (own, issuer) => [
    new BasicConstraintsExtension(true, pathLength, true),
    await AuthorityKeyIdentifierExtension.create(issuer),
    await SubjectKeyIdentifierExtension.create(own),
    authorityUsage(),
    new CRLDistributionPointsExtension(['http://crl.assay-simulator.invalid/crl']),
  ];
}

type Part = Record<string, JsonAttributeObject[]>;

const part = (type: string, value: string): Part => ({ [type]: [{ utf8String: value }] });
const country: Part = { C: [{ printableString: 'US' }] };
const organisation: readonly Part[] = [part('O', 'Assay'), part('OU', 'Simulated')];

// The order of parts differs from level to level, as in the genuine names.

function upper(commonName: string): JsonNameParams {
  return [country, ...organisation, part('CN', commonName)];
}

function zonalName(commonName: string): JsonNameParams {
  return [
    part('CN', commonName),
    ...organisation.toReversed(),
    country,
    part('ST', 'SIM'),
    part('L', 'Nowhere'),
  ];
}

function lower(commonName: string): JsonNameParams {
  return [country, part('ST', 'Simulation'), part('L', 'Nowhere'), ...organisation, part('CN', commonName)];
}
