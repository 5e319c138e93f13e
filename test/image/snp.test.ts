/** Launch digests of SEV-SNP: what other tools compute; firmware that they would read differently is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { AssayError, ParseError } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { fromBase64, toBase64 } from '../../src/codec/base64.ts';
import {
  CPU_NAMES,
  cpuSignature,
  idKeyDigest,
  measureSnpFirmware,
  measureSnpLaunch,
  measureSnpLaunchAfter,
  OVMF_MAX_SIZE,
  parseOvmf,
  type SnpLaunch,
  type SnpVmm,
  writeIdBlock,
  writeIdKey,
} from '../../src/image/snp/index.ts';
import { CORPUS, corpusBytes, corpusText, missing } from '../support/corpus.ts';
import { AMD_SEV, makeOvmf, type OvmfParts } from '../support/ovmf.ts';
import { vectors } from '../support/vectors.ts';

const FOLDER = 'launch-measurement';
const NONE = new Uint8Array(0);

interface Recorded {
  readonly ovmf: string;
  readonly vcpus: number;
  readonly vcpu_type: string | null;
  readonly vcpu_sig: string | null;
  readonly guest_features: string;
  /** A word that says that the file is empty, or null for none. */
  readonly kernel: string | null;
  readonly append: string | null;
  readonly vmm: string;
  /** The chain after another firmware, of which only the table at its end is in the file. */
  readonly ovmf_hash: string | null;
  readonly launch_digest: string;
}

interface RecordedIdBlock {
  readonly measurement_b64: string;
  readonly id_block_b64: string;
  readonly id_key_digest_b64: string;
  readonly author_key_digest_b64: string;
  readonly id_key_test_public: { readonly x: string; readonly y: string };
  readonly author_key_test_public: { readonly x: string; readonly y: string };
}

interface RecordedVectors {
  readonly vectors_from_source_tests: readonly Recorded[];
  readonly vectors_computed_with_source_tool: readonly Recorded[];
  readonly id_block_vector: RecordedIdBlock;
}

interface Computed {
  readonly vmm: string;
  readonly vcpus: number;
  readonly vcpu_type: string | null;
  readonly features: string;
  readonly boot: { readonly kernel: string; readonly initrd: string | null; readonly cmdline: string } | null;
  readonly ovmf: OvmfParts;
  readonly firmware_digest: string;
  readonly launch_digest: string;
}

interface Malformed {
  readonly name: string;
  readonly from?: number;
  readonly hex?: string;
  readonly also?: { readonly from: number; readonly hex: string };
  readonly append?: string;
  readonly drop?: number;
  readonly parts?: Partial<OvmfParts>;
  readonly says: string;
}

/** As vectors name VMMs and processors. */
function vmmOf(name: string, type: string | null): SnpVmm {
  const kind = name.toLowerCase();
  if (kind === 'qemu') return { kind, cpuSignature: cpuSignature(type as string) };
  if (kind === 'ec2' || kind === 'gce') return { kind };
  throw new Error(name);
}

const sample = makeOvmf(AMD_SEV);
const launch = (changes: Partial<SnpLaunch> = {}): SnpLaunch => ({
  firmware: parseOvmf(sample),
  vcpus: 2,
  vmm: vmmOf('qemu', 'EPYC-v4'),
  features: 1n,
  boot: null,
  ...changes,
});
const digest = (changes: Partial<SnpLaunch> = {}): string =>
  toHex(measureSnpLaunch(nodeCrypto, launch(changes)));

