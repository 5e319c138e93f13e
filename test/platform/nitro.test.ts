import { describe, expect, it } from 'vitest';
import { requireOnlyPlatform } from '../../enclave/platform/hardware.ts';
import { createNitroPlatform } from '../../enclave/platform/nitro.ts';
import type { Platform } from '../../enclave/platform/index.ts';
import {
  decodeNsmRequest,
  encodeNsmResponse,
  type NsmRequest,
  type NsmResponse,
} from '../../src/evidence/nsm.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import { MEASURED } from '../support/simulated.ts';
import { testEnclave } from '../support/enclave.ts';

/** A module that answers as told, and remembers what it was asked. */
function over(...answers: NsmResponse[]): { platform: Platform; asked: NsmRequest[] } {
  const asked: NsmRequest[] = [];
  const request = async (bytes: Uint8Array): Promise<Uint8Array> => {
    asked.push(decodeNsmRequest(bytes));
    return encodeNsmResponse(
      answers.length > 1 ? (answers.shift() as NsmResponse) : (answers[0] as NsmResponse),
    );
  };
  return { platform: createNitroPlatform({ request }, { simulated: false }), asked };
}

const quote = { binding: new Uint8Array(64), challenge: null, recipient: null };
const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);

describe('the Nitro platform', () => {
  it('passes the errors of the module on by name: NSM_REFUSED', async () => {
    const { platform } = over({ kind: 'Error', code: 'ReadOnlyIndex' });
    await expect(platform.measureConfiguration(bytes(32, 1))).rejects.toThrow('ExtendPCR: ReadOnlyIndex');
    for (const call of [
      () => platform.quote(quote),
      () => platform.random(32),
      () => platform.measureConfiguration(bytes(32, 1)),
      () => platform.image(),
    ])
      await expect(call).toRejectWith('NSM_REFUSED');
  });

  it('refuses an answer to another question', async () => {
    const { platform } = over({ kind: 'LockPCR' });
    for (const call of [() => platform.quote(quote), () => platform.random(1), () => platform.image()])
      await expect(call).toRejectWith('NSM_REFUSED');
    const locked = over({ kind: 'ExtendPCR', data: bytes(48, 1) });
    await expect(locked.platform.measureConfiguration(bytes(32, 1))).toRejectWith('NSM_REFUSED');
  });

  it('refuses answers that are not of a module', async () => {
    const raw = (answer: Uint8Array): Platform =>
      createNitroPlatform({ request: async () => answer }, { simulated: false });
    await expect(raw(Uint8Array.of(0x61, 0x41)).random(1)).toRejectWith('NSM_MESSAGE_INVALID');
    await expect(
      over({ kind: 'Attestation', document: bytes(9, 0) }).platform.quote(quote),
    ).rejects.toThrow();
  });

  it('gathers random bytes over several answers, and does not take none for some', async () => {
    const { platform, asked } = over(
      { kind: 'GetRandom', random: bytes(10, 1) },
      { kind: 'GetRandom', random: bytes(10, 2) },
      { kind: 'GetRandom', random: bytes(256, 3) },
    );
    const random = await platform.random(32);
    expect([...random]).toEqual([...bytes(10, 1), ...bytes(10, 2), ...bytes(12, 3)]);
    expect(asked).toHaveLength(3);
    expect(await over({ kind: 'GetRandom', random: bytes(1, 1) }).platform.random(0)).toHaveLength(0);
    const empty = over({ kind: 'GetRandom', random: bytes(0, 0) });
    await expect(empty.platform.random(1)).toRejectWith('NSM_REFUSED');
  });

  const described = (lockedPcrs: readonly number[]): NsmResponse => ({
    kind: 'DescribeNSM',
    versionMajor: 1,
    versionMinor: 0,
    versionPatch: 0,
    moduleId: 'i-0123456789abcdef0-enc0123456789abcdef',
    maxPcrs: 32,
    lockedPcrs,
    digest: 'SHA384',
  });
  const all = Array.from({ length: 32 }, (_, index) => index);
  const measuring: readonly NsmResponse[] = [
    { kind: 'ExtendPCR', data: bytes(48, 1) },
    { kind: 'LockPCR' },
    { kind: 'LockPCRs' },
  ];

  it('measures the configuration into register 16, then locks every register, and what is locked stays', async () => {
    const { platform, asked } = over(...measuring, described(all));
    await platform.measureConfiguration(bytes(32, 7));
    expect(asked).toEqual([
      { kind: 'ExtendPCR', index: 16, data: bytes(32, 7) },
      { kind: 'LockPCR', index: 16 },
      { kind: 'LockPCRs', range: 32 },
      { kind: 'DescribeNSM' },
    ]);
    const enclave = await testEnclave();
    await enclave.platform.measureConfiguration(bytes(32, 7));
    await expect(enclave.platform.measureConfiguration(bytes(32, 7))).toRejectWith('NSM_REFUSED');
  });

  it('does not believe a module that has left a register open: PCRS_NOT_LOCKED', async () => {
    for (const some of [all.slice(1), [...all.slice(1), 1], []]) {
      const { platform } = over(...measuring, described(some));
      await expect(platform.measureConfiguration(bytes(32, 7))).toRejectWith('PCRS_NOT_LOCKED');
    }
  });

  it('puts each part of a request into its own slot, and reads the signed time', async () => {
    const { platform, machine } = await testEnclave();
    const made = await platform.quote({
      binding: bytes(64, 1),
      challenge: bytes(32, 2),
      recipient: bytes(91, 3),
    });
    expect(made.time).toBe(machine.now);
    expect(parseNitro(made.evidence)).toMatchObject({
      userData: bytes(64, 1),
      nonce: bytes(32, 2),
      publicKey: bytes(91, 3),
    });
    const bare = parseNitro((await platform.quote(quote)).evidence);
    expect([bare.nonce, bare.publicKey]).toEqual([null, null]);
    expect(made.endorsements).toBeNull();
    expect(await platform.image()).toEqual(MEASURED.pcr0);
    expect(platform.time).toEqual({ signed: true, source: 'nitro-nsm' });
  });
});

describe('the machine', () => {
  it.each([
    [[], 'none'],
    [['/dev/tdx_guest'], 'tdx'],
    [['/dev/nsm', '/dev/sev-guest'], 'nitro and snp'],
    [['/dev/nsm', '/dev/sev-guest', '/dev/tdx_guest'], 'nitro and tdx and snp'],
  ])('with %j is not a Nitro enclave alone: PLATFORM_AMBIGUOUS', (devices, shown) => {
    const exists = (path: string): boolean => devices.includes(path);
    expect(() => requireOnlyPlatform('nitro', exists)).toFailWith('PLATFORM_AMBIGUOUS');
    expect(() => requireOnlyPlatform('nitro', exists)).toThrow(`shows ${shown}`);
  });

  it('with /dev/nsm alone is', () => {
    requireOnlyPlatform('nitro', (path) => path === '/dev/nsm');
  });
});
