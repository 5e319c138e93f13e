/** What runs on the simulated platform: TDs with their registers, and SGX enclaves. */
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { fromHex } from '../../../src/base/hex.ts';
import { nodeCrypto } from '../../../native/crypto.ts';
import type { Derive } from '../state.ts';
import type { IntelFaults } from './faults.ts';
import { ENCLAVE_REPORT, TD_REPORTS, type TdField, u16le, writeLayout } from './layout.ts';
import { CPU_SVN, FMSPC, TDX_MODULE_SVN, TDX_MODULE_SVN_EARLIER, teeTcbSvn } from './pck.ts';
import type { Certified } from './pki.ts';
import type { QuotingEnclave, Tee } from './qe.ts';
import { createQuote } from './quote.ts';

/** Measurements of a TD when it starts, 48 bytes each; what is left out is zero. */
export interface TdImage {
  readonly mrtd: Uint8Array;
  readonly mrconfigid?: Uint8Array;
  readonly mrowner?: Uint8Array;
  readonly mrownerconfig?: Uint8Array;
  readonly rtmr0?: Uint8Array;
  readonly rtmr1?: Uint8Array;
  readonly rtmr2?: Uint8Array;
  readonly rtmr3?: Uint8Array;
}

export interface TdQuoteOptions {
  /** 4 unless the platform has a fault that only version 5 can show. */
  readonly version?: 4 | 5;
  /** TD 1.0, TD 1.5, TD 1.5 extended. Version 4 has 2 only; version 5 has 3 when none is given. */
  readonly bodyType?: 2 | 3 | 4;
}

export interface SimulatedTd {
  /** RTMR := SHA-384(RTMR ‖ digest). Guests may extend 2 and 3 only. Throws RangeError. */
  extend(register: number, digest: Uint8Array): void;
  /** `reportData` of 64 bytes. Throws RangeError on another length, or a body that the version does not have. */
  quote(reportData: Uint8Array, options?: TdQuoteOptions): Uint8Array;
}

export interface EnclaveImage {
  /** 32 bytes each. */
  readonly mrenclave: Uint8Array;
  readonly mrsigner: Uint8Array;
  readonly isvProdId: number;
  readonly isvSvn: number;
}

export interface SimulatedEnclave {
  /** Of version 3. `reportData` of 64 bytes; throws RangeError on another length. */
  quote(reportData: Uint8Array): Uint8Array;
}

export interface Platform {
  readonly derive: Derive;
  readonly faults: IntelFaults;
  readonly quotingEnclaves: Readonly<Record<Tee, QuotingEnclave>>;
  /** Leaf, CA and root. */
  readonly pckChain: readonly Certified[];
}

const REGISTER_BYTES = 48;
const REPORT_DATA_BYTES = 64;
/** TD attributes by bit number (Intel TDX Module Base Architecture Specification, ATTRIBUTES). */
const DEBUG = 0;
const SEPT_VE_DISABLE = 28;
const MIGRATABLE = 29;
/** x87, SSE, AVX, AVX-512, PKU and AMX, as in recorded quotes. */
const XFAM = fromHex('e702060000000000');
/** INIT and MODE64BIT, with DEBUG the bit between them; then XFRM. */
const ENCLAVE = fromHex('0500000000000000e700000000000000');
const ENCLAVE_DEBUG = 0x02;

export function launchTd(platform: Platform, image: TdImage): SimulatedTd {
  const { faults, quotingEnclaves, pckChain } = platform;
  const rtmrs = [image.rtmr0, image.rtmr1, image.rtmr2, image.rtmr3].map(
    (given) => given ?? new Uint8Array(REGISTER_BYTES),
  );
  const launched: Partial<Record<TdField, Uint8Array>> = { ...image, ...platformFields(platform) };
  // Lengths are judged when the TD is launched, not when it first asks for a quote.
  writeLayout(TD_REPORTS[2], launched);
  return Object.freeze({
    extend(register: number, digest: Uint8Array): void {
      if (register !== 2 && register !== 3) throw new RangeError(`a guest cannot extend RTMR${register}`);
      if (digest.length !== REGISTER_BYTES)
        throw new RangeError(`the digest has ${digest.length} bytes, not 48`);
      rtmrs[register] = nodeCrypto.sha384(rtmrs[register] as Uint8Array, digest);
    },
    quote(reportData: Uint8Array, options: TdQuoteOptions = {}): Uint8Array {
      const { version, bodyType } = shapeOf(faults, options);
      const body = writeLayout(TD_REPORTS[bodyType], {
        ...launched,
        ...Object.fromEntries(rtmrs.map((value, index) => [`rtmr${index}`, value])),
        reportData: boundData(faults, reportData),
      });
      return createQuote({ version, bodyType, body, tee: 'tdx', qe: quotingEnclaves.tdx, pckChain });
    },
  });
}

