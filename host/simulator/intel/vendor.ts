/** The simulated vendor and one platform of its, put together from a seed. */
import type { Millis } from '../../../src/base/clock.ts';
import { nodeCrypto } from '../../../native/crypto.ts';
import type { Derive } from '../state.ts';
import { createCollateral } from './collateral.ts';
import type { IntelFaults } from './faults.ts';
import {
  type EnclaveImage,
  launchEnclave,
  launchTd,
  type Platform,
  type SimulatedEnclave,
  type SimulatedTd,
  type TdImage,
} from './guest.ts';
import { createPki } from './pki.ts';
import { createQuotingEnclave, type Tee } from './qe.ts';
import type { TcbStatus } from './tcb.ts';

export interface IntelVendorOptions {
  readonly derive: Derive;
  readonly now: () => Millis;
  readonly faults: IntelFaults;
  /** What the TCB info says of this platform unless a fault says it; UpToDate when left out. */
  readonly tcbStatus?: TcbStatus;
}

export interface IntelVendor {
  /** Common name of the root. */
  readonly rootName: string;
  /** SHA-256 of the root's SubjectPublicKeyInfo: what a trust policy names. */
  readonly rootSpkiSha256: Uint8Array;
  /** DER. */
  readonly rootCertificate: Uint8Array;
  /**
   * File name to bytes, as the provisioning service serves them now: tcb_info.json, qe_identity.json,
   * tcb_signing_chain.pem, pck_crl.der, root_ca_crl.der, tcb_evaluation_numbers.json.
   */
  collateral(tee: Tee): ReadonlyMap<string, Uint8Array>;
  launchTd(image: TdImage): SimulatedTd;
  launchEnclave(image: EnclaveImage): SimulatedEnclave;
}

/** Certificates are of the moment of this call and live for years; collateral is of the moment it is asked for. */
export async function createIntelVendor(options: IntelVendorOptions): Promise<IntelVendor> {
  const { derive, now, faults } = options;
  const pki = createPki(derive, faults, now());
  const platform: Platform = {
    derive,
    faults,
    quotingEnclaves: {
      tdx: createQuotingEnclave(derive, 'tdx', faults, pki.pck),
      sgx: createQuotingEnclave(derive, 'sgx', faults, pki.pck),
    },
    pckChain: [pki.pck, pki.pckCa, pki.root],
  };
  const status = statusOf(options);
  return Object.freeze({
    rootName: pki.rootName,
    rootSpkiSha256: nodeCrypto.sha256(pki.root.key.spki),
    rootCertificate: pki.root.certificate,
    collateral: (tee: Tee) => createCollateral({ derive, faults, pki, tee, status, now: now() }),
    launchTd: (image: TdImage) => launchTd(platform, image),
    launchEnclave: (image: EnclaveImage) => launchEnclave(platform, image),
  });
}

function statusOf({ faults, tcbStatus }: IntelVendorOptions): TcbStatus {
  if (faults.has('tcb-revoked')) return 'Revoked';
  if (faults.has('out-of-date')) return 'OutOfDate';
  return tcbStatus ?? 'UpToDate';
}
