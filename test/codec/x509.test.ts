import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { type Code, ParseError } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { decodeCbor } from '../../src/codec/cbor.ts';
import { parseCoseSign1 } from '../../src/codec/cose.ts';
import * as der from '../../src/codec/der-write.ts';
import { formatPem, parsePem } from '../../src/codec/pem.ts';
import { type Certificate, ecdsaDerToP1363, OID, parseCertificate } from '../../src/codec/x509.ts';
import { selfSignedCertificate } from '../../src/codec/x509-write.ts';
import {
  CA,
  certificate,
  EMPTY,
  extension,
  extensions,
  name,
  type Parts,
  PUBLIC_KEY,
  SIGNS,
  SPKI,
  utcTime,
} from '../support/certificates.ts';
import { corpusBytes, corpusText, manifest, missing } from '../support/corpus.ts';
import { itWithOpenssl } from '../support/openssl.ts';

/** Node finds PEM text inside DER bytes and then reads that instead, so it is asked by PEM. */
function secondOpinion(bytes: Uint8Array): X509Certificate {
  return new X509Certificate(formatPem('CERTIFICATE', bytes));
}

function agrees(own: Certificate): void {
  const other = secondOpinion(own.raw);
  expect(Date.parse(other.validFrom)).toBe(own.notBefore);
  expect(Date.parse(other.validTo)).toBe(own.notAfter);
  expect(BigInt(`0x${other.serialNumber}`)).toBe(BigInt(`0x${toHex(own.serial)}`));
  expect(other.ca).toBe(own.basicConstraints?.ca ?? false);
  expect(toHex(new Uint8Array(other.publicKey.export({ type: 'spki', format: 'der' })))).toBe(
    toHex(own.spki.raw),
  );
  const commonName = /^CN=(.*)$/m.exec(other.subject)?.[1];
  expect(own.subject.commonName).toBe(commonName ?? null);
}

describe('parseCertificate', () => {
  it('reads every field', () => {
    const raw = certificate();
    const own = parseCertificate(raw);
    expect(own.version).toBe(3);
    expect(toHex(own.serial)).toBe('1234');
    expect(own.signatureAlgorithm).toEqual({ oid: OID.ecdsaSha384, parameters: null });
    expect(own.issuer.commonName).toBe('issuer');
    expect(own.subject.attributes).toEqual([{ oid: OID.commonName, value: 'subject' }]);
    expect(own.subject.raw).toEqual(name('subject'));
    expect(own.notBefore).toBe(Date.UTC(2024, 0));
    expect(own.notAfter).toBe(Date.UTC(2051, 0));
    expect(own.spki).toMatchObject({ algorithm: OID.ecPublicKey, curve: OID.p384, raw: SPKI });
    expect(own.spki.publicKey.length).toBe(97);
    expect(own.basicConstraints).toEqual({ ca: true, pathLength: 1 });
    expect(own.keyUsage).toMatchObject({
      keyCertSign: true,
      cRLSign: true,
      digitalSignature: false,
      decipherOnly: false,
    });
    expect(own.extensions.map((item) => [item.oid, item.critical])).toEqual([
      [OID.basicConstraints, true],
      [OID.keyUsage, true],
    ]);
    expect(own.raw).toEqual(raw);
    expect(Object.isFrozen(own) && Object.isFrozen(own.extensions) && Object.isFrozen(own.spki)).toBe(true);
    const p1363 = ecdsaDerToP1363(own.signature, 48);
    expect(verify('sha384', own.tbs, { key: PUBLIC_KEY, dsaEncoding: 'ieee-p1363' }, p1363)).toBe(true);
    agrees(own);
  });

  it('keeps unknown critical extensions for the verifier to judge, and certificates without any', () => {
    const odd = parseCertificate(
      certificate({ rest: extensions(extension('1.2.3.4', true, der.derNull())) }),
    );
    expect(odd.extensions).toMatchObject([{ oid: '1.2.3.4', critical: true }]);
    const bare = parseCertificate(certificate({ rest: EMPTY }));
    expect([bare.extensions, bare.basicConstraints, bare.keyUsage]).toEqual([[], null, null]);
  });

  it('has no common name when there are two', () => {
    const pair = (text: string): Uint8Array =>
      der.derSetOf(der.derSequence(der.derOid(OID.commonName), der.derUtf8String(text)));
    expect(
      parseCertificate(certificate({ subject: der.derSequence(pair('a'), pair('b')) })).subject.commonName,
    ).toBeNull();
    expect(parseCertificate(certificate({ subject: der.derSequence() })).subject.commonName).toBeNull();
  });

  it('reports offsets in the outermost input', () => {
    const bytes = certificate({ serial: fromHex('020180') });
    try {
      parseCertificate(bytes, { path: 'document.cabundle[1]', base: 500 });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'X509_SERIAL_INVALID',
        path: 'document.cabundle[1].tbsCertificate',
      });
      const offset = (error as ParseError).offset - 500;
      expect(toHex(bytes.subarray(offset, offset + 3))).toBe('020180');
    }
  });
});

