/**
 * Intel TDX (Intel TDX Module Base Architecture Specification). The device is an argument: in a simulated machine its
 * socket, so that this file is the one under test everywhere.
 */
import { concat, equalBytes } from '../../src/base/bytes.ts';
import type { Hashing } from '../../src/base/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { parseQuote, type TdReport } from '../../src/evidence/intel/index.ts';
import { type GuestDevice, guestTime, quoteBinding, randomFrom, reportOf } from './guest-device.ts';
import type { Platform, Quote, QuoteRequest } from './index.ts';

export interface TdxDevice extends GuestDevice {
  /** RTMR := SHA-384(RTMR ‖ digest), 48 bytes; a guest may extend 2 and 3. */
  extend(register: 2 | 3, digest: Uint8Array): Promise<void>;
}

/** Event 0 of RTMR3 is the configuration. */
const CONFIG_REGISTER = 3;
const REGISTER_BYTES = 48;

export interface TdxOptions {
  readonly simulated: boolean;
  readonly hashing: Hashing;
}

export function createTdxPlatform(device: TdxDevice, { simulated, hashing }: TdxOptions): Platform {
  const self = async (): Promise<TdReport> => tdReportOf(await reportOf(device));
  return Object.freeze({
    kind: 'tdx' as const,
    simulated,
    time: guestTime(device),
    quote: (request: QuoteRequest): Promise<Quote> => quoteBinding(device, request),
    random: (length: number): Promise<Uint8Array> => randomFrom(device, length),
    async measureConfiguration(digest: Uint8Array): Promise<void> {
      const event = hashing.sha384(digest);
      await device.extend(CONFIG_REGISTER, event);
      // A register cannot be locked, but what was extended before cannot be taken out of it either.
      const expected = hashing.sha384(new Uint8Array(REGISTER_BYTES), event);
      const found = (await self()).rtmrs[CONFIG_REGISTER];
      if (found === undefined || !equalBytes(found, expected))
        fail('CONFIG_NOT_MEASURED', 'RTMR3 does not say that this configuration is its first event');
    },
    image: async () => tdxImage(await self(), hashing),
  });
}

/** Throws what the reader throws, and DEVICE_REFUSED for the quote of an SGX enclave. */
export function tdReportOf(quote: Uint8Array): TdReport {
  const { body } = parseQuote(quote);
  return body.type === 'sgx' ? fail('DEVICE_REFUSED', 'a quote of an SGX enclave') : body;
}

/**
 * SHA-384(MRTD ‖ RTMR1 ‖ RTMR2). MRTD alone is the firmware on most machines; kernel and programs are in the two
 * registers. RTMR0 is the machine's own configuration, which the same image meets with other values elsewhere.
 */
export function tdxImage({ mrtd, rtmrs }: TdReport, hashing: Hashing): Uint8Array {
  return hashing.sha384(concat(mrtd, rtmrs[1] as Uint8Array, rtmrs[2] as Uint8Array));
}
