/** Signing an image: the bytes that AWS's tool writes, PCR8 of the certificate, and what no signature passes for. */
import { createPublicKey } from 'node:crypto';
import { decode } from 'cborg';
import { describe, expect, it } from 'vitest';
import { signImage } from '../../host/image/index.ts';
import { measureEif, withSignature } from '../../images/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { derSequence, derTime } from '../../src/codec/der-write.ts';
import { formatPem } from '../../src/codec/pem.ts';
import {
  eifSignaturePayload,
  formatEifSignature,
  parseEifSignature,
} from '../../src/evidence/eif-signature.ts';
import { measureSigner, parseEif } from '../../src/image/index.ts';
import { CORPUS, corpusBytes, manifest, missing } from '../support/corpus.ts';
import { image, signer } from '../support/images.ts';

const NOW = Date.parse('2026-11-20T00:00:00Z');
const ALGORITHMS = [
  { curve: 'P-256', alg: -7, size: 64 },
  { curve: 'P-384', alg: -35, size: 96 },
  { curve: 'P-521', alg: -36, size: 132 },
];
const loose = { canonical: false } as const;

describe.skipIf(CORPUS === null)('the recorded signed image', () => {
  // The body is read even where it is skipped.
  const recorded = (file: string): Uint8Array =>
    CORPUS === null ? image() : corpusBytes('nitro', `eif/${file}`);
  const signed = recorded('signed.eif');
  const unsigned = recorded('two-ramdisks.eif');
  const section = parseEif(signed).signature ?? new Uint8Array(0);

  it('comes out byte for byte when its signature is put into the unsigned one', () => {
    const parts = parseEifSignature(section);
    expect(formatEifSignature(parts)).toEqual(section);
    expect(withSignature(unsigned, formatEifSignature(parts))).toEqual(signed);
  });

  it('is signed over the payload that is written here, and measures to the recorded PCR8', () => {
    const { pcr0, pcr8 } = measureEif(nodeCrypto, signed, loose);
    const [, , payload] = decode(parseEifSignature(section).signature, { useMaps: true }) as Uint8Array[];
    expect(eifSignaturePayload(pcr0)).toEqual(payload);
    const entry = manifest('nitro').find(({ file }) => file === 'eif/signed.eif');
    expect(toHex(pcr8 as Uint8Array)).toBe(entry?.expected.fields['PCR8']);
  });

  it('has the shape of one signed here: all but the signature and the certificate', () => {
    const other = signImage(nodeCrypto, unsigned, signer('P-384'), NOW);
    const cose = (file: Uint8Array): Uint8Array =>
      parseEifSignature(parseEif(file).signature as Uint8Array).signature;
    expect(cose(other).length).toBe(cose(signed).length);
    expect(cose(other).subarray(0, -96)).toEqual(cose(signed).subarray(0, -96));
    // The header, less the size of the signature section and the checksum.
    expect(other.subarray(0, 324)).toEqual(signed.subarray(0, 324));
    expect(other.subarray(548, 9_495)).toEqual(signed.subarray(548, 9_495));
  });
});
if (CORPUS === null) missing('nitro/eif, signed', 3);