const long = (length: number): Uint8Array => new Uint8Array(length).fill(1);
const basic = (...items: readonly Uint8Array[]): Partial<Parts> => ({
  rest: extensions(extension(OID.basicConstraints, true, der.derSequence(...items))),
});
const usage = (hex: string): Partial<Parts> => ({
  rest: extensions(extension(OID.keyUsage, true, fromHex(hex))),
});
const key = (...algorithm: readonly Uint8Array[]): Partial<Parts> => ({
  spki: der.derSequence(der.derSequence(...algorithm), der.derBitString(long(32))),
});
const rdn = (...pairs: readonly Uint8Array[]): Partial<Parts> => ({
  subject: der.derSequence(der.derElement(0x31, ...pairs)),
});
const attribute = (oid: string, value: Uint8Array): Uint8Array => der.derSequence(der.derOid(oid), value);

const FAULTS: readonly (readonly [name: string, code: Code, parts: Partial<Parts>])[] = [
  ['version 1, by default', 'X509_VERSION', { version: EMPTY }],
  ['version 2', 'X509_VERSION', { version: der.derExplicit(0, der.derUnsigned(1)) }],
  ['version 4', 'X509_VERSION', { version: der.derExplicit(0, der.derUnsigned(3)) }],
  ['two versions', 'DER_TRAILING', { version: der.derExplicit(0, der.derUnsigned(2), der.derUnsigned(2)) }],
  ['negative serial', 'X509_SERIAL_INVALID', { serial: fromHex('0201ff') }],
  ['serial of 21 octets', 'X509_SERIAL_INVALID', { serial: der.derUnsigned(long(21)) }],
  ['serial not in its shortest form', 'DER_NOT_DISTINGUISHED', { serial: fromHex('02020001') }],
  [
    'other algorithm outside',
    'X509_ALGORITHM_MISMATCH',
    { outerAlgorithm: der.derSequence(der.derOid(OID.ecdsaSha256)) },
  ],
  [
    'parameters outside only',
    'X509_ALGORITHM_MISMATCH',
    { outerAlgorithm: der.derSequence(der.derOid(OID.ecdsaSha384), der.derNull()) },
  ],
  [
    'two algorithm parameters',
    'DER_TRAILING',
    { algorithm: der.derSequence(der.derOid(OID.ecdsaSha384), der.derNull(), der.derNull()) },
  ],
  ['empty relative distinguished name', 'DER_VALUE_INVALID', rdn()],
  [
    'attributes not sorted',
    'DER_NOT_DISTINGUISHED',
    rdn(attribute('2.5.4.10', der.derUtf8String('b')), attribute('2.5.4.3', der.derUtf8String('a'))),
  ],
  ['attribute that is not text', 'DER_TYPE', rdn(attribute('2.5.4.3', der.derNull()))],
  [
    '33 relative distinguished names',
    'DER_VALUE_INVALID',
    {
      subject: der.derSequence(
        ...Array.from({ length: 33 }, () => der.derSetOf(attribute('2.5.4.3', der.derUtf8String('x')))),
      ),
    },
  ],
  ['one time', 'DER_TRUNCATED', { validity: der.derSequence(der.derTime(0)) }],
  [
    'three times',
    'DER_TRAILING',
    { validity: der.derSequence(der.derTime(0), der.derTime(0), der.derTime(0)) },
  ],
  [
    '30 February',
    'DER_TIME_INVALID',
    { validity: der.derSequence(utcTime('240230000000Z'), der.derTime(0)) },
  ],
  ['EC key without a curve', 'X509_KEY_INVALID', key(der.derOid(OID.ecPublicKey))],
  [
    'EC key with explicit parameters',
    'X509_KEY_INVALID',
    key(der.derOid(OID.ecPublicKey), der.derSequence()),
  ],
  [
    'EC key with two curves',
    'DER_TRAILING',
    key(der.derOid(OID.ecPublicKey), der.derOid(OID.p384), der.derOid(OID.p384)),
  ],
  ['Ed25519 key with parameters', 'X509_KEY_INVALID', key(der.derOid(OID.ed25519), der.derNull())],
  ['RSA key without NULL', 'X509_KEY_INVALID', key(der.derOid(OID.rsa))],
  [
    'key of odd bits',
    'DER_VALUE_INVALID',
    { spki: der.derSequence(der.derSequence(der.derOid(OID.ed25519)), der.derNamedBits(0)) },
  ],
  [
    'issuer unique identifier',
    'DER_TRAILING',
    { rest: concat(der.derImplicit(1, Uint8Array.of(0, 1)), extensions(CA)) },
  ],
  ['two lists of extensions', 'DER_TRAILING', { rest: concat(extensions(CA), extensions(SIGNS)) }],
  ['no extension in the list', 'X509_EXTENSION_INVALID', { rest: extensions() }],
  [
    '65 extensions',
    'DER_VALUE_INVALID',
    {
      rest: extensions(
        ...Array.from({ length: 65 }, (_, i) => extension(`1.2.3.${i}`, false, der.derNull())),
      ),
    },
  ],
  ['extension twice', 'X509_EXTENSION_DUPLICATE', { rest: extensions(CA, SIGNS, CA) }],
  [
    'unknown extension twice',
    'X509_EXTENSION_DUPLICATE',
    { rest: extensions(extension('1.2.3', false, EMPTY), extension('1.2.3', true, EMPTY)) },
  ],
  [
    'critical FALSE spelled out',
    'DER_NOT_DISTINGUISHED',
    {
      rest: extensions(
        der.derSequence(der.derOid('1.2.3'), der.derBoolean(false), der.derOctetString(EMPTY)),
      ),
    },
  ],
  [
    'critical 01',
    'DER_NOT_DISTINGUISHED',
    { rest: extensions(der.derSequence(der.derOid('1.2.3'), fromHex('010101'), der.derOctetString(EMPTY))) },
  ],
  ['extension without a value', 'DER_TRUNCATED', { rest: extensions(der.derSequence(der.derOid('1.2.3'))) }],
  ['cA FALSE spelled out', 'DER_NOT_DISTINGUISHED', basic(der.derBoolean(false))],
  ['path length without CA', 'X509_EXTENSION_INVALID', basic(der.derUnsigned(0))],
  ['negative path length', 'DER_VALUE_INVALID', basic(der.derBoolean(true), fromHex('0201ff'))],
  [
    'path length that wraps 32 bits',
    'DER_VALUE_INVALID',
    basic(der.derBoolean(true), fromHex('02050100000000')),
  ],
  [
    'bytes after basic constraints',
    'DER_TRAILING',
    { rest: extensions(extension(OID.basicConstraints, true, fromHex('30000000'))) },
  ],
  ['third basic constraint', 'DER_TRAILING', basic(der.derBoolean(true), der.derUnsigned(0), der.derNull())],
  ['key usage without any use', 'X509_EXTENSION_INVALID', usage('030100')],
  ['key usage of zero bits', 'X509_EXTENSION_INVALID', usage('03020700')],
  ['key usage with a tenth bit', 'DER_VALUE_INVALID', usage('0303060040')],
  ['key usage with unused bits set', 'DER_NOT_DISTINGUISHED', usage('03020781')],
  ['key usage of many octets', 'DER_VALUE_INVALID', usage(`030c07${'80'.repeat(11)}`)],
  ['bytes after key usage', 'DER_TRAILING', usage('0302078000')],
  ['signature with unused bits', 'DER_VALUE_INVALID', { signature: fromHex('03020780') }],
  ['signature that is an OCTET STRING', 'DER_TYPE', { signature: der.derOctetString(long(8)) }],
  ['trailing byte', 'DER_TRAILING', { tail: Uint8Array.of(0) }],
  ['second certificate', 'DER_TRAILING', { tail: fromHex('3000') }],
];