describe('recorded launch digests', () => {
  if (CORPUS === null) it.skip(missing('snp/launch-measurement', 13), () => {});
  const recorded = (
    CORPUS === null ? null : JSON.parse(corpusText('snp', `${FOLDER}/vectors.json`))
  ) as RecordedVectors | null;
  const digests = [
    ...(recorded?.vectors_from_source_tests ?? []),
    ...(recorded?.vectors_computed_with_source_tool ?? []),
  ];

  it.each(digests)(
    '$vmm, $vcpus of $vcpu_type, $ovmf, append $append, features $guest_features',
    (vector) => {
      const one = launch({
        firmware: parseOvmf(corpusBytes('snp', `${FOLDER}/${vector.ovmf}`)),
        vcpus: vector.vcpus,
        vmm: vmmOf(vector.vmm, vector.vcpu_type),
        features: BigInt(vector.guest_features),
        boot: vector.kernel === null ? null : { kernel: NONE, initrd: NONE, cmdline: vector.append ?? '' },
      });
      if (vector.vcpu_type !== null) expect(cpuSignature(vector.vcpu_type)).toBe(Number(vector.vcpu_sig));
      const measured =
        vector.ovmf_hash === null
          ? measureSnpLaunch(nodeCrypto, one)
          : measureSnpLaunchAfter(nodeCrypto, fromHex(vector.ovmf_hash), one);
      expect(toHex(measured)).toBe(vector.launch_digest);
    },
  );

  it.skipIf(recorded === null)('are all of them, with an ID block and two digests of keys', () => {
    expect(digests).toHaveLength(10);
    const block = recorded?.id_block_vector as RecordedIdBlock;
    const written = writeIdBlock({
      launchDigest: fromBase64(block.measurement_b64),
      familyId: new Uint8Array(16),
      imageId: new Uint8Array(16),
      guestSvn: 0,
      policy: 0x30000n,
    });
    expect(toBase64(written)).toBe(block.id_block_b64);
    expect(toBase64(idKeyDigest(nodeCrypto, spkiOf(block.id_key_test_public)))).toBe(block.id_key_digest_b64);
    expect(toBase64(idKeyDigest(nodeCrypto, spkiOf(block.author_key_test_public)))).toBe(
      block.author_key_digest_b64,
    );
  });
});

describe('computed launch digests', () => {
  const { cases } = vectors<Computed>('snp-launch.json');

  it.each(cases)('$vmm, $vcpus of $vcpu_type, features $features: $launch_digest', (vector) => {
    const { boot } = vector;
    const one = launch({
      firmware: parseOvmf(makeOvmf(vector.ovmf)),
      vcpus: vector.vcpus,
      vmm: vmmOf(vector.vmm, vector.vcpu_type),
      features: BigInt(vector.features),
      boot:
        boot === null
          ? null
          : { kernel: utf8(boot.kernel), initrd: utf8(boot.initrd ?? ''), cmdline: boot.cmdline },
    });
    expect(toHex(measureSnpFirmware(nodeCrypto, one.firmware))).toBe(vector.firmware_digest);
    expect(toHex(measureSnpLaunch(nodeCrypto, one))).toBe(vector.launch_digest);
  });

  it('have every VMM, and every processor at least once', () => {
    expect(new Set(cases.map(({ vmm }) => vmm))).toEqual(new Set(['qemu', 'ec2', 'gce']));
    const names = new Set(cases.map(({ vcpu_type: type }) => type?.replace(/-v\d$/, '')));
    expect(CPU_NAMES.filter((name) => !names.has(name))).toEqual([]);
  });
});

