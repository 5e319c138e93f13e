/**
 * What TDX and SEV-SNP guests have in common: a device that signs 64 bytes and nothing else, endorsements that the host
 * carries, a source of entropy, and a clock that nobody signs.
 */
import { MAX_TIME, type Millis } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';
import { MAX_ENDORSEMENTS } from '../../src/statement/attestation.ts';
import { UNANCHORED_CLOCK } from '../../src/statement/seal.ts';
import type { Quote, QuoteRequest, TimeSource } from './index.ts';

export interface GuestDevice {
  /** A report or quote over these 64 bytes, and a collateral bundle to judge it with. */
  quote(
    reportData: Uint8Array,
  ): Promise<{ readonly evidence: Uint8Array; readonly endorsements: Uint8Array | null }>;
  /** At most 256 bytes at once. */
  random(length: number): Promise<Uint8Array>;
  /** The guest's clock. */
  clock(): Promise<Millis>;
}

export const REPORT_DATA_BYTES = 64;
const RANDOM_AT_ONCE = 256;

/**
 * The one slot holds the binding. Challenge and recipient stand in the statements that are bound (identity, seal:
 * challenge root; release: hash of the recipient key), so nothing of a request is lost here.
 */
export async function quoteBinding(device: GuestDevice, { binding }: QuoteRequest): Promise<Quote> {
  if (binding.length !== REPORT_DATA_BYTES)
    fail('QUOTE_UNAVAILABLE', `report data has ${REPORT_DATA_BYTES} bytes, not ${binding.length}`);
  const { evidence, endorsements } = await device.quote(binding);
  const size = endorsements?.length ?? 0;
  if (size > MAX_ENDORSEMENTS) fail('DEVICE_REFUSED', `endorsements of ${size} bytes`);
  return { evidence, time: null, endorsements: size === 0 ? null : endorsements };
}

/** Evidence about this guest alone: zeros bind no statement. */
export async function reportOf(device: GuestDevice): Promise<Uint8Array> {
  return (await device.quote(new Uint8Array(REPORT_DATA_BYTES))).evidence;
}

export async function randomFrom(device: GuestDevice, length: number): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const asked = Math.min(length - at, RANDOM_AT_ONCE);
    const random = await device.random(asked);
    if (random.length !== asked) fail('DEVICE_REFUSED', `${random.length} random bytes, asked were ${asked}`);
    out.set(random, at);
    at += asked;
  }
  return out;
}

export function guestTime(device: GuestDevice): TimeSource {
  return Object.freeze({
    signed: false,
    source: UNANCHORED_CLOCK,
    async read(): Promise<Millis> {
      const time = await device.clock();
      if (!Number.isSafeInteger(time) || time < 0 || time > MAX_TIME)
        fail('DEVICE_REFUSED', 'the clock gives no time that a log can hold');
      return time;
    },
  });
}
