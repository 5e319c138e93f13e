/** Simulated TDX and SEV-SNP machines as a user of `host/simulator` has them. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createAmdVendor, NO_AMD_FAULTS } from '../../host/simulator/amd/index.ts';
import { rememberedAmdKeys } from '../../host/simulator/amd-keys.ts';
import { hardwareIdentity, openHardware, readPlatform } from '../../host/simulator/index.ts';
import { setKeyPolicy } from '../../host/simulator/machine.ts';
import { deriveFrom } from '../../host/simulator/state.ts';
import { utf8 } from '../../src/base/bytes.ts';
import {
  decodeDeviceResponse,
  type DeviceRequest,
  encodeDeviceRequest,
} from '../../src/evidence/simulated-device.ts';
import { type GuestBench, GUEST_KINDS, GUEST_TIME, guestBench, stateOf } from '../support/guests.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-guest-sim-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ask = async ({ guest }: GuestBench, request: DeviceRequest) =>
  decodeDeviceResponse(await guest.handle(encodeDeviceRequest(request)));

describe.each(GUEST_KINDS)('a simulated %s machine', (kind) => {
  it('is the same hardware from the same folder, and has a custodian of its own', async () => {
    const state = stateOf(1);
    const [one, again] = [await hardwareIdentity(state, kind), await hardwareIdentity(state, kind)];
    expect(again).toEqual(one);
    expect((await hardwareIdentity(state)).rootSpkiSha256).not.toEqual(one.rootSpkiSha256);
    expect(one.keyArn).toMatch(new RegExp(`^assay-sim:${kind}:key/`));
    expect((await hardwareIdentity(stateOf(2), kind)).rootSpkiSha256).not.toEqual(one.rootSpkiSha256);
  });

  it('answers what it cannot read with an error, and goes on', async () => {
    const bench = await guestBench(kind);
    const bad = [new Uint8Array(0), utf8('nonsense'), encodeDeviceRequest({ kind: 'clock' }).slice(0, 4)];
    for (const message of bad)
      expect(decodeDeviceResponse(await bench.guest.handle(message)).kind).toBe('error');
    expect(await ask(bench, { kind: 'clock' })).toEqual({ kind: 'clock', time: GUEST_TIME });
  });

  it('fetches endorsements anew after an hour, as a careful host does', async () => {
    const bench = await guestBench(kind);
    const asked = async (): Promise<string> => {
      const answer = await ask(bench, { kind: 'quote', reportData: new Uint8Array(64) });
      return answer.kind === 'quote' ? Buffer.from(answer.endorsements).toString('base64') : '';
    };
    const first = await asked();
    bench.now += 3_500_000;
    expect(await asked()).toBe(first);
    bench.now += 40 * 86_400_000;
    // AMD's are of the day on which the machine was started.
    if (kind === 'tdx') expect(await asked()).not.toBe(first);
    else expect(await asked()).toBe(first);
  });

  it('refuses faults of another vendor: SIMULATOR_FAULT_UNKNOWN', async () => {
    const request = { state: stateOf(1), now: () => GUEST_TIME };
    for (const fault of ['slow-quotes', kind === 'tdx' ? 'vmpl' : 'service-td', ''])
      await expect(openHardware(kind, { ...request, faults: [fault] })).toRejectWith(
        'SIMULATOR_FAULT_UNKNOWN',
      );
  });
});

describe('platforms of the simulator', () => {
  it('are these three', () => {
    expect(['nitro', 'tdx', 'snp'].map(readPlatform)).toEqual(['nitro', 'tdx', 'snp']);
    for (const name of ['', 'sgx', 'TDX', '__proto__']) expect(() => readPlatform(name)).toFailWith('USAGE');
  });

  it('have a key policy each', async () => {
    const state = join(folder, 'policies');
    mkdirSync(state);
    const { guest } = await guestBench('snp');
    setKeyPolicy(state, utf8(guest.keyPolicy), 'snp');
    expect(readFileSync(join(state, 'key-policy-snp.json'), 'utf8')).toBe(guest.keyPolicy);
    expect(() => readFileSync(join(state, 'key-policy.json'))).toThrow();
  });
});

describe('the keys of the simulated AMD authorities', () => {
  const derive = deriveFrom(new Uint8Array(32).fill(1));

  it('are found once and kept in private, and are the same as those that are found again', async () => {
    const state = join(folder, 'kept');
    mkdirSync(state);
    rememberedAmdKeys(state, 'Genoa', derive);
    const path = join(state, 'amd-genoa-keys.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const before = readFileSync(path);
    // A derivation that knows nothing but the kept primes: the vendor asks for no other part of these keys.
    const kept = rememberedAmdKeys(state, 'Genoa', (purpose, length) => {
      if (/\/(ark|ask)\/[pq]$/.test(purpose)) throw new Error(`${purpose} was searched for again`);
      return derive(purpose, length);
    });
    const options = { now: () => GUEST_TIME, faults: NO_AMD_FAULTS, product: 'Genoa' } as const;
    const [found, remembered] = [
      await createAmdVendor({ ...options, derive }),
      await createAmdVendor({ ...options, derive: kept }),
    ];
    expect(remembered.rootSpkiSha256).toEqual(found.rootSpkiSha256);
    expect(remembered.collateral('vcek')).toEqual(found.collateral('vcek'));
    expect(readFileSync(path)).toEqual(before);
  });

  it('are not taken from a file that is not ours: SIMULATOR_STATE_INVALID', () => {
    const state = join(folder, 'broken');
    mkdirSync(state);
    const path = join(state, 'amd-genoa-keys.json');
    copyFileSync(join(folder, 'kept', 'amd-genoa-keys.json'), path);
    const whole = readFileSync(path, 'utf8');
    for (const text of ['', '{}', '[]', whole.slice(0, -40), whole.replace('ask/p', 'ask/x')]) {
      writeFileSync(path, text);
      expect(() => rememberedAmdKeys(state, 'Genoa', derive)).toFailWith('SIMULATOR_STATE_INVALID');
    }
  });
});
