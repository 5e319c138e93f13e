/** Which input moved which register: images that differ in one thing each. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explainImages, readRamdisk, signImage } from '../../host/image/index.ts';
import { writeCpio } from '../../images/cpio.ts';
import { type EifContent, withChecksum } from '../../images/eif.ts';
import { buildProgram, type ProgramContent } from '../../images/program.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { codeOf } from '../../src/base/errors.ts';
import { archive, BOOT, CONTENT, gzip, image, ROOT, signer, zstd } from '../support/images.ts';

const NOW = Date.parse('2026-11-20T00:00:00Z');
const explain = (before: Uint8Array, after: Uint8Array): [string, string, string][] =>
  explainImages(nodeCrypto, before, after).differences.map(({ input, change, moves, unmoved }) => [
    input,
    change,
    moves.join(' ') || `none: ${unmoved}`,
  ]);
const changed = (changes: Partial<EifContent>): [string, string, string][] =>
  explain(image(), image(changes));
const [first, second] = CONTENT.ramdisks as [Uint8Array, Uint8Array];

describe('explaining two images', () => {
  it('finds nothing in the same bytes', () => {
    expect(explainImages(nodeCrypto, image(), image())).toEqual({ moved: [], differences: [] });
  });

  it('names the kernel, the command line, the metadata and the architecture', () => {
    expect(changed({ kernel: utf8('another') })).toEqual([['kernel', 'changed', 'PCR0 PCR1']]);
    expect(changed({ cmdline: 'reboot=k panic=30' })).toEqual([['command line', 'changed', 'PCR0 PCR1']]);
    expect(changed({ metadata: utf8('{}') })).toEqual([['metadata', 'changed', 'none: not measured']]);
    expect(changed({ architecture: 'arm64' })).toEqual([['header', 'changed', 'none: not measured']]);
  });

  it('says what changed in command line and metadata', () => {
    const detail = (changes: Partial<EifContent>): string | undefined =>
      explainImages(nodeCrypto, image(), image(changes)).differences[0]?.detail;
    expect(detail({ cmdline: 'reboot=k panic=1 quiet' })).toBe('-panic=30 +panic=1');
    const later = '{"ImageName":"a","BuildMetadata":{"BuildTime":"2026-11-20T00:00:00Z"}}';
    expect(detail({ metadata: utf8(later) })).toBe('BuildMetadata.BuildTime');
    expect(detail({ metadata: utf8('no json') })).toBe('70 bytes, now 7 bytes');
  });

  it.each([
    [
      'a changed file of the first ramdisk',
      [gzip(archive({ ...BOOT, init: 'other' })), second],
      0,
      'init',
      'changed',
    ],
    [
      'a removed file of the first ramdisk',
      [gzip(archive({ init: 'starts' })), second],
      0,
      'init.conf',
      'removed',
    ],
    [
      'an added file of the second ramdisk',
      [first, zstd(archive({ ...ROOT, 'lib/x': '' }))],
      1,
      'lib/x',
      'added',
    ],
    [
      'a changed file of the second ramdisk',
      [first, zstd(archive({ ...ROOT, 'enclave/main.mjs': 'allow()' }))],
      1,
      'enclave/main.mjs',
      'changed',
    ],
  ] as const)('names %s', (_, ramdisks, index, path, change) => {
    const registers = index === 0 ? 'PCR0 PCR1' : 'PCR0 PCR2';
    expect(changed({ ramdisks }).filter(([input]) => input.includes(':'))).toContainEqual([
      `ramdisk ${index}: ${path}`,
      change,
      registers,
    ]);
    expect(changed({ ramdisks })[0]).toEqual([`ramdisk ${index}`, 'changed', registers]);
  });

  it('names the mode of a file whose bytes are the same', () => {
    const executable = new Map(
      Object.entries(BOOT).map(([path, text]) => [path, { data: utf8(text), executable: path === 'init' }]),
    );
    const { differences } = explainImages(
      nodeCrypto,
      image(),
      image({ ramdisks: [gzip(writeCpio(executable)), second] }),
    );
    expect(differences.map(({ input, detail }) => [input, detail])[1]).toEqual([
      'ramdisk 0: init',
      'mode 0100400, now 0100500',
    ]);
  });

  it('says that only the compression differs', () => {
    const { differences, moved } = explainImages(
      nodeCrypto,
      image(),
      image({ ramdisks: [zstd(archive(BOOT)), second] }),
    );
    expect(moved).toEqual(['PCR0', 'PCR1']);
    expect(differences).toHaveLength(1);
    expect(differences[0]?.detail).toMatch(/; the same files: their order, padding or compression differs$/);
  });

  it('names a ramdisk more, which moves PCR2', () => {
    expect(changed({ ramdisks: [first, second, gzip(archive({ a: 'b' }))] })).toEqual([
      ['ramdisk 2', 'added', 'PCR0 PCR2'],
      ['ramdisk 2: a', 'added', 'PCR0 PCR2'],
    ]);
  });

  it('does not claim a register for bytes that only moved over a boundary', () => {
    const ramdisks = [concat(utf8(' quiet'), first), second];
    const moved = explain(image(), image({ cmdline: 'reboot=k panic=30', ramdisks }));
    const none = 'none: the same bytes, divided at another place';
    expect(moved.slice(0, 2)).toEqual([
      ['command line', 'changed', none],
      ['ramdisk 0', 'changed', none],
    ]);
    expect(moved.every(([, , why]) => why === none)).toBe(true);
    // PCR0 does not tell one ramdisk from two.
    expect(
      explain(image(), image({ ramdisks: [concat(first, second)] })).map(
        ([input, , why]) => `${input} ${why}`,
      ),
    ).toContain('ramdisk 1 PCR2');
  });

  it('tells another signature from another signer', () => {
    const pem = signer('P-384');
    const sign = (other = pem): Uint8Array =>
      signImage(nodeCrypto, image(), { ...other, key: other.key.slice() }, NOW);
    expect(explain(image(), sign())).toEqual([['signature', 'added', 'PCR8']]);
    expect(explain(sign(), image())).toEqual([['signature', 'removed', 'PCR8']]);
    expect(explain(sign(), sign())).toEqual([['signature', 'changed', 'none: not measured']]);
    expect(explain(sign(), sign(signer('P-256')))).toEqual([['signature', 'changed', 'PCR8']]);
  });

  it('names the defaults in the header', () => {
    const other = image();
    other[15] = 7;
    expect(explain(image(), withChecksum(other))).toEqual([['header', 'changed', 'none: not measured']]);
  });

  it('names Node and the files of program images', () => {
    const content: ProgramContent = {
      bundleFiles: new Map([['enclave.mjs', utf8('one')]]),
      config: utf8('{}'),
      lockFile: utf8('{}'),
      addon: null,
      nodeFlags: ['--no-warnings'],
      nodeSha384: new Uint8Array(48),
    };
    const program = (changes: Partial<ProgramContent> = {}): Uint8Array =>
      buildProgram({ ...content, ...changes });
    expect(explain(program(), program({ nodeSha384: new Uint8Array(48).fill(1) }))).toEqual([
      ['kernel', 'changed', 'PCR0 PCR1'],
    ]);
    expect(explain(program(), program({ config: utf8('{"a":1}') }))).toContainEqual([
      'ramdisk 1: config.json',
      'changed',
      'PCR0 PCR2',
    ]);
  });
});

describe('reading a ramdisk for comparison', () => {
  const read = (bytes: Uint8Array): [string[], string | null] => {
    const { files, unread } = readRamdisk(bytes);
    return [[...files.keys()], unread];
  };

  it('takes archives behind one another, plain and compressed, as the kernel does', () => {
    const zeros = new Uint8Array(6);
    const bytes = concat(
      archive({ a: '1' }),
      zeros,
      gzip(archive({ b: '2' })),
      zeros,
      zstd(archive({ c: '3' })),
      zstd(archive({ a: '4' })),
    );
    expect(read(bytes)).toEqual([['a', 'b', 'c', 'a#2'], null]);
  });

  it('takes links, devices and paths that would never be unpacked', () => {
    const text = new TextDecoder('latin1').decode(archive({ aa: 'x' }));
    const link = text.replace('00008100', '0000A1FF').replace('aa\0', '..\0');
    expect(link).not.toBe(text);
    expect(read(Uint8Array.from(link, (character) => character.charCodeAt(0)))).toEqual([['..'], null]);
  });

  it('keeps what it read and says why not more', () => {
    const good = archive({ a: '1' });
    expect(read(concat(good, utf8('more')))).toEqual([['a'], 'it is no cpio archive of the newc form']);
    expect(read(concat(good, good.subarray(0, 112)))[1]).toBe('its cpio archive is cut off');
    expect(read(concat(good, gzip(good).subarray(0, 30)))[1]).toBe('its gzip data is damaged');
    expect(read(concat(good, zstd(good).subarray(0, 30)))[1]).toBe('its zstd data is damaged');
    expect(read(Uint8Array.of(0x42, 0x5a, 0x68))[1]).toBe('compressed with bzip2');
    expect(read(new Uint8Array(0))).toEqual([[], null]);
  });

  it('does not fill memory: the bound is for all archives together', () => {
    const half = gzip(archive({ a: 'x'.repeat(3_000) }));
    expect(readRamdisk(concat(half, half), 8_192).files.size).toBe(2);
    expect(() => readRamdisk(concat(half, half), 6_000)).toFailWith('RAMDISK_TOO_LARGE');
    const bomb = zstd(new Uint8Array(2_000_000));
    expect(() => readRamdisk(bomb, 1_000_000)).toFailWith('RAMDISK_TOO_LARGE');
  });

  it('survives any edit of a ramdisk: it lists, or says why not', () => {
    const valid = concat(archive(BOOT), gzip(archive(ROOT)), zstd(archive(BOOT)));
    const edits = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(edits, fc.nat(valid.length), (changes, length) => {
        const bytes = valid.slice();
        for (const [at, byte] of changes) bytes[at] = byte;
        for (const part of [bytes, bytes.subarray(0, length)]) {
          try {
            const { files, unread } = readRamdisk(part, 65_536);
            expect(unread === null || unread.length > 0).toBe(true);
            expect(files.size).toBeLessThan(32);
          } catch (error) {
            expect(codeOf(error)).toBe('RAMDISK_TOO_LARGE');
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('numbers a path that is given many times, in time', () => {
    const many = concat(...Array.from({ length: 50_000 }, () => archive({ a: '' }).subarray(0, 112)));
    const { files, unread } = readRamdisk(many);
    expect([files.size, unread, files.has('a#50000')]).toEqual([50_000, null, true]);
  });

  it('refuses a ramdisk of more than 1 GiB', { timeout: 60_000 }, () => {
    const frame = zstd(new Uint8Array(2 ** 26));
    const frames = (count: number): Uint8Array => concat(...Array.from({ length: count }, () => frame));
    expect(read(frames(16))).toEqual([[], null]);
    expect(() => readRamdisk(concat(frames(16), zstd(archive({ a: 'b' }))))).toFailWith('RAMDISK_TOO_LARGE');
  });
});
