import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeEif } from '../../images/eif.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { AssayError, type Code } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { crc32, measureImage, measureSigner, measureText, parseEif } from '../../src/image/index.ts';
import { parseEifSignature } from '../../src/evidence/eif-signature.ts';
import { encodeCbor } from '../../src/codec/cbor-encode.ts';
import { CORPUS, corpusBytes, manifest, missing } from '../support/corpus.ts';
import malformed from '../vectors/eif-malformed.json' with { type: 'json' };

// The sizes of the recorded two-ramdisk image, so that the offsets of the vectors file hold for both.
const content = {
  architecture: 'x86_64' as const,
  kernel: new Uint8Array(4096).fill(1),
  cmdline: 'r'.repeat(69),
  metadata: utf8(`{"ImageName":"${'x'.repeat(205)}"}`),
  ramdisks: [new Uint8Array(1500).fill(2), new Uint8Array(3001).fill(3)],
};
const sample = writeEif(content);

function refreshCrc(file: Uint8Array): Uint8Array {
  if (file.length >= 548)
    new DataView(file.buffer).setUint32(544, zlibCrc32(file.subarray(548), zlibCrc32(file.subarray(0, 544))));
  return file;
}

const eifs = manifest('nitro').filter(({ file }) => file.endsWith('.eif'));

describe('enclave image files', () => {
  it.each(eifs)('$file measures as recorded', ({ file, expected }) => {
    const bytes = corpusBytes('nitro', file);
    if (expected.verdict === 'invalid') return expect(() => parseEif(bytes)).toFailWith('EIF_CRC_MISMATCH');
    const image = parseEif(bytes);
    const { pcr0, pcr1, pcr2 } = measureImage(nodeCrypto, image);
    const { PCR0, PCR1, PCR2, PCR8, signing_cert_der_sha256 } = expected.fields;
    expect({ PCR0: toHex(pcr0), PCR1: toHex(pcr1), PCR2: toHex(pcr2) }).toEqual({ PCR0, PCR1, PCR2 });
    if (PCR8 === undefined) return expect(image.signature).toBeNull();
    const { certificate } = parseEifSignature(image.signature as Uint8Array);
    expect(toHex(measureSigner(nodeCrypto, certificate))).toBe(PCR8);
    expect(toHex(nodeCrypto.sha256(certificate))).toBe(signing_cert_der_sha256);
  });
  if (CORPUS === null) missing('nitro/eif', 5);

  it.skipIf(CORPUS === null)('writes the recorded image byte for byte from its sections', () => {
    const bytes = corpusBytes('nitro', 'eif/two-ramdisks.eif');
    const { kernel, cmdline, ramdisks, metadata, architecture } = parseEif(bytes);
    const text = new TextDecoder().decode(cmdline);
    expect(writeEif({ architecture, kernel, cmdline: text, ramdisks, metadata })).toEqual(bytes);
  });

  it('measures the instance id and the role as AWS documents them', () => {
    expect(toHex(measureText(nodeCrypto, 'arn:aws:iam::123456789012:role/Webserver'))).toMatch(
      /^78fce75d.*6921e6$/,
    );
  });

  it('keeps its registers when bytes move over a section boundary', () => {
    const moved = {
      ...content,
      cmdline: `${content.cmdline}\u0002\u0002`,
      ramdisks: [content.ramdisks[0]!.subarray(2), content.ramdisks[1]!],
    };
    expect(measureImage(nodeCrypto, parseEif(writeEif(moved)))).toEqual(
      measureImage(nodeCrypto, parseEif(sample)),
    );
  });

  it('reads what it writes, of both architectures', () => {
    const image = parseEif(writeEif({ ...content, architecture: 'arm64' }));
    expect(image).toMatchObject({ architecture: 'arm64', kernel: content.kernel, signature: null });
    expect(image.ramdisks).toEqual(content.ramdisks);
    expect(parseEif(sample).metadata).toEqual(content.metadata);
  });

  it('is refused by the writer when no reader would take it', () => {
    expect(() => writeEif({ ...content, ramdisks: [] })).toFailWith('EIF_CONTENT_INVALID');
    expect(() => writeEif({ ...content, cmdline: 'a\0b' })).toFailWith('EIF_CONTENT_INVALID');
    expect(() =>
      writeEif({ ...content, ramdisks: Array.from({ length: 29 }, () => new Uint8Array(1)) }),
    ).toFailWith('EIF_CONTENT_INVALID');
  });

  it.each(malformed)('is refused with $name', (vector) => {
    const edits = [vector, ...(vector.also === undefined ? [] : [vector.also])];
    let file: Uint8Array = sample.slice(0, vector.truncate ?? sample.length);
    for (const { at, hex } of edits) if (at !== undefined && hex !== undefined) file.set(fromHex(hex), at);
    if (vector.append !== undefined) file = concat(file, fromHex(vector.append));
    if (vector.keepCrc !== true) refreshCrc(file);
    expect(() => parseEif(file)).toFailWith(vector.code as Code);
  });

  it('survives any edit with its checksum repaired: typed errors only', () => {
    fc.assert(
      fc.property(fc.nat(sample.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const file = sample.slice();
        file[at] = byte;
        try {
          parseEif(refreshCrc(file));
        } catch (error) {
          expect(error).toBeInstanceOf(AssayError);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('notices every flipped bit by its checksum or before', () => {
    for (let at = 0; at < sample.length; at += 7) {
      const file = sample.slice();
      file[at]! ^= 1 << (at % 8);
      expect(() => parseEif(file)).toThrow(AssayError);
    }
  });

  it('computes the checksum that zlib computes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(crc32(a, b)).toBe(zlibCrc32(b, zlibCrc32(a)));
      }),
    );
  });

  it('has its signature section refused when it is not one', () => {
    const ints = (text: string): number[] => [...utf8(text)];
    const entry = (fields: readonly (readonly [string, number[]])[]): Uint8Array =>
      encodeCbor([new Map(fields)]);
    const noPem = entry([
      ['signing_certificate', ints('hello')],
      ['signature', [1]],
    ]);
    const otherNames = entry([
      ['certificate', ints('x')],
      ['signature', [1]],
    ]);
    for (const section of [new Uint8Array(0), encodeCbor([]), noPem, otherNames, encodeCbor(['x'])])
      expect(() => parseEifSignature(section)).toFailWith('EIF_SIGNATURE_INVALID');
  });
});
