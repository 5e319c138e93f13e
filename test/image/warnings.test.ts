/** Which images fix their layout by their registers, and that the function of the build refuses the others. */
import { describe, expect, it } from 'vitest';
import { assembleImage, compressRamdisk } from '../../images/nitro/image.ts';
import { measureEif } from '../../images/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { compressionOf, imageWarnings, parseEif, requireCanonical } from '../../src/image/index.ts';
import { CORPUS, corpusBytes, missing } from '../support/corpus.ts';
import { archive, BOOT, CONTENT, gzip, image, ROOT, zstd } from '../support/images.ts';

const codes = (file: Uint8Array): readonly string[] => imageWarnings(parseEif(file)).map(({ code }) => code);

describe('layout warnings', () => {
  it('has none for two compressed ramdisks and a command line of text', () => {
    expect(codes(image())).toEqual([]);
    expect(measureEif(nodeCrypto, image())).toMatchObject({ pcr8: null, warnings: [] });
  });

  it.each([
    ['gzip', '1f8b08'],
    ['zstd', '28b52ffd'],
    ['xz', 'fd377a585a00'],
    ['lz4', '02214c18'],
    ['bzip2', '425a68'],
    ['lzma', '5d0000'],
  ])('knows %s by its magic, and nothing by less of it', (name, magic) => {
    expect(compressionOf(concat(fromHex(magic), utf8('…')))).toBe(name);
    expect(compressionOf(fromHex(magic.slice(0, -2)))).toBeNull();
  });

  it('names one ramdisk, whose PCR2 is the constant', () => {
    const one = image({ ramdisks: [gzip(archive({ ...BOOT, ...ROOT }))] });
    expect(codes(one)).toEqual(['EIF_ONE_RAMDISK']);
    expect(() => measureEif(nodeCrypto, one)).toFailWith('EIF_ONE_RAMDISK');
    expect(toHex(measureEif(nodeCrypto, one, { canonical: false }).pcr2)).toMatch(/^21b9efbc18480766/);
  });

  it('names each ramdisk that is not compressed, though it is a whole archive', () => {
    const plain = image({ ramdisks: [archive(BOOT), gzip(archive(ROOT)), archive({ a: 'b' })] });
    expect(imageWarnings(parseEif(plain)).map(({ message }) => message)).toEqual([
      'ramdisk 0 does not begin with the magic number of a compression',
      'ramdisk 2 does not begin with the magic number of a compression',
    ]);
    expect(() => measureEif(nodeCrypto, plain)).toFailWith('EIF_BOUNDARY_AMBIGUOUS');
  });

  it('sees any number of bytes that moved over the boundary of a compressed ramdisk', () => {
    const [first, second] = CONTENT.ramdisks as [Uint8Array, Uint8Array];
    const same = measureEif(nodeCrypto, image());
    for (const count of [1, 2, 3, first.length >> 1, first.length - 1]) {
      const layout = {
        kernel: CONTENT.kernel,
        cmdline: concat(utf8(CONTENT.cmdline), first.subarray(0, count)),
        ramdisks: [first.subarray(count), second],
      };
      expect(() => requireCanonical(layout), `${count} bytes`).toFailWith('EIF_BOUNDARY_AMBIGUOUS');
    }
    for (let count = 1; count < CONTENT.cmdline.length; count++) {
      const file = image({
        cmdline: CONTENT.cmdline.slice(0, -count),
        ramdisks: [concat(utf8(CONTENT.cmdline.slice(-count)), first), second],
      });
      expect(measureEif(nodeCrypto, file, { canonical: false }).pcr1).toEqual(same.pcr1);
      expect(() => measureEif(nodeCrypto, file), `${count} bytes`).toFailWith('EIF_BOUNDARY_AMBIGUOUS');
    }
  });

  it('sees words of the command line at the end of a bzImage, and a bzImage that is cut', () => {
    const kernel = new Uint8Array(3 * 512 + 4 * 16);
    kernel.set(fromHex('02'), 0x1f1);
    kernel.set(fromHex('04000000'), 0x1f4);
    kernel.set(fromHex('55aa'), 0x1fe);
    kernel.set(utf8('HdrS'), 0x202);
    const whole = image({ kernel });
    expect(codes(whole)).toEqual([]);
    const moved = image({ kernel: concat(kernel, utf8('reboot=k ')), cmdline: 'panic=30 quiet' });
    expect(measureEif(nodeCrypto, moved, { canonical: false }).pcr0).toEqual(
      measureEif(nodeCrypto, whole).pcr0,
    );
    expect(() => measureEif(nodeCrypto, moved)).toFailWith('EIF_BOUNDARY_AMBIGUOUS');
    expect(imageWarnings(parseEif(moved))[0]?.message).toBe(
      'the kernel has 1609 bytes, and by its own header 1600',
    );
    expect(codes(image({ kernel: kernel.subarray(0, -1) }))).toEqual(['EIF_BOUNDARY_AMBIGUOUS']);
    // No size is known of what is no bzImage.
    kernel[0x202] = 0;
    expect(codes(image({ kernel: concat(kernel, utf8('reboot=k ')) }))).toEqual([]);
    kernel.set(utf8('HdrS'), 0x202);
    // A setup of 0 sectors is one of 4.
    kernel[0x1f1] = 0;
    expect(imageWarnings(parseEif(image({ kernel })))[0]?.message).toMatch(/ by its own header 2624$/);
  });

  it('has none for what the image builder puts together', async () => {
    const built = await assembleImage({
      kernel: CONTENT.kernel,
      kernelVersion: '6.12',
      init: utf8('init'),
      runtime: new Map([['enclave/node', { data: utf8('node'), executable: true }]]),
      program: new Map([['enclave.mjs', utf8('one')]]),
      nodeFlags: [],
      machine: { clockSource: 'kvm-clock', parentCid: 3, memoryMib: 512 },
      name: 'assay',
      version: '0.1.0',
      compress: async (bytes) => compressRamdisk(bytes, 12),
    });
    expect(measureEif(nodeCrypto, built).warnings).toEqual([]);
  });

  it('sees a whole compressed member that moved into the command line', () => {
    const [inner, outer] = [gzip(archive({ a: '1' })), gzip(archive({ b: '2' }))];
    const before = image({ ramdisks: [concat(inner, outer), zstd(archive(ROOT))] });
    expect(codes(before)).toEqual([]);
    const { kernel, ramdisks } = parseEif(before);
    const cmdline = concat(utf8(CONTENT.cmdline), inner);
    const moved = { kernel, cmdline, ramdisks: [outer, ramdisks[1] as Uint8Array] };
    expect(imageWarnings(moved).map(({ message }) => message)).toEqual([
      'the command line has bytes that are not printable ASCII, as those of a ramdisk would be',
    ]);
  });

  it.skipIf(CORPUS === null)('refuses the recorded image of which seven bytes moved', () => {
    expect(() => measureEif(nodeCrypto, corpusBytes('nitro', 'eif/shifted-boundary.eif'))).toFailWith(
      'EIF_BOUNDARY_AMBIGUOUS',
    );
  });
  if (CORPUS === null) missing('nitro/eif', 1);
});