describe('signing', () => {
  it.each(ALGORITHMS)(
    'writes what other readers understand, with a key on $curve',
    ({ curve, alg, size }) => {
      const pem = signer(curve);
      const signed = signImage(nodeCrypto, image(), pem, NOW);
      const before = measureEif(nodeCrypto, image());
      expect(measureEif(nodeCrypto, signed)).toEqual({
        ...before,
        pcr8: measureSigner(nodeCrypto, pem.der),
      });
      const [entry] = decode(parseEif(signed).signature as Uint8Array) as Record<string, number[]>[];
      expect(Object.keys(entry ?? {})).toEqual(['signing_certificate', 'signature']);
      expect(String.fromCharCode(...(entry?.['signing_certificate'] ?? []))).toBe(
        formatPem('CERTIFICATE', pem.der),
      );
      const options = { useMaps: true };
      const sign1 = decode(Uint8Array.from(entry?.['signature'] ?? []), options) as [
        Uint8Array,
        unknown,
        Uint8Array,
        Uint8Array,
      ];
      expect(decode(sign1[0], options)).toEqual(new Map([[1, alg]]));
      expect(decode(sign1[2])).toEqual({ register_index: 0, register_value: [...before.pcr0] });
      expect(sign1[3].length).toBe(size);
    },
  );

  it('wipes the key that it was given', () => {
    const pem = signer('P-384');
    signImage(nodeCrypto, image(), pem, NOW);
    expect(pem.key.every((byte) => byte === 0)).toBe(true);
  });

  it('replaces a signature', () => {
    const [first, second] = [signer('P-384'), signer('P-256')];
    const once = signImage(nodeCrypto, image(), first, NOW);
    const twice = signImage(nodeCrypto, once, second, NOW);
    expect(measureEif(nodeCrypto, twice).pcr8).toEqual(measureSigner(nodeCrypto, second.der));
    expect(withSignature(twice, parseEif(once).signature as Uint8Array)).toEqual(once);
  });

  it('refuses keys and certificates that do not fit', () => {
    const good = signer('P-384');
    const fresh = (): Uint8Array => good.key.slice();
    const sign = (key: Uint8Array, certificate: Uint8Array): (() => unknown) => {
      return () => signImage(nodeCrypto, image(), { key, certificate }, NOW);
    };
    const expired = signer('P-384', {
      validity: derSequence(derTime(Date.UTC(2024, 0)), derTime(Date.UTC(2025, 0))),
    });
    const koblitz = signer('secp256k1');
    for (const attempt of [
      sign(fresh(), signer('P-384').certificate),
      sign(fresh(), concat(good.certificate, good.certificate)),
      sign(fresh(), utf8('no certificate')),
      sign(fresh(), utf8(formatPem('CERTIFICATE', Uint8Array.of(0x30, 0)))),
      sign(utf8('no key'), good.certificate),
      sign(
        utf8(createPublicKey(good.privateKey).export({ type: 'spki', format: 'pem' }) as string),
        good.certificate,
      ),
      sign(expired.key, expired.certificate),
      sign(koblitz.key, koblitz.certificate),
    ])
      expect(attempt).toFailWith('EIF_SIGNER_UNFIT');
  });
});

describe('a signature', () => {
  const pem = signer('P-384');
  const signed = signImage(nodeCrypto, image(), pem, NOW);
  const section = parseEif(signed).signature as Uint8Array;
  const parts = parseEifSignature(section);

  it('does not pass for one of another image', () => {
    const other = withSignature(image({ cmdline: 'reboot=k debug' }), section);
    expect(() => measureEif(nodeCrypto, other)).toFailWith('EIF_SIGNATURE_MISMATCH');
  });

  it('does not pass with another certificate, of its curve or not', () => {
    for (const curve of ['P-384', 'P-256']) {
      const stolen = formatEifSignature({ ...parts, certificate: signer(curve).der });
      expect(() => measureEif(nodeCrypto, withSignature(image(), stolen))).toFailWith(
        'EIF_SIGNATURE_MISMATCH',
      );
    }
  });

  it('does not pass with any bit of it changed', () => {
    for (let at = 0; at < parts.signature.length; at += 5) {
      const signature = parts.signature.slice();
      signature[at]! ^= 1 << (at % 8);
      const file = withSignature(image(), formatEifSignature({ ...parts, signature }));
      expect(() => measureEif(nodeCrypto, file), `byte ${at}`).toThrow(
        /eif\.signature|signature|signed|COSE/i,
      );
    }
  });

  it('is refused when it is no COSE_Sign1, or its certificate none', () => {
    const bad = [
      { ...parts, signature: utf8('no cose') },
      { ...parts, certificate: Uint8Array.of(0x30, 0) },
    ];
    for (const one of bad)
      expect(() => measureEif(nodeCrypto, withSignature(image(), formatEifSignature(one)))).toFailWith(
        'EIF_SIGNATURE_INVALID',
      );
  });
});