describe('launch digests', () => {
  const boot = { kernel: utf8('k'), initrd: utf8('i'), cmdline: 'a' };

  it('are moved by everything that is measured', () => {
    const other = sample.slice();
    other[0]! ^= 1;
    const moved = [
      digest(),
      digest({ firmware: parseOvmf(other) }),
      digest({ vcpus: 3 }),
      digest({ vmm: vmmOf('qemu', 'EPYC-Milan') }),
      digest({ vmm: { kind: 'ec2' } }),
      digest({ vmm: { kind: 'gce' } }),
      digest({ features: 0x21n }),
      digest({ boot }),
      digest({ boot: { ...boot, kernel: utf8('l') } }),
      digest({ boot: { ...boot, initrd: NONE } }),
      digest({ boot: { ...boot, cmdline: '' } }),
    ];
    expect(new Set(moved).size).toBe(moved.length);
  });

  it('know the version of a processor by its model', () => {
    expect([cpuSignature('EPYC-Genoa-v2'), cpuSignature('EPYC-Rome')]).toEqual([0xa10f10, 0x830f10]);
    expect([cpuSignature('EPYC'), cpuSignature('EPYC-Milan'), cpuSignature('EPYC-Turin')]).toEqual([
      0x800f12, 0xa00f11, 0xb00f00,
    ]);
    for (const name of [
      '',
      'epyc',
      'EPYC-v',
      'EPYC-v12',
      'EPYC-Milan-v1-v2',
      'EPYC-Naples',
      'toString',
      'host',
    ])
      expect(() => cpuSignature(name)).toFailWith('SNP_LAUNCH_INVALID');
  });

  it('are not computed of what no VMM starts', () => {
    for (const vcpus of [0, -1, 1.5, 4_097, Number.NaN])
      expect(() => digest({ vcpus })).toFailWith('SNP_LAUNCH_INVALID');
    for (const features of [0n, 0x20n, -1n, (1n << 64n) | 1n])
      expect(() => digest({ features })).toFailWith('SNP_LAUNCH_INVALID');
    expect(() => digest({ boot: { ...boot, cmdline: 'a\0b' } })).toFailWith('SNP_LAUNCH_INVALID');
    expect(() => measureSnpLaunchAfter(nodeCrypto, new Uint8Array(47), launch())).toFailWith(
      'SNP_LAUNCH_INVALID',
    );
  });

  it('need a reset block for a second vCPU only', () => {
    const firmware = parseOvmf(makeOvmf({ ...AMD_SEV, reset: null }));
    expect(firmware.resetAddress).toBeNull();
    expect(digest({ firmware, vcpus: 1 })).toMatch(/^[0-9a-f]{96}$/);
    expect(() => digest({ firmware })).toFailWith('SNP_LAUNCH_INVALID');
  });

  it.each([
    ['no section', { sections: AMD_SEV.sections.filter(([type]) => type !== '0x10') }],
    ['no place', { hashTable: null }],
    ['a place of zeros', { hashTable: ['0x0', '0x0'] as const }],
  ])('take a kernel only where it is measured: %s', (_, parts) => {
    const firmware = parseOvmf(makeOvmf({ ...AMD_SEV, ...parts }));
    expect(firmware.hashTable).toBeNull();
    expect(() => digest({ firmware, boot })).toFailWith('OVMF_NO_KERNEL_HASHES');
    expect(digest({ firmware })).toMatch(/^[0-9a-f]{96}$/);
  });

  it('of most vCPUs and most pages take no longer than a moment', () => {
    const sections = [...AMD_SEV.sections.slice(2, 6), ['0x1', '0x1000000', '0xfffc000'] as const];
    const firmware = parseOvmf(makeOvmf({ ...AMD_SEV, sections }));
    const begin = performance.now();
    expect(digest({ firmware, vcpus: 4_096 })).toMatch(/^[0-9a-f]{96}$/);
    expect(performance.now() - begin).toBeLessThan(10_000);
  });
});

