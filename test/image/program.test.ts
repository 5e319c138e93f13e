import { describe, expect, it } from 'vitest';
import {
  formatMeasurements,
  measure,
  readProgram,
  buildProgram,
  type ProgramContent,
} from '../../images/index.ts';
import { writeCpio } from '../../images/cpio.ts';
import { writeEif } from '../../images/eif.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';

const node = utf8('\x7fELF pretend');
const content: ProgramContent = {
  bundleFiles: new Map([
    ['enclave.mjs', utf8('console.log(1)')],
    ['cedar_wasm_bg.wasm', Uint8Array.of(0, 97, 115, 109)],
  ]),
  config: utf8('{"version":1}'),
  lockFile: utf8('{}'),
  addon: null,
  nodeFlags: ['--secure-heap=65536', '--no-warnings', '--max-old-space-size=512'],
  nodeSha384: nodeCrypto.sha384(node),
};
const image = buildProgram(content);

const sha = (...parts: Uint8Array[]): Uint8Array => nodeCrypto.sha384(...parts);
const zero = new Uint8Array(48);

describe('program images', () => {
  it('are the same for the same content, in whatever order it is given', () => {
    const reversed = new Map([...content.bundleFiles].reverse());
    expect(buildProgram({ ...content, bundleFiles: reversed })).toEqual(image);
  });

  it('measure by the EIF rule with Node in the place of the kernel', () => {
    const { cmdline, ramdisks } = readProgram(image).image;
    const [first, second] = ramdisks as [Uint8Array, Uint8Array];
    expect(measure(nodeCrypto, image, node)).toEqual({
      pcr0: sha(zero, sha(node, cmdline, first, second)),
      pcr1: sha(zero, sha(node, cmdline, first)),
      pcr2: sha(zero, sha(second)),
      configDigest: nodeCrypto.sha256(content.config),
    });
  });

  it('measure differently for every byte of program, configuration, runtime and flags', () => {
    const variants: ProgramContent[] = [
      { ...content, config: utf8('{"version":2}') },
      { ...content, lockFile: utf8('{ }') },
      { ...content, addon: utf8('addon') },
      { ...content, nodeFlags: content.nodeFlags.slice(1) },
      { ...content, bundleFiles: new Map([...content.bundleFiles, ['enclave.mjs', utf8('console.log(2)')]]) },
    ];
    const seen = [content, ...variants].map((v) => toHex(measure(nodeCrypto, buildProgram(v), node).pcr0));
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('name their Node binary and are not measured with another', () => {
    expect(() => measure(nodeCrypto, image, utf8('other'))).toFailWith('PROGRAM_RUNTIME_MISMATCH');
  });

  it('are refused when flags moved into the Node binary, which leaves every register as it was', () => {
    const { cmdline, ramdisks, metadata } = readProgram(image).image;
    const dropped = '--secure-heap=65536 ';
    const longer = concat(node, utf8(dropped));
    const shifted = writeEif({
      architecture: 'x86_64',
      kernel: utf8(`node sha384 ${toHex(sha(longer))}\n`),
      cmdline: new TextDecoder().decode(cmdline).slice(dropped.length),
      ramdisks,
      metadata,
    });
    expect(() => measure(nodeCrypto, shifted, longer)).toFailWith('PROGRAM_INVALID');
  });

  it('take no flag that reads code or settings from elsewhere', () => {
    for (const flag of [
      '--import=/tmp/x.mjs',
      '-e',
      '--env-file=.env',
      '--inspect',
      'x.mjs',
      '--no-warnings --inspect',
      '--inspect-brk=0',
    ])
      expect(() => buildProgram({ ...content, nodeFlags: [flag] }), flag).toFailWith('PROGRAM_INVALID');
  });

  it('are refused without their entry, with a file twice or with one named like the runtime', () => {
    const files = (entries: [string, Uint8Array][]): ProgramContent => ({
      ...content,
      bundleFiles: new Map(entries),
    });
    const entry: [string, Uint8Array] = ['enclave.mjs', utf8('x')];
    expect(() => buildProgram(files([]))).toFailWith('PROGRAM_INVALID');
    expect(() => buildProgram(files([entry, ['node', utf8('x')]]))).toFailWith('PROGRAM_INVALID');
    expect(() => buildProgram(files([entry, ['config.json', utf8('x')]]))).toFailWith('PROGRAM_INVALID');
    expect(() => buildProgram(files([entry, ['cmdline', utf8('x')]]))).toFailWith('PROGRAM_INVALID');
    expect(() => buildProgram(files([entry, ['../x', utf8('x')]]))).toFailWith('CPIO_PATH_UNSAFE');
  });

  it('are told from bootable images', () => {
    const ramdisks = [writeCpio(new Map())];
    const bootable = writeEif({
      architecture: 'x86_64',
      kernel: utf8('bzImage'),
      cmdline: '',
      ramdisks,
      metadata: utf8('{}'),
    });
    expect(() => readProgram(bootable)).toFailWith('PROGRAM_INVALID');
  });

  it('give measurements in the shape that nitro-cli prints', () => {
    const measured = measure(nodeCrypto, image, node);
    const text = formatMeasurements(measured, { Simulated: true });
    expect(JSON.parse(text)).toEqual({
      Measurements: {
        HashAlgorithm: 'Sha384 { ... }',
        PCR0: toHex(measured.pcr0),
        PCR1: toHex(measured.pcr1),
        PCR2: toHex(measured.pcr2),
      },
      Assay: { Simulated: true },
    });
  });
});