export function launchEnclave(platform: Platform, image: EnclaveImage): SimulatedEnclave {
  const { faults, quotingEnclaves, pckChain } = platform;
  const attributes = ENCLAVE.slice();
  if (faults.has('debug')) attributes[0] = (attributes[0] as number) | ENCLAVE_DEBUG;
  const launched = {
    cpuSvn: CPU_SVN,
    attributes,
    mrenclave: image.mrenclave,
    mrsigner: image.mrsigner,
    isvProdId: u16le(image.isvProdId),
    isvSvn: u16le(image.isvSvn),
  };
  writeLayout(ENCLAVE_REPORT, launched);
  return Object.freeze({
    quote(reportData: Uint8Array): Uint8Array {
      const body = writeLayout(ENCLAVE_REPORT, { ...launched, reportData: boundData(faults, reportData) });
      return createQuote({ version: 3, bodyType: 1, body, tee: 'sgx', qe: quotingEnclaves.sgx, pckChain });
    },
  });
}

/** Everything of a TD report that the platform and its module say. */
function platformFields({ derive, faults }: Platform): Partial<Record<TdField, Uint8Array>> {
  const current = teeTcbSvn(TDX_MODULE_SVN);
  const atLaunch = faults.has('relaunch-advised') ? teeTcbSvn(TDX_MODULE_SVN_EARLIER) : current;
  const serviceTd = faults.has('service-td') ? derive('intel/service-td', 48) : new Uint8Array(48);
  return {
    teeTcbSvn: atLaunch,
    mrseam: nodeCrypto.sha384(utf8('assay simulated TDX module')),
    mrsignerseam: faults.has('wrong-module-signer') ? derive('intel/module-signer', 48) : new Uint8Array(48),
    tdAttributes: attributesOf(faults),
    xfam: XFAM,
    teeTcbSvn2: current,
    mrservicetd: serviceTd,
    tdId: derive('intel/td-id', 32),
    initServtdHash: serviceTd,
    initCpuSvn: CPU_SVN,
    initTeeTcbSvn: atLaunch,
    initFmspc: concat(FMSPC, new Uint8Array(6)),
    curServtdHash: serviceTd,
  };
}

function attributesOf(faults: IntelFaults): Uint8Array {
  const out = new Uint8Array(8);
  const set = (bit: number): void => void (out[bit >> 3] = (out[bit >> 3] as number) | (1 << (bit & 7)));
  if (faults.has('debug')) set(DEBUG);
  if (!faults.has('no-sept-ve-disable')) set(SEPT_VE_DISABLE);
  if (faults.has('migratable')) set(MIGRATABLE);
  return out;
}

/** Version and body: as asked for, else the lowest that shows the platform's faults. */
function shapeOf(faults: IntelFaults, options: TdQuoteOptions): { version: 4 | 5; bodyType: 2 | 3 | 4 } {
  const least = faults.has('body-type-4')
    ? 4
    : faults.has('service-td') || faults.has('relaunch-advised')
      ? 3
      : 2;
  const version = options.version ?? ((options.bodyType ?? least) > 2 ? 5 : 4);
  if (version === 5) return { version, bodyType: options.bodyType ?? (least === 4 ? 4 : 3) };
  if (options.bodyType !== undefined && options.bodyType !== 2)
    throw new RangeError(`quote version 4 has no body of type ${options.bodyType}`);
  return { version, bodyType: 2 };
}

/** What the report carries: what was asked for, or with the fault each byte of it inverted. */
function boundData(faults: IntelFaults, asked: Uint8Array): Uint8Array {
  if (asked.length !== REPORT_DATA_BYTES)
    throw new RangeError(`report data has ${asked.length} bytes, not ${REPORT_DATA_BYTES}`);
  return faults.has('wrong-binding') ? asked.map((byte) => byte ^ 0xff) : asked;
}