describe('malformed certificates', () => {
  for (const [fault, code, parts] of FAULTS)
    it(`${fault}: ${code}`, () => {
      expect(() => parseCertificate(certificate(parts))).toFailWith(code);
    });

  it('a certificate in BER or as PEM text is not DER', () => {
    const indefinite = concat(fromHex('3080'), certificate().subarray(4), fromHex('0000'));
    expect(() => parseCertificate(indefinite)).toFailWith('DER_NOT_DISTINGUISHED');
    expect(() => parseCertificate(utf8(formatPem('CERTIFICATE', certificate())))).toFailWith('DER_TYPE');
  });
});

describe('what genuine certificates have and RFC 5280 or DER would not', () => {
  it('serial zero, as on AMD VCEK', () => {
    expect(toHex(parseCertificate(certificate({ serial: der.derUnsigned(0) })).serial)).toBe('00');
  });
  it('serial of 20 octets with the top bit set, as on Nitro', () => {
    expect(
      parseCertificate(certificate({ serial: der.derUnsigned(new Uint8Array(20).fill(0xff)) })).serial.length,
    ).toBe(21);
  });
  it('trailing zero bits of key usage, as on AMD ASK', () => {
    expect(parseCertificate(certificate(usage('03020006'))).keyUsage).toMatchObject({
      keyCertSign: true,
      cRLSign: true,
    });
  });
});

