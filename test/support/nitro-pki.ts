/**
 * Attestation documents of a test PKI in the genuine shape, each part of which a test can make wrong. Certificates
 * come from @peculiar/x509, so that our reader meets another's writer.
 */
import 'reflect-metadata';
import { createPrivateKey, type KeyObject, sign, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import {
  type CborValue,
  encodeCbor,
  encodeCoseSign1,
  protectedHeader,
  sigStructure,
} from '../../src/codec/index.ts';
import { type RootPin, simulatedRoot } from '../../verifier/roots.ts';

export const PKI_TIME = Date.parse('2026-06-01T12:00:00Z');
export const MODULE_ID = 'i-0123456789abcdef0-enc0197000000000abc';
export const INSTANCE = 'i-0123456789abcdef0';
export const REGION = 'eu-test-1';
export const ROOT_NAME = 'sim-test.nitro-enclaves';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export type Level = 'root' | 'regional' | 'zonal' | 'instance' | 'leaf';
type Keys = { readonly privateKey: webcrypto.CryptoKey; readonly publicKey: webcrypto.CryptoKey };

export interface CertificateSpec {
  readonly name: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Null leaves basicConstraints out. */
  readonly ca: boolean | null;
  readonly pathLength: number | undefined;
  /** Null leaves keyUsage out. */
  readonly usage: number | null;
  readonly more: readonly Extension[];
  readonly key: 'P-384' | 'P-256' | 'RSA';
  readonly hash: 'SHA-256' | 'SHA-384' | 'SHA-512';
  /** A name that is not the parent's subject. */
  readonly issuer: string | null;
  /** Signs with a key that is not the parent's. */
  readonly forged: boolean;
}

export interface TestPki {
  /** DER, root first, leaf last. */
  readonly certificates: readonly Uint8Array[];
  readonly pin: RootPin;
  readonly leafKey: KeyObject;
}

const AUTHORITY = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature;
const COMMON = { more: [], key: 'P-384', hash: 'SHA-384', issuer: null, forged: false } as const;

const GENUINE: Readonly<Record<Level, CertificateSpec>> = {
  root: {
    ...COMMON,
    name: ROOT_NAME,
    notBefore: PKI_TIME - 1000 * DAY,
    notAfter: PKI_TIME + 9000 * DAY,
    ca: true,
    pathLength: undefined,
    usage: AUTHORITY,
  },
  regional: {
    ...COMMON,
    name: `aa.${REGION}.${ROOT_NAME}`,
    notBefore: PKI_TIME - 5 * DAY,
    notAfter: PKI_TIME + 15 * DAY,
    ca: true,
    pathLength: 2,
    usage: AUTHORITY,
  },
  zonal: {
    ...COMMON,
    name: `bb.zonal.${REGION}.${ROOT_NAME}`,
    notBefore: PKI_TIME - DAY,
    notAfter: PKI_TIME + 5 * DAY,
    ca: true,
    pathLength: 1,
    usage: AUTHORITY,
  },
  instance: {
    ...COMMON,
    name: `${INSTANCE}.${REGION}.${ROOT_NAME}`,
    notBefore: PKI_TIME - 6 * HOUR,
    notAfter: PKI_TIME + 18 * HOUR,
    ca: true,
    pathLength: 0,
    usage: KeyUsageFlags.keyCertSign,
  },
  leaf: {
    ...COMMON,
    name: `${MODULE_ID}.${REGION}.sim-test`,
    notBefore: PKI_TIME - 3000,
    notAfter: PKI_TIME + 3 * HOUR,
    ca: false,
    pathLength: undefined,
    usage: KeyUsageFlags.digitalSignature | KeyUsageFlags.nonRepudiation,
  },
};

export type PkiChanges = Partial<Record<Level, Partial<CertificateSpec>>>;

function keyPair(kind: CertificateSpec['key']): Promise<Keys> {
  const algorithm =
    kind === 'RSA'
      ? {
          name: 'RSASSA-PKCS1-v1_5',
          modulusLength: 2048,
          publicExponent: Uint8Array.of(1, 0, 1),
          hash: 'SHA-384',
        }
      : { name: 'ECDSA', namedCurve: kind };
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<Keys>;
}

interface Issuer {
  readonly subject: Name;
  readonly keys: Keys;
  readonly key: CertificateSpec['key'];
}

async function issue(
  spec: CertificateSpec,
  parent: Issuer | null,
): Promise<{ der: Uint8Array; made: Issuer }> {
  const keys = await keyPair(spec.key);
  const subject = new Name(`C=US, O=Test, CN=${spec.name}`);
  const issuer = parent ?? { subject, keys, key: spec.key };
  const signer = spec.forged ? await keyPair(issuer.key) : issuer.keys;
  const extensions = [
    ...(spec.ca === null ? [] : [new BasicConstraintsExtension(spec.ca, spec.pathLength, true)]),
    ...(spec.usage === null ? [] : [new KeyUsagesExtension(spec.usage, spec.ca === true)]),
    ...spec.more,
  ];
  const certificate = await X509CertificateGenerator.create({
    serialNumber: toHex(webcrypto.getRandomValues(new Uint8Array(16))).replace(/^./, '1'),
    subject,
    issuer: spec.issuer === null ? issuer.subject : new Name(`C=US, O=Test, CN=${spec.issuer}`),
    notBefore: new Date(spec.notBefore),
    notAfter: new Date(spec.notAfter),
    signingAlgorithm:
      issuer.key === 'RSA'
        ? { name: 'RSASSA-PKCS1-v1_5', hash: spec.hash }
        : { name: 'ECDSA', hash: spec.hash },
    publicKey: keys.publicKey,
    signingKey: signer.privateKey,
    extensions,
  });
  return { der: new Uint8Array(certificate.rawData), made: { subject, keys, key: spec.key } };
}

/** `levels` leaves some out or repeats them; `changes` makes one of them wrong. */
export async function makePki(
  changes: PkiChanges = {},
  levels: readonly Level[] = ['root', 'regional', 'zonal', 'instance', 'leaf'],
): Promise<TestPki> {
  const certificates: Uint8Array[] = [];
  let parent: Issuer | null = null;
  let rootSpki: Uint8Array = new Uint8Array(0);
  for (const level of levels) {
    const { der, made } = await issue({ ...GENUINE[level], ...changes[level] }, parent);
    if (parent === null)
      rootSpki = new Uint8Array(await webcrypto.subtle.exportKey('spki', made.keys.publicKey));
    certificates.push(der);
    parent = made;
  }
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', (parent as Issuer).keys.privateKey);
  return {
    certificates,
    pin: simulatedRoot('nitro', ROOT_NAME, toHex(nodeCrypto.sha256(rootSpki))),
    leafKey: createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }),
  };
}

