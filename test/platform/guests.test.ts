/** TDX and SEV-SNP behind `Platform`: what binds, what is measured, and what no device may make of either. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { GuestDevice } from '../../enclave/platform/guest-device.ts';
import { connectSimulatedGuest, simulatedGuest } from '../../enclave/platform/simulated-guest.ts';
import { createSnpPlatform } from '../../enclave/platform/snp.ts';
import { createTdxPlatform, tdxImage } from '../../enclave/platform/tdx.ts';
import { serveNsm } from '../../host/simulator/nsm-server.ts';
import { nodeCrypto } from '../../native/index.ts';
import { MAX_TIME } from '../../src/base/clock.ts';
import { parseBundle } from '../../src/collateral/index.ts';
import { parseQuote, type TdReport } from '../../src/evidence/intel/index.ts';
import { parseSnpReport } from '../../src/evidence/snp/index.ts';
import { type DeviceResponse, encodeDeviceResponse } from '../../src/evidence/simulated-device.ts';
import { MAX_ENDORSEMENTS } from '../../src/statement/attestation.ts';
import { GUEST_KINDS, GUEST_TIME, guestBench } from '../support/guests.ts';
import { MEASURED } from '../support/simulated.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-guest-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const request = { binding: bytes(64, 7), challenge: bytes(32, 8), recipient: bytes(91, 9) };
const after = (event: Uint8Array): Uint8Array => nodeCrypto.sha384(bytes(48, 0), event);
const tdOf = (evidence: Uint8Array): TdReport => parseQuote(evidence).body as TdReport;

describe.each(GUEST_KINDS)('the %s platform', (kind) => {
  it('binds the 64 bytes and nothing else, and passes the endorsements on', async () => {
    const { platform } = await guestBench(kind);
    const { evidence, endorsements, time } = await platform.quote(request);
    const { reportData } = kind === 'tdx' ? tdOf(evidence) : parseSnpReport(evidence);
    expect(reportData).toEqual(request.binding);
    expect(time).toBeNull();
    expect(parseBundle(endorsements as Uint8Array).items.length).toBeGreaterThanOrEqual(4);
    for (const length of [0, 63, 65])
      await expect(platform.quote({ ...request, binding: bytes(length, 1) })).toRejectWith(
        'QUOTE_UNAVAILABLE',
      );
  });

  it('has no signed time: the clock of the guest, under a name that says so', async () => {
    const bench = await guestBench(kind);
    const { time } = bench.platform;
    expect([time.signed, time.source]).toEqual([false, 'guest-unanchored']);
    if (time.signed) return;
    expect(await time.read()).toBe(GUEST_TIME);
    bench.now -= 1_000;
    expect(await time.read()).toBe(GUEST_TIME - 1_000);
  });

  it('takes entropy from the device, in as many pieces as it gives', async () => {
    const { platform } = await guestBench(kind);
    const [one, two] = [await platform.random(1_000), await platform.random(1_000)];
    expect([one.length, two.length]).toEqual([1_000, 1_000]);
    expect(one).not.toEqual(two);
    expect(await platform.random(0)).toHaveLength(0);
  });

  it('knows its own kind, and every other image as another', async () => {
    const [one, again] = [await guestBench(kind), await guestBench(kind)];
    expect(await one.platform.image()).toEqual(await again.platform.image());
    const changed = { pcr0: MEASURED.pcr0.slice(), pcr1: MEASURED.pcr1, pcr2: MEASURED.pcr2 };
    changed.pcr0[47]! ^= 1;
    const other = await guestBench(kind, { measured: changed });
    expect(await other.platform.image()).not.toEqual(await one.platform.image());
    expect(await one.platform.image()).toHaveLength(48);
  });

  it('refuses what a device must not answer: DEVICE_REFUSED', async () => {
    const answering = (response: DeviceResponse): GuestDevice =>
      simulatedGuest({ request: async () => encodeDeviceResponse(response) });
    const made = (device: GuestDevice) =>
      kind === 'tdx'
        ? createTdxPlatform(device as never, { simulated: true, hashing: nodeCrypto })
        : createSnpPlatform(device, { simulated: true });
    const failing = made(answering({ kind: 'error', message: 'out of order' }));
    await expect(failing.quote(request)).rejects.toThrow('quote: out of order');
    const platforms = [
      failing,
      made(answering({ kind: 'extend' })),
      made(answering({ kind: 'random', random: bytes(1, 1) })),
    ];
    for (const platform of platforms) {
      await expect(platform.quote(request)).toRejectWith('DEVICE_REFUSED');
      await expect(platform.random(32)).toRejectWith('DEVICE_REFUSED');
      if (!platform.time.signed) await expect(platform.time.read()).toRejectWith('DEVICE_REFUSED');
    }
    const direct = (changes: Partial<GuestDevice>) =>
      made({
        quote: async () => ({ evidence: bytes(1, 1), endorsements: bytes(MAX_ENDORSEMENTS + 1, 1) }),
        random: async (length) => bytes(length, 1),
        clock: async () => MAX_TIME + 1,
        ...changes,
      });
    await expect(direct({}).quote(request)).toRejectWith('DEVICE_REFUSED');
    for (const clock of [MAX_TIME + 1, -1, 0.5, Number.NaN]) {
      const { time } = direct({ clock: async () => clock });
      if (!time.signed) await expect(time.read()).toRejectWith('DEVICE_REFUSED');
    }
    const none = direct({ quote: async () => ({ evidence: bytes(1, 1), endorsements: bytes(0, 0) }) });
    expect((await none.quote(request)).endorsements).toBeNull();
  });

  it('is the same over the socket of the simulated machine', async () => {
    const { guest, platform } = await guestBench(kind);
    const path = join(folder, `${kind}.sock`);
    const server = await serveNsm(path, guest);
    const device = await connectSimulatedGuest(path);
    expect((await device.quote(request.binding)).evidence.length).toBe(
      (await platform.quote(request)).evidence.length,
    );
    expect(new Set((await Promise.all([1, 2, 3].map(() => device.random(16)))).map(String)).size).toBe(3);
    await server.close();
    await expect(device.clock()).toRejectWith('QUOTE_UNAVAILABLE');
  });
});

describe('the configuration on TDX', () => {
  it('is the first event of RTMR3, and no second one takes its place: CONFIG_NOT_MEASURED', async () => {
    const { platform, configDigest, guest } = await guestBench('tdx');
    await platform.measureConfiguration(configDigest);
    const td = tdOf((await platform.quote(request)).evidence);
    expect(td.rtmrs[3]).toEqual(after(nodeCrypto.sha384(configDigest)));
    // What the hypervisor said beforehand, and the trust policy with it.
    expect(guest.measurements).toEqual({
      MRTD: MEASURED.pcr0,
      RTMR1: after(MEASURED.pcr1),
      RTMR2: after(MEASURED.pcr2),
      RTMR3: td.rtmrs[3],
    });
    expect([td.mrtd, td.rtmrs[1], td.rtmrs[2]]).toEqual([
      guest.measurements['MRTD'],
      guest.measurements['RTMR1'],
      guest.measurements['RTMR2'],
    ]);
    expect(await platform.image()).toEqual(tdxImage(td, nodeCrypto));
    await expect(platform.measureConfiguration(configDigest)).toRejectWith('CONFIG_NOT_MEASURED');
  });

  it('is not read after something else was extended there', async () => {
    const { guest, platform, configDigest } = await guestBench('tdx');
    const device = simulatedGuest({ request: (message) => guest.handle(message) });
    await device.extend(3, bytes(48, 1));
    await expect(platform.measureConfiguration(configDigest)).toRejectWith('CONFIG_NOT_MEASURED');
    await expect(device.extend(1 as never, bytes(48, 1))).rejects.toThrow('cannot extend RTMR1');
  });
});

describe('the configuration on SEV-SNP', () => {
  it('is HOST_DATA where the hypervisor set it, and another one is refused: CONFIG_NOT_MEASURED', async () => {
    const { platform, configDigest } = await guestBench('snp');
    await platform.measureConfiguration(configDigest);
    const { evidence } = await platform.quote(request);
    expect(parseSnpReport(evidence).hostData).toEqual(configDigest);
    await expect(platform.measureConfiguration(bytes(32, 1))).toRejectWith('CONFIG_NOT_MEASURED');
    const other = await guestBench('snp', { hostData: bytes(32, 1) });
    await expect(other.platform.measureConfiguration(other.configDigest)).toRejectWith('CONFIG_NOT_MEASURED');
  });

  it('is in the statements alone where HOST_DATA was left zero', async () => {
    const { platform, configDigest } = await guestBench('snp', { hostData: bytes(32, 0) });
    await platform.measureConfiguration(configDigest);
    await platform.measureConfiguration(bytes(32, 1));
  });

  it('has no register to extend', async () => {
    const { guest } = await guestBench('snp');
    const device = simulatedGuest({ request: (message) => guest.handle(message) });
    await expect(device.extend(3, bytes(48, 1))).toRejectWith('DEVICE_REFUSED');
  });
});
