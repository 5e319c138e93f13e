/**
 * The trust policy of a development installation for simulated TDX or SEV-SNP hardware: everything that can be pinned is
 * pinned to what this machine shows of itself now, and the challenge must be in the quote, because nothing else proves
 * its age where the hardware signs no time.
 */
import { nodeCrypto } from '../../native/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { parseBundle } from '../../src/collateral/index.ts';
import { parseQuote } from '../../src/evidence/intel/index.ts';
import { parseSnpReport } from '../../src/evidence/snp/index.ts';
import { decodeDeviceResponse, encodeDeviceRequest } from '../../src/evidence/simulated-device.ts';
import { type RootPin, simulatedRoot, verifyIntel, verifySnp } from '../../verifier/index.ts';
import type { LaunchedGuest } from '../simulator/index.ts';
import { ORIGIN } from './config.ts';

export interface GuestFacts {
  readonly platform: 'tdx' | 'snp';
  readonly rootName: string;
  readonly rootSpkiSha256: Uint8Array;
  readonly config: Uint8Array;
  /** Raw Ed25519. */
  readonly authority: Uint8Array;
  readonly now: number;
}

/** What a guest shows of the machine under it. */
interface Shown {
  readonly ids: JsonObject;
  readonly expected: JsonObject;
}

const MAX_AGE_SECONDS = 300;
const ZERO = '00'.repeat(48);

export async function guestTrust(guest: LaunchedGuest, facts: GuestFacts): Promise<JsonObject> {
  const { platform, rootName, rootSpkiSha256, config, authority } = facts;
  const { ids, expected } = await (platform === 'tdx' ? shownByTd(guest, facts) : shownBySnp(guest, facts));
  return {
    version: 1,
    service: {
      origin: ORIGIN,
      config_digest: toHex(nodeCrypto.sha256(config)),
      policy_authorities: [toHex(authority)],
    },
    hardware: { ids },
    platforms: { [platform]: expected },
    freshness: { max_age_seconds: MAX_AGE_SECONDS, nonce: 'quote' },
    revocation: 'required',
    simulated: { roots: [{ platform, spki_sha256: toHex(rootSpkiSha256), name: rootName }] },
    witnesses: 'none',
  };
}

/** Evidence over zeros, and what it is judged with. */
async function sampleOf(guest: LaunchedGuest, facts: GuestFacts) {
  const request = encodeDeviceRequest({ kind: 'quote', reportData: new Uint8Array(64) });
  const answer = decodeDeviceResponse(await guest.handle(request));
  if (answer.kind !== 'quote') return fail('INTERNAL', `the device answered with ${answer.kind}`);
  const { platform, rootName, rootSpkiSha256, now } = facts;
  const roots: readonly RootPin[] = [simulatedRoot(platform, rootName, toHex(rootSpkiSha256))];
  const context = { at: now, crypto: nodeCrypto, roots, collateral: parseBundle(answer.endorsements) };
  return { evidence: answer.evidence, context };
}

async function shownByTd(guest: LaunchedGuest, facts: GuestFacts): Promise<Shown> {
  const { evidence, context } = await sampleOf(guest, facts);
  const { pck, tcbInfo } = (await verifyIntel(parseQuote(evidence), context)).claims;
  const named = (name: string): string[] => [toHex(guest.measurements[name] as Uint8Array)];
  return {
    ids: { ppid: [toHex(pck.ppid)] },
    expected: {
      mrtd: named('MRTD'),
      rtmrs: { '0': [ZERO], '1': named('RTMR1'), '2': named('RTMR2'), '3': named('RTMR3') },
      debug: 'reject',
      service_td: 'none',
      owner: { mrconfigid: [ZERO], mrowner: [ZERO], mrownerconfig: [ZERO] },
      tcb: {
        statuses: ['UpToDate'],
        advisories: 'none',
        min_evaluation_number: tcbInfo.tcbEvaluationDataNumber,
        min_tcb_date: 'any',
        grace_days: 'none',
      },
      platform: { sgx_types: [pck.sgxType] },
    },
  };
}

async function shownBySnp(guest: LaunchedGuest, facts: GuestFacts): Promise<Shown> {
  const { evidence, context } = await sampleOf(guest, facts);
  const { report, product, levels } = (await verifySnp(parseSnpReport(evidence), context)).claims;
  const { bootloader, tee, snp, microcode } = levels.reported;
  const named = (name: string): string[] => [toHex(guest.measurements[name] as Uint8Array)];
  return {
    ids: { chip_id: [toHex(report.chipId)] },
    expected: {
      measurement: named('MEASUREMENT'),
      debug: 'reject',
      vmpl: [0],
      tcb: { minimum: { [product]: { bootloader, tee, snp, microcode } }, provisional_firmware: 'reject' },
      milan_vcek: 'reject',
      id_key: 'any',
      host_data: named('HOST_DATA'),
      smt: 'reject',
      products: [product],
    },
  };
}
