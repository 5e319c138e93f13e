/**
 * Quotes of versions 3, 4 and 5 around a report body, signed by the quoting enclave's attestation key (Intel SGX ECDSA
 * Quote Library API, appendix A.4; Intel TDX DCAP Quoting Library API, appendix A.3).
 */
import { concat } from '../../../src/base/bytes.ts';
import { fromHex } from '../../../src/base/hex.ts';
import { HEADER, u16le, u32le, writeLayout } from './layout.ts';
import { PCE_SVN } from './pck.ts';
import { type Certified, pemChain } from './pki.ts';
import type { QuotingEnclave, Tee } from './qe.ts';

export interface QuoteInput {
  readonly version: 3 | 4 | 5;
  /** Of version 5: 1 for an SGX enclave, 2 to 4 for a TD. */
  readonly bodyType: number;
  readonly body: Uint8Array;
  readonly tee: Tee;
  readonly qe: QuotingEnclave;
  /** Leaf, CA and root. */
  readonly pckChain: readonly Certified[];
}

const ECDSA_P256 = 2;
const TEE_TYPES: Readonly<Record<Tee, number>> = { sgx: 0x00, tdx: 0x81 };
const INTEL = fromHex('939a7233f79c4ca9940a0db3957f0607');
const PCK_CHAIN = 5;
const QE_REPORT = 6;

export function createQuote(input: QuoteInput): Uint8Array {
  const { version, body, qe } = input;
  const descriptor = version === 5 ? [u16le(input.bodyType), u32le(body.length)] : [];
  const covered = concat(header(input), ...descriptor, body);
  const chain = concat(pemChain(...input.pckChain), Uint8Array.of(0));
  const certified = concat(
    qe.report,
    qe.signature,
    u16le(qe.authData.length),
    qe.authData,
    certificationData(PCK_CHAIN, chain),
  );
  const signatureData = concat(
    qe.attestationKey.sign(covered),
    qe.attestationKey.point,
    version === 3 ? certified : certificationData(QE_REPORT, certified),
  );
  return concat(covered, u32le(signatureData.length), signatureData);
}

function header({ version, tee, qe }: QuoteInput): Uint8Array {
  return writeLayout(HEADER, {
    version: u16le(version),
    attestationKeyType: u16le(ECDSA_P256),
    teeType: u32le(TEE_TYPES[tee]),
    ...(version === 3 ? { qeSvn: u16le(qe.isvSvn), pceSvn: u16le(PCE_SVN) } : {}),
    qeVendorId: INTEL,
    userData: concat(qe.id, new Uint8Array(4)),
  });
}

function certificationData(type: number, data: Uint8Array): Uint8Array {
  return concat(u16le(type), u32le(data.length), data);
}
