/**
 * AWS Nitro Enclaves through the Nitro Secure Module (aws-nitro-enclaves-nsm-api; Linux drivers/misc/nsm.c).
 * The device is an argument: `/dev/nsm` in an enclave, the simulated module's socket in a simulated one. Both
 * speak the same bytes, so this file is the one under test everywhere.
 */
import { fail } from '../../src/base/errors.ts';
import { type NitroDocument, parseNitro } from '../../src/evidence/nitro.ts';
import {
  decodeNsmResponse,
  encodeNsmRequest,
  type NsmRequest,
  type NsmResponse,
} from '../../src/evidence/nsm.ts';
import type { Platform, Quote, QuoteRequest } from './index.ts';

/** One request at a time, as the driver serialises them anyway. */
export interface NsmTransport {
  request(bytes: Uint8Array): Promise<Uint8Array>;
}

/** PCR0 is the image, all of it; PCR16 the first register that is ours: which configuration this boot read. */
const IMAGE_REGISTER = 0;
const CONFIG_REGISTER = 16;
const REGISTERS = 32;

type Reply<K extends NsmResponse['kind']> = Extract<NsmResponse, { kind: K }>;

async function ask<K extends NsmResponse['kind']>(
  device: NsmTransport,
  request: NsmRequest,
  kind: K,
): Promise<Reply<K>> {
  const response = decodeNsmResponse(await device.request(encodeNsmRequest(request)));
  if (response.kind === 'Error') fail('NSM_REFUSED', `${request.kind}: ${response.code}`);
  if (response.kind !== kind) fail('NSM_REFUSED', `${request.kind}: answered with ${response.kind}`);
  return response as Reply<K>;
}

export interface NitroOptions {
  readonly simulated: boolean;
  /** Reads the module's own documents; `parseEmulatedNitro` where an emulator signs nothing. */
  readonly parse?: (document: Uint8Array) => NitroDocument;
}

export function createNitroPlatform(device: NsmTransport, options: NitroOptions): Platform {
  const parse = options.parse ?? parseNitro;

  return Object.freeze({
    kind: 'nitro' as const,
    simulated: options.simulated,
    time: Object.freeze({ signed: true, source: 'nitro-nsm' }),
    async quote({ binding, challenge, recipient }: QuoteRequest): Promise<Quote> {
      const request: NsmRequest = {
        kind: 'Attestation',
        userData: binding,
        nonce: challenge,
        publicKey: recipient,
      };
      const { document } = await ask(device, request, 'Attestation');
      return { evidence: document, time: parse(document).timestamp, endorsements: null };
    },
    async random(length: number): Promise<Uint8Array> {
      const out = new Uint8Array(length);
      for (let at = 0; at < length; ) {
        const { random } = await ask(device, { kind: 'GetRandom' }, 'GetRandom');
        if (random.length === 0) fail('NSM_REFUSED', 'GetRandom: no bytes');
        const taken = random.subarray(0, length - at);
        out.set(taken, at);
        at += taken.length;
      }
      return out;
    },
    async measureConfiguration(digest: Uint8Array): Promise<void> {
      await ask(device, { kind: 'ExtendPCR', index: CONFIG_REGISTER, data: digest }, 'ExtendPCR');
      await ask(device, { kind: 'LockPCR', index: CONFIG_REGISTER }, 'LockPCR');
      // Every register, so that no later document says anything else than the first.
      await ask(device, { kind: 'LockPCRs', range: REGISTERS }, 'LockPCRs');
      const { lockedPcrs } = await ask(device, { kind: 'DescribeNSM' }, 'DescribeNSM');
      if (new Set(lockedPcrs).size !== REGISTERS)
        fail('PCRS_NOT_LOCKED', `the module has locked ${lockedPcrs.length} of ${REGISTERS} registers`);
    },
    async image(): Promise<Uint8Array> {
      return (await ask(device, { kind: 'DescribePCR', index: IMAGE_REGISTER }, 'DescribePCR')).data;
    },
  });
}