describe('recorded certificates', () => {
  const entries = manifest('nitro').filter(
    ({ file }) =>
      file.startsWith('docs/') && file.endsWith('.cbor') && file !== 'docs/blocky-selfsigned.cbor',
  );
  if (entries.length === 0) it.skip(missing('X.509 in nitro documents', 20), () => undefined);
  for (const { file } of entries)
    it(`${file}: node:crypto reads the same`, () => {
      const { payload } = parseCoseSign1(corpusBytes('nitro', file), { maxPayload: 16_384, signature: 96 });
      const fields = decodeCbor(payload) as ReadonlyMap<string, unknown>;
      const chain = [fields.get('certificate'), ...(fields.get('cabundle') as Uint8Array[])] as Uint8Array[];
      for (const bytes of chain) {
        const own = parseCertificate(bytes);
        agrees(own);
        expect(ecdsaDerToP1363(own.signature, 48).length).toBe(96);
      }
    });

  itWithOpenssl('the two root certificates, and openssl reads the same', () => {
    for (const file of ['roots/aws-nitro-enclaves-root-g1.pem', 'roots/aws-us-gov-nitro-enclaves-root.pem']) {
      if (entries.length === 0) return;
      const text = corpusText('nitro', file);
      const [bytes] = parsePem(text, 'CERTIFICATE');
      const own = parseCertificate(bytes as Uint8Array);
      agrees(own);
      const shown = execFileSync('openssl', ['x509', '-noout', '-dates', '-serial', '-subject'], {
        input: text,
        encoding: 'utf8',
      });
      const field = (label: string): string => new RegExp(`^${label}=(.*)$`, 'm').exec(shown)?.[1] ?? '';
      expect(Date.parse(field('notBefore'))).toBe(own.notBefore);
      expect(Date.parse(field('notAfter'))).toBe(own.notAfter);
      expect(BigInt(`0x${field('serial')}`)).toBe(BigInt(`0x${toHex(own.serial)}`));
      expect(field('subject')).toMatch(new RegExp(`CN ?= ?${own.subject.commonName}$`));
    }
  });
});

describe('selfSignedCertificate', () => {
  const input = (publicKey: KeyObject, signer: (tbs: Uint8Array) => Uint8Array) => ({
    subjectCommonName: 'sim.example.org/log',
    notBefore: Date.UTC(2026, 10, 20),
    notAfter: Date.UTC(2050, 0),
    serial: fromHex('00ff01'),
    spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    sign: signer,
    extensions: [{ oid: OID.basicConstraints, critical: true, value: der.derSequence() }],
  });

  itWithOpenssl('is what our parser, node:crypto and openssl take', () => {
    const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const ed25519 = generateKeyPairSync('ed25519');
    const all = [
      [
        p256.publicKey,
        (tbs: Uint8Array) => new Uint8Array(sign('sha256', tbs, p256.privateKey)),
        OID.ecdsaSha256,
      ],
      [
        p384.publicKey,
        (tbs: Uint8Array) =>
          der.ecdsaP1363ToDer(
            new Uint8Array(sign('sha384', tbs, { key: p384.privateKey, dsaEncoding: 'ieee-p1363' })),
          ),
        OID.ecdsaSha384,
      ],
      [
        ed25519.publicKey,
        (tbs: Uint8Array) => new Uint8Array(sign(null, tbs, ed25519.privateKey)),
        OID.ed25519,
      ],
    ] as const;
    for (const [publicKey, signer, oid] of all) {
      const bytes = selfSignedCertificate(input(publicKey, signer));
      const own = parseCertificate(bytes);
      expect(own.signatureAlgorithm.oid).toBe(oid);
      expect(own.basicConstraints).toEqual({ ca: false, pathLength: null });
      agrees(own);
      const other = secondOpinion(bytes);
      expect(other.verify(publicKey)).toBe(true);
      const shown = execFileSync('openssl', ['x509', '-noout', '-text'], {
        input: formatPem('CERTIFICATE', bytes),
        encoding: 'utf8',
      });
      expect(shown).toMatch(/CN ?= ?sim\.example\.org\/log/);
    }
  });

  it('refuses a key that has no signature algorithm', () => {
    const x25519 = generateKeyPairSync('x25519').publicKey;
    expect(() => selfSignedCertificate(input(x25519, () => EMPTY))).toFailWith('X509_KEY_INVALID');
  });
});
