/**
 * A simulated Intel platform that a test takes apart: its keys sign statements, lists, certificates and quotes that
 * the simulator itself would not make.
 */
import {
  createIntelVendor,
  type IntelVendor,
  parseIntelFaults,
  type Tee,
} from '../../host/simulator/intel/index.ts';
import type { Key } from '../../host/simulator/intel/keys.ts';
import {
  ENCLAVE_REPORT,
  type EnclaveField,
  TD_REPORTS,
  type TdField,
  u16le,
  writeLayout,
} from '../../host/simulator/intel/layout.ts';
import { CPU_SVN, teeTcbSvn, TDX_MODULE_SVN } from '../../host/simulator/intel/pck.ts';
import { type Certified, createPki, type IntelPki, pemChain } from '../../host/simulator/intel/pki.ts';
import { createQuotingEnclave, type QuotingEnclave } from '../../host/simulator/intel/qe.ts';
import { createQuote } from '../../host/simulator/intel/quote.ts';
import {
  certificate,
  type CertificateInput,
  revocationList,
  type RevocationInput,
} from '../../host/simulator/intel/x509.ts';
import { deriveFrom } from '../../host/simulator/state.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import type { CollateralFile } from '../../src/collateral/index.ts';
import { parseQuote } from '../../src/evidence/intel/index.ts';
import { type RootPin, simulatedRoot } from '../../verifier/roots.ts';
import { reassembled } from './intel.ts';
import { INTEL_TIME } from './simulated-intel.ts';

export type Statement = Record<string, unknown>;
export type TdBody = Partial<Record<TdField, Uint8Array>>;
export type EnclaveBody = Partial<Record<EnclaveField, Uint8Array>>;

export interface MadeIntel {
  readonly vendor: IntelVendor;
  readonly pki: IntelPki;
  /** What a trust policy names. */
  readonly root: readonly [name: string, spki: string];
  readonly pins: readonly RootPin[];
  readonly quotingEnclaves: Readonly<Record<Tee, QuotingEnclave>>;
  /** Named as the recorded ones are. */
  files(tee: Tee): readonly CollateralFile[];
  /** A TD that nobody would refuse, but for what is given; version 5 for bodies of type 3 and 4. */
  td(body?: TdBody, bodyType?: 2 | 3 | 4): Uint8Array;
  enclave(body?: EnclaveBody): Uint8Array;
}

export interface Choice {
  readonly seed?: number;
  readonly now?: number;
}

export async function madeIntel(faults: readonly string[] = [], choice: Choice = {}): Promise<MadeIntel> {
  const { seed = 1, now = INTEL_TIME } = choice;
  const derive = deriveFrom(new Uint8Array(32).fill(seed));
  const parsed = parseIntelFaults(faults);
  const vendor = await createIntelVendor({ derive, now: () => now, faults: parsed });
  const pki = createPki(derive, parsed, now);
  const quotingEnclaves = {
    tdx: createQuotingEnclave(derive, 'tdx', parsed, pki.pck),
    sgx: createQuotingEnclave(derive, 'sgx', parsed, pki.pck),
  };
  const root = [vendor.rootName, toHex(vendor.rootSpkiSha256)] as const;
  const pckChain = [pki.pck, pki.pckCa, pki.root];
  return {
    vendor,
    pki,
    root,
    pins: ['tdx', 'sgx'].map((platform) => simulatedRoot(platform, ...root)),
    quotingEnclaves,
    files: (tee) => [...vendor.collateral(tee)].map(([name, bytes]) => ({ name, bytes })),
    td: (body = {}, bodyType = 2) =>
      createQuote({
        version: bodyType === 2 ? 4 : 5,
        bodyType,
        body: writeLayout(TD_REPORTS[bodyType], { ...GOOD_TD, ...body }),
        tee: 'tdx',
        qe: quotingEnclaves.tdx,
        pckChain,
      }),
    enclave: (body = {}) =>
      createQuote({
        version: 3,
        bodyType: 1,
        body: writeLayout(ENCLAVE_REPORT, { ...GOOD_ENCLAVE, ...body }),
        tee: 'sgx',
        qe: quotingEnclaves.sgx,
        pckChain,
      }),
  };
}

const SVN = teeTcbSvn(TDX_MODULE_SVN);
const GOOD_TD: TdBody = {
  teeTcbSvn: SVN,
  teeTcbSvn2: SVN,
  tdAttributes: fromHex('0000001000000000'),
  xfam: fromHex('e702060000000000'),
};
const GOOD_ENCLAVE: EnclaveBody = {
  cpuSvn: CPU_SVN,
  attributes: fromHex('0500000000000000e700000000000000'),
  isvProdId: u16le(3),
  isvSvn: u16le(4),
};

/** A statement changed and signed anew. */
export function resigned(
  body: Uint8Array,
  key: Pick<Key, 'sign'>,
  change: (inner: Statement) => void,
): Uint8Array {
  const parts = JSON.parse(new TextDecoder().decode(body)) as Record<string, Statement>;
  const [name] = Object.keys(parts) as [string];
  const inner = parts[name] as Statement;
  change(inner);
  const text = JSON.stringify(inner);
  return utf8(`{"${name}":${text},"signature":"${toHex(key.sign(utf8(text)))}"}`);
}

const DAY = 86_400_000;

/** A list of this moment, unless told otherwise. */
export function list(issuer: Certified, changes: Partial<RevocationInput> = {}): Uint8Array {
  return revocationList({
    issuer,
    thisUpdate: INTEL_TIME - DAY - (INTEL_TIME % 1000),
    nextUpdate: INTEL_TIME + 29 * DAY - (INTEL_TIME % 1000),
    revoked: [],
    ...changes,
  });
}

/** A certificate issued again, of the same key and serial number unless told otherwise. */
export function reissued(
  subject: Certified,
  issuer: Certified,
  changes: Partial<CertificateInput>,
): Certified {
  const der = certificate({
    subject,
    issuer,
    serial: subject.serial,
    notBefore: Date.UTC(2024, 0, 1),
    notAfter: Date.UTC(2031, 0, 1),
    revocationPoint: 'https://assay-simulator.invalid/list',
    uses: [0, 1],
    pathLength: null,
    more: [],
    ...changes,
  });
  return { ...subject, serial: changes.serial ?? subject.serial, certificate: der };
}

/** A quote with other certificates: nothing of what certifies it is signed. */
export function certifiedBy(quote: Uint8Array, raw: Uint8Array): Uint8Array {
  const parsed = parseQuote(quote);
  return reassembled({ ...parsed, certification: { kind: 'chain', raw, certificates: [] } });
}

export { pemChain };
