/**
 * The simulated platform: its identifiers, its security versions, and how a PCK certificate states them (Intel SGX
 * PCK Certificate and Certificate Revocation List Profile Specification).
 */
import {
  derBoolean,
  derElement,
  derOctetString,
  derOid,
  derSequence,
  derUnsigned,
} from '../../../src/codec/der-write.ts';
import type { Derive } from '../state.ts';
import { extension } from './x509.ts';

/**
 * Of no processor family that exists: collateral of this vendor can never be taken for a genuine platform's. Without
 * letters, because some verifiers compare the hexadecimal of certificate and TCB info with its case.
 */
export const FMSPC: Uint8Array = Uint8Array.of(0x99, 0x99, 0x99, 0x00, 0x00, 0x00);
export const PCE_ID: Uint8Array = Uint8Array.of(0x00, 0x00);

/** Security versions of the 16 SGX components, in the order of the certificate and of a TCB level. */
export const SGX_SVNS: readonly number[] = [4, 4, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
export const PCE_SVN = 13;
/** What the processor itself reports, a coding that only the provisioning service can read. */
export const CPU_SVN: Uint8Array = Uint8Array.from([4, 4, 25, 27, 4, 255, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0]);

/** Components of TEE_TCB_SVN that are in use: the TDX module's security version and major version, microcode. */
export const TDX_MODULE_SVN = 11;
/** Before its last update, in a TD that was launched then. */
export const TDX_MODULE_SVN_EARLIER = 6;
export const TDX_MODULE_VERSION = 1;
export const TDX_MICROCODE_SVN = 4;

const SGX = '1.2.840.113741.1.13.1';
const ENUMERATED = 0x0a;
/** SGX type: 0 standard, 1 scalable, 2 scalable with integrity. */
const SCALABLE = 1;

/** The extension of a certificate below the Platform CA, members in Intel's order. */
export function pckExtension(derive: Derive): Uint8Array {
  const tcb = [
    ...SGX_SVNS.map((svn, index) => member(`2.${index + 1}`, derUnsigned(svn))),
    member('2.17', derUnsigned(PCE_SVN)),
    member('2.18', derOctetString(Uint8Array.from(SGX_SVNS))),
  ];
  // Dynamic platform, cached keys, SMT enabled.
  const configuration = [1, 2, 3].map((index) => member(`7.${index}`, derBoolean(true)));
  const members = derSequence(
    member('1', derOctetString(derive('intel/ppid', 16))),
    member('2', derSequence(...tcb)),
    member('3', derOctetString(PCE_ID)),
    member('4', derOctetString(FMSPC)),
    member('5', derElement(ENUMERATED, Uint8Array.of(SCALABLE))),
    member('6', derOctetString(derive('intel/platform-instance', 16))),
    member('7', derSequence(...configuration)),
  );
  return extension(SGX, false, members);
}

function member(arc: string, value: Uint8Array): Uint8Array {
  return derSequence(derOid(`${SGX}.${arc}`), value);
}

/** TEE_TCB_SVN, 16 bytes. */
export function teeTcbSvn(moduleSvn: number): Uint8Array {
  const out = new Uint8Array(16);
  out.set([moduleSvn, TDX_MODULE_VERSION, TDX_MICROCODE_SVN]);
  return out;
}
