/**
 * AMD SEV-SNP (AMD 56860, SEV Secure Nested Paging Firmware ABI). The device is an argument: in a simulated machine its
 * socket, so that this file is the one under test everywhere.
 */
import { equalBytes, isZero } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import { parseSnpReport } from '../../src/evidence/snp/index.ts';
import { type GuestDevice, guestTime, quoteBinding, randomFrom, reportOf } from './guest-device.ts';
import type { Platform, Quote, QuoteRequest } from './index.ts';

export function createSnpPlatform(
  device: GuestDevice,
  { simulated }: { readonly simulated: boolean },
): Platform {
  return Object.freeze({
    kind: 'snp' as const,
    simulated,
    time: guestTime(device),
    quote: (request: QuoteRequest): Promise<Quote> => quoteBinding(device, request),
    random: (length: number): Promise<Uint8Array> => randomFrom(device, length),
    /**
     * A guest has no register of its own. Who launches it can put the digest into HOST_DATA; where that was left zero,
     * only the statements name the configuration, and a trust policy that lists host_data refuses the guest.
     */
    async measureConfiguration(digest: Uint8Array): Promise<void> {
      const { hostData } = parseSnpReport(await reportOf(device));
      if (!isZero(hostData) && !equalBytes(hostData, digest))
        fail('CONFIG_NOT_MEASURED', 'HOST_DATA is the digest of another configuration');
    },
    image: async () => parseSnpReport(await reportOf(device)).measurement,
  });
}