/** PCR4 as hardware computes it. */
export function instancePcr(instance: string = INSTANCE): Uint8Array {
  return nodeCrypto.sha384(new Uint8Array(48), utf8(instance));
}

export function defaultPcrs(): Map<number, Uint8Array> {
  const pcrs = new Map<number, Uint8Array>();
  for (let i = 0; i < 16; i++) pcrs.set(i, new Uint8Array(48).fill(i < 4 && i !== 3 ? i + 1 : 0));
  pcrs.set(4, instancePcr());
  return pcrs;
}

export type Payload = Map<string, CborValue>;

/** The fields in the order of hardware. A value may be replaced by a test; `undefined` leaves a field out. */
export function payloadOf(
  pki: TestPki,
  changes: Readonly<Record<string, CborValue | undefined>> = {},
): Payload {
  const fields: Record<string, CborValue | undefined> = {
    module_id: MODULE_ID,
    digest: 'SHA384',
    timestamp: PKI_TIME,
    pcrs: defaultPcrs(),
    certificate: pki.certificates.at(-1) as Uint8Array,
    cabundle: pki.certificates.slice(0, -1),
    public_key: null,
    user_data: null,
    nonce: null,
    ...changes,
  };
  return new Map(
    Object.entries(fields).filter((entry): entry is [string, CborValue] => entry[1] !== undefined),
  );
}

/** Signs any payload bytes with the leaf's key. */
export function signPayload(
  pki: TestPki,
  payload: Uint8Array,
  header: Uint8Array = protectedHeader(-35),
): Uint8Array {
  const message = sigStructure({ protectedBytes: header, payload });
  const signature = sign('sha384', message, { key: pki.leafKey, dsaEncoding: 'ieee-p1363' });
  // A key of another kind signs in another length; the document must still be one that can be read.
  const padded = new Uint8Array(96);
  padded.set(signature.subarray(0, 96));
  return encodeCoseSign1(header, payload, padded);
}

export function makeDocument(
  pki: TestPki,
  changes: Readonly<Record<string, CborValue | undefined>> = {},
): Uint8Array {
  return signPayload(pki, encodeCbor(payloadOf(pki, changes), { order: 'insertion' }));
}
