/**
 * The quoting enclaves of the simulated platform: each has made an attestation key, and the platform's PCK key has
 * signed the report that binds it. One for TDs (TD_QE) and one for SGX enclaves (QE), with Intel's measurements.
 */
import { concat } from '../../../src/base/bytes.ts';
import { fromHex } from '../../../src/base/hex.ts';
import { nodeCrypto } from '../../../native/crypto.ts';
import type { Derive } from '../state.ts';
import type { IntelFaults } from './faults.ts';
import { deriveKey, type Key } from './keys.ts';
import { ENCLAVE_REPORT, u16le, writeLayout } from './layout.ts';
import { CPU_SVN } from './pck.ts';
import type { Certified } from './pki.ts';

export type Tee = 'tdx' | 'sgx';

export interface QuotingEnclave {
  readonly isvSvn: number;
  /** What this platform calls the enclave, 16 bytes; it stands in the header of quotes. */
  readonly id: Uint8Array;
  readonly attestationKey: Key;
  readonly report: Uint8Array;
  /** By the PCK key, over the report. */
  readonly signature: Uint8Array;
  readonly authData: Uint8Array;
}

export interface QeSigner {
  /** As the identity statement names it. */
  readonly id: 'TD_QE' | 'QE';
  readonly mrsigner: Uint8Array;
  readonly isvprodid: number;
  readonly isvSvn: number;
  /** ISVSVN of the levels in the identity statement: up to date first, then out of date. */
  readonly levels: readonly number[];
}

export const QE_SIGNERS: Readonly<Record<Tee, QeSigner>> = Object.freeze({
  tdx: {
    id: 'TD_QE',
    mrsigner: fromHex('dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5'),
    isvprodid: 2,
    isvSvn: 7,
    levels: [4],
  },
  sgx: {
    id: 'QE',
    mrsigner: fromHex('8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff'),
    isvprodid: 1,
    isvSvn: 9,
    levels: [8, 1],
  },
});

/** INIT, MODE64BIT and PROVISION_KEY, then XFRM, as in recorded reports. */
const ATTRIBUTES = fromHex('1500000000000000e700000000000000');
/** The bytes 0 to 31, as Intel's enclaves give. */
const AUTH_DATA: Uint8Array = Uint8Array.from({ length: 32 }, (_, index) => index);

export function createQuotingEnclave(
  derive: Derive,
  tee: Tee,
  faults: IntelFaults,
  pck: Certified,
): QuotingEnclave {
  const signer = QE_SIGNERS[tee];
  const attestationKey = deriveKey(derive, `attestation/${tee}`);
  const bound = nodeCrypto.sha256(attestationKey.point, AUTH_DATA);
  const report = writeLayout(ENCLAVE_REPORT, {
    cpuSvn: CPU_SVN,
    attributes: ATTRIBUTES,
    mrenclave: derive(`intel/qe/${tee}/mrenclave`, 32),
    mrsigner: faults.has('foreign-qe') ? derive('intel/qe/foreign', 32) : signer.mrsigner,
    isvProdId: u16le(signer.isvprodid),
    isvSvn: u16le(signer.isvSvn),
    reportData: concat(bound, new Uint8Array(32)),
  });
  return Object.freeze({
    isvSvn: signer.isvSvn,
    id: derive(`intel/qe/${tee}/id`, 16),
    attestationKey,
    report,
    signature: pck.key.sign(report),
    authData: AUTH_DATA,
  });
}
