/** The parts of an enclave image, put together: what init is told, how ramdisks begin, and what a cache keeps. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cachedBuild, inputsDigest } from '../../images/cache.ts';
import { assembleImage, compressRamdisk, initSettings, kernelCmdline } from '../../images/nitro/image.ts';
import { checkConfig } from '../../images/nitro/config.ts';
import { requireConfig } from '../../images/nitro/index.ts';
import { mustRun, runProgram } from '../../images/process.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import { parseCpio, parseEif } from '../../src/image/index.ts';
import { ROOT } from '../support/tree.ts';

const MACHINE = { clockSource: 'kvm-clock', parentCid: 3, memoryMib: 512 };
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function image(
  program: Readonly<Record<string, string>> = { 'enclave.mjs': 'x' },
): Promise<Uint8Array> {
  return assembleImage({
    kernel: utf8('kernel'),
    kernelVersion: '6.12.0',
    init: utf8('init'),
    runtime: new Map([['enclave/node', { data: utf8('node'), executable: true }]]),
    program: new Map(Object.entries(program).map(([path, data]) => [path, utf8(data)])),
    nodeFlags: ['--no-warnings'],
    machine: MACHINE,
    name: 'assay',
    version: '0.1.0',
    compress: async (archive) => compressRamdisk(archive, 12),
  });
}

describe('an enclave image', () => {
  it('has init alone in the first ramdisk and a root that everyone reads and nobody writes in the second', async () => {
    const { cmdline, kernel, ramdisks, metadata } = parseEif(await image());
    expect(text(kernel)).toBe('kernel');
    expect(text(cmdline)).toBe(kernelCmdline(MACHINE));
    expect(text(cmdline)).toMatch(/^reboot=k panic=30 pci=off .* clocksource=kvm-clock$/);
    const [boot, root] = ramdisks.map((disk) => parseCpio(new Uint8Array(zstdDecompressSync(disk))));
    expect(boot?.map(({ path, mode }) => [path, mode])).toEqual([
      ['init', 0o500],
      ['init.conf', 0o400],
    ]);
    expect(root?.map(({ path, mode }) => [path, mode])).toEqual([
      ['enclave', 0o555],
      ['enclave/enclave.mjs', 0o444],
      ['enclave/node', 0o555],
    ]);
    expect(JSON.parse(text(metadata))).toMatchObject({
      BuildMetadata: { BuildTime: '1970-01-01T00:00:01Z' },
    });
  });

  it('is the same bytes twice, with ramdisks that begin with the magic of zstd at a multiple of four', async () => {
    const [one, two] = [await image(), await image()];
    expect(Buffer.from(one).equals(two)).toBe(true);
    for (const disk of parseEif(one).ramdisks) {
      expect([...disk.subarray(0, 4)]).toEqual([0x28, 0xb5, 0x2f, 0xfd]);
      expect(disk.length % 4).toBe(0);
    }
  });

  it('tells init what it must hold the machine to, in the order that init reads', () => {
    expect(initSettings(MACHINE, 'a b', ['--x=1'])).toBe(
      'cmdline a b\nclock-source kvm-clock\nparent-cid 3\nmemory-mib 512\nuid 1000\nargument /enclave/node\nargument --x=1\nargument /enclave/enclave.mjs\n',
    );
    expect(() => initSettings(MACHINE, 'a', ['--x y'])).toFailWith('EIF_CONTENT_INVALID');
  });
});

describe('the measured configuration', () => {
  const example = JSON.parse(readFileSync(join(ROOT, 'images/nitro/config.example.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  const check = (changes: object, platform: 'nitro' | 'emulated' = 'nitro'): Promise<unknown> =>
    checkConfig(ROOT, platform, utf8(JSON.stringify({ ...example, ...changes })));

  it('is read before it is built in, as the enclave will read it', async () => {
    expect(await check({})).toEqual({ clockSource: 'kvm-clock', parentCid: 3, memoryMib: 1_024 });
    const emulated = { platform: 'nitro-emulated', origin: 'sim.assay.example/x', kmsPort: 5_002 };
    const machine = { clockSource: 'refined-jiffies', parentCid: 2, memoryMib: 512 };
    expect(await check({ ...emulated, machine }, 'emulated')).toEqual(machine);
  });

  it.each([
    ['machine.clockSource', { machine: { clockSource: 'tsc', parentCid: 3, memoryMib: 1_024 } }],
    ['machine.parentCid', { machine: { clockSource: 'kvm-clock', parentCid: 2, memoryMib: 1_024 } }],
    ['machine.memoryMib', { machine: { clockSource: 'kvm-clock', parentCid: 3, memoryMib: 1 } }],
    ['origin', { origin: 'sim.assay.example/x' }],
    ['platform', { platform: 'nitro-emulated' }],
    ['kmsPort', { kmsPort: 5_002 }],
    ['maxValidForMs', { maxValidForMs: '300000' }],
  ])('is refused with a wrong %s', async (field, changes) => {
    await expect(check(changes)).toRejectWith('CONFIG_INVALID');
    await expect(check(changes)).rejects.toThrow(`config.json: ${field}: `);
  });
});

describe('the kernel configuration', () => {
  const fragment = readFileSync(join(import.meta.dirname, '../../images/nitro/kernel.config'), 'utf8');

  it('must be taken line by line', () => {
    requireConfig(fragment, `${fragment}CONFIG_MORE=y\n`);
    expect(() =>
      requireConfig(fragment, fragment.replace('CONFIG_NSM=y\n', '# CONFIG_NSM is not set\n')),
    ).toFailWith('KERNEL_CONFIG_DIFFERS');
  });

  it('may bring nothing along that no enclave has', () => {
    for (const line of ['CONFIG_MODULES=y', 'CONFIG_IPV6=m', 'CONFIG_USER_NS=y', 'CONFIG_NETDEVICES=y'])
      expect(() => requireConfig(fragment, `${fragment}${line}\n`)).toFailWith('KERNEL_CONFIG_DIFFERS');
    requireConfig(fragment, `${fragment}# CONFIG_MODULES is not set\nCONFIG_PCI_QUIRKS=y\n`);
  });

  it('has what keeps an intruder small, which tinyconfig leaves out', () => {
    for (const name of ['CPU_MITIGATIONS', 'SECCOMP_FILTER', 'STRICT_KERNEL_RWX', 'STACKPROTECTOR_STRONG'])
      expect(fragment).toContain(`\nCONFIG_${name}=y\n`);
    for (const name of ['PAGE_TABLE_ISOLATION', 'RETPOLINE', 'RETHUNK', 'SRSO', 'SPECTRE_BHI', 'RFDS'])
      expect(fragment).toContain(`\nCONFIG_MITIGATION_${name}=y\n`);
  });

  it('has no modules, no disk and no network card', () => {
    expect(fragment).not.toMatch(/^CONFIG_(?:MODULES|BLOCK|NETDEVICES|PCI|USB_SUPPORT|DEVMEM|KEXEC\w*)=y$/m);
  });
});

describe('a build that is kept', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'assay-cache-'));
    process.env['ASSAY_CACHE'] = folder;
  });
  afterAll(() => {
    delete process.env['ASSAY_CACHE'];
    rmSync(folder, { recursive: true, force: true });
  });

  it('is made once for each set of inputs, and a failed one leaves nothing', async () => {
    let made = 0;
    const build = async (into: string): Promise<void> => {
      made += 1;
      writeFileSync(join(into, 'out'), String(made));
    };
    const first = await cachedBuild('thing', { a: '1', b: '2' }, build);
    expect(await cachedBuild('thing', { b: '2', a: '1' }, build)).toBe(first);
    expect(await cachedBuild('thing', { a: '12', b: '' }, build)).not.toBe(first);
    expect(made).toBe(2);
    const broken = cachedBuild('broken', {}, async () => fail('BUILD_FAILED', 'no'));
    await expect(broken).toRejectWith('BUILD_FAILED');
    expect(readdirSync(folder).filter((name) => name.startsWith('broken'))).toEqual([]);
    expect(inputsDigest({ a: 'x' })).not.toBe(inputsDigest({ a: 'x\n' }));
  });

  it('is made by tools that end, or say so', async () => {
    expect(await mustRun('printf', ['%s', 'here'], { cwd: '/' })).toBe('here');
    await expect(mustRun('no-such-tool', [], { cwd: '/' })).toRejectWith('TOOL_MISSING');
    await expect(mustRun('false', [], { cwd: '/' })).toRejectWith('BUILD_FAILED');
    const { output } = await runProgram('env', [], { cwd: '/', env: { ONLY: 'this' } });
    expect(
      output
        .split('\n')
        .map((line) => line.split('=')[0])
        .filter(Boolean)
        .sort(),
    ).toEqual(expect.arrayContaining(['LC_ALL', 'ONLY', 'PATH', 'TZ']));
    expect(output).not.toMatch(/^HOME=/m);
  });
});