describe('firmware', () => {
  it('says what a VMM reads in it', () => {
    const { bytes, ...image } = parseOvmf(sample);
    expect(bytes).toBe(sample);
    expect(image).toMatchObject({ address: 0xffffd000, resetAddress: 0x80b004, hashTable: 0x810c00 });
    expect(image.sections.map(({ kind, address, size }) => [kind, address, size])).toEqual([
      ['memory', 0x800000, 0x9000],
      ['memory', 0x80a000, 0x3000],
      ['secrets', 0x80d000, 0x1000],
      ['cpuid', 0x80e000, 0x1000],
      ['svsm-calling-area', 0x80f000, 0x1000],
      ['kernel-hashes', 0x810000, 0x1000],
      ['memory', 0x811000, 0xf000],
    ]);
    expect([Object.isFrozen(image.sections), Object.isFrozen(image.sections[0])]).toEqual([true, true]);
  });

  const { cases } = vectors<Malformed>('ovmf-malformed.json');
  it.each(cases)('is refused with $name', ({ from, hex, also, append, drop, parts, says }) => {
    let file: Uint8Array = parts === undefined ? sample.slice() : makeOvmf({ ...AMD_SEV, ...parts });
    if (from !== undefined && hex !== undefined) file.set(fromHex(hex), file.length - from);
    if (also !== undefined) file.set(fromHex(also.hex), file.length - also.from);
    if (append !== undefined) file = concat(file, fromHex(append));
    if (drop !== undefined) file = file.subarray(0, file.length - drop);
    const refused = (): unknown => parseOvmf(file);
    expect(refused).toFailWith('OVMF_INVALID');
    expect(refused).toThrow(says);
    expect(refused).toThrow(ParseError);
  });

  it('is refused when it is empty, or larger than any', () => {
    expect(() => parseOvmf(NONE)).toFailWith('OVMF_INVALID');
    expect(() => parseOvmf(new Uint8Array(OVMF_MAX_SIZE + 4_096))).toFailWith('OVMF_INVALID');
    expect(() => parseOvmf(utf8('OVMF'))).toFailWith('OVMF_INVALID');
  });

  it('reads as many entries as any has, and no more', () => {
    const entries = (count: number): Uint8Array => {
      const file = new Uint8Array(4_096);
      file.set(sample.subarray(-4_096));
      const end = file.length - 50;
      new DataView(file.buffer).setUint16(end, 18 * count + 18, true);
      for (let i = 0; i < count; i++) {
        file.fill(i, end - 18 * (i + 1), end - 18 * i);
        file.set([18, 0], end - 18 * (i + 1));
      }
      return file;
    };
    expect(() => parseOvmf(entries(64))).toThrow('no list of sections');
    expect(() => parseOvmf(entries(65))).toThrow('more than 64 entries');
  });

  it('of any bytes at its end gives a typed error, or sections below it', () => {
    const tables = sample.length - 1_536;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: tables, max: sample.length - 1 }), fc.nat(255)), {
          maxLength: 6,
        }),
        (edits) => {
          const file = sample.slice();
          for (const [at, byte] of edits) file[at] = byte;
          try {
            const { sections, address } = parseOvmf(file);
            for (const section of sections)
              expect(section.address + section.size).toBeLessThanOrEqual(address);
          } catch (error) {
            if (!(error instanceof AssayError)) throw error;
            expect(error.code).toBe('OVMF_INVALID');
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('ID blocks', () => {
  const block = {
    launchDigest: new Uint8Array(48).fill(1),
    familyId: new Uint8Array(16).fill(2),
    imageId: new Uint8Array(16).fill(3),
    guestSvn: 0x01020304,
    policy: 0x8000_0000_0003_0000n,
  };

  it('have every field in its place, little-endian', () => {
    expect(toHex(writeIdBlock(block))).toBe(
      `${'01'.repeat(48)}${'02'.repeat(16)}${'03'.repeat(16)}01000000${'04030201'}${'0000030000000080'}`,
    );
  });

  it('are not written of fields of another size', () => {
    for (const changes of [
      { launchDigest: new Uint8Array(47) },
      { familyId: NONE },
      { imageId: new Uint8Array(17) },
      { guestSvn: -1 },
      { guestSvn: 2 ** 32 },
      { guestSvn: 0.5 },
      { policy: -1n },
      { policy: 1n << 64n },
    ])
      expect(() => writeIdBlock({ ...block, ...changes })).toFailWith('SNP_LAUNCH_INVALID');
  });

  it('are signed with P-384 keys alone', () => {
    expect(() => writeIdKey(new Uint8Array(120))).toFailWith('KEY_INVALID');
    expect(() => idKeyDigest(nodeCrypto, NONE)).toFailWith('KEY_INVALID');
  });
});

/** DER SubjectPublicKeyInfo of a P-384 point, whose coordinates may lack leading zeros. */
function spkiOf({ x, y }: { readonly x: string; readonly y: string }): Uint8Array {
  const [first = '', second = ''] = [x, y].map((text) => text.slice(2).padStart(96, '0'));
  return fromHex(`3076301006072a8648ce3d020106052b8104002203620004${first}${second}`);
}
