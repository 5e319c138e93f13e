/**
 * Simulated Intel vendors for tests, and all that can be read in what they make, by readers that are not the
 * simulator's: so that two vendors can be compared and a fault shows as the facts that it changed.
 */
import 'reflect-metadata';
import { createHash, createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto';
import { X509Crl } from '@peculiar/x509';
import { expect } from 'vitest';
import {
  createIntelVendor,
  type IntelVendor,
  parseIntelFaults,
  type TcbStatus,
  type TdQuoteOptions,
} from '../../host/simulator/intel/index.ts';
import type { Key } from '../../host/simulator/intel/keys.ts';
import { ENCLAVE_REPORT, type Layout, TD_REPORTS } from '../../host/simulator/intel/layout.ts';
import { PCE_SVN, SGX_SVNS } from '../../host/simulator/intel/pck.ts';
import { deriveFrom } from '../../host/simulator/state.ts';
import { toHex } from '../../src/base/hex.ts';
import { DerReader } from '../../src/codec/der.ts';
import { parsePem } from '../../src/codec/pem.ts';
import { ecdsaDerToP1363 } from '../../src/codec/x509.ts';

export const INTEL_TIME = Date.UTC(2026, 10, 20, 12, 34, 56, 789);
/** Report data that tests ask for. */
export const ASKED: Uint8Array = Uint8Array.from({ length: 64 }, (_, index) => index);
export const MRTD: Uint8Array = new Uint8Array(48).fill(0xd0);

export interface IntelChoice {
  readonly seed?: number;
  readonly now?: () => number;
  readonly tcbStatus?: TcbStatus;
}

export function simulatedIntel(
  faults: readonly string[] = [],
  choice: IntelChoice = {},
): Promise<IntelVendor> {
  const { seed = 1, now = () => INTEL_TIME, ...rest } = choice;
  const derive = deriveFrom(new Uint8Array(32).fill(seed));
  return createIntelVendor({ derive, now, faults: parseIntelFaults(faults), ...rest });
}

export function tdQuote(vendor: IntelVendor, options?: TdQuoteOptions): Uint8Array {
  return vendor.launchTd({ mrtd: MRTD }).quote(ASKED, options);
}

export function enclaveQuote(vendor: IntelVendor): Uint8Array {
  const [mrenclave, mrsigner] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  return vendor.launchEnclave({ mrenclave, mrsigner, isvProdId: 3, isvSvn: 4 }).quote(ASKED);
}

/** A key that "signs" with a recorded signature. */
export const replay = (spki: Uint8Array, signature: Uint8Array, point: Uint8Array = signature): Key => ({
  spki,
  point,
  sign: () => signature,
});

export const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const u16 = (bytes: Uint8Array, at: number): number => Buffer.from(bytes).readUInt16LE(at);
const u32 = (bytes: Uint8Array, at: number): number => Buffer.from(bytes).readUInt32LE(at);

export function readLayout<F extends string>(layout: Layout<F>, bytes: Uint8Array): Record<F, Uint8Array> {
  expect(bytes.length).toBe(layout.size);
  const fields = layout.rows.map(([field, at, length]) => [field, bytes.slice(at, at + length)] as const);
  return Object.fromEntries(fields) as Record<F, Uint8Array>;
}

export interface CutQuote {
  readonly version: number;
  readonly bodyType: number;
  /** What the attestation key signs. */
  readonly covered: Uint8Array;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  readonly layout: Layout;
  readonly signature: Uint8Array;
  readonly point: Uint8Array;
  readonly report: Uint8Array;
  readonly reportSignature: Uint8Array;
  readonly authData: Uint8Array;
  readonly chainType: number;
  readonly chain: Uint8Array;
  /** After the quote. */
  readonly rest: Uint8Array;
}

/** A quote cut by the lengths in it. */
export function cutQuote(quote: Uint8Array): CutQuote {
  const version = u16(quote, 0);
  const tdx = u32(quote, 4) === 0x81;
  const at = version === 5 ? 54 : 48;
  const bodyType = version === 5 ? u16(quote, 48) : tdx ? 2 : 1;
  const size = version === 5 ? u32(quote, 50) : tdx ? 584 : 384;
  const end = at + size + 4 + u32(quote, at + size);
  const signed = quote.slice(at + size + 4, end);
  const qe = signed.slice(version === 3 ? 128 : 134);
  const authEnd = 450 + u16(qe, 448);
  return {
    version,
    bodyType,
    covered: quote.slice(0, at + size),
    header: quote.slice(0, 48),
    body: quote.slice(at, at + size),
    layout: tdx ? TD_REPORTS[bodyType as 2 | 3 | 4] : ENCLAVE_REPORT,
    signature: signed.slice(0, 64),
    point: signed.slice(64, 128),
    report: qe.slice(0, 384),
    reportSignature: qe.slice(384, 448),
    authData: qe.slice(450, authEnd),
    chainType: u16(qe, authEnd),
    chain: qe.slice(authEnd + 6, authEnd + 6 + u32(qe, authEnd + 2)),
    rest: quote.slice(end),
  };
}

export function pemIn(chain: Uint8Array): readonly Uint8Array[] {
  return parsePem(latin(chain).replace(/\0$/, ''), 'CERTIFICATE');
}

/** ECDSA with SHA-256, the signature r ‖ s. */
export function signedBy(key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** The parts of a certificate or list that are signed and sign. */
export function signedParts(der: Uint8Array): { readonly tbs: Uint8Array; readonly signature: Uint8Array } {
  return new DerReader(der).sequence((outer) => {
    const tbs = outer.any().raw;
    outer.any();
    return { tbs, signature: ecdsaDerToP1363(outer.bitString(), 32) };
  });
}

type Facts = Record<string, string>;

/** Everything that a vendor says, by name. Signatures and hashes that no fault touches must hold. */
export function intelFacts(vendor: IntelVendor): Facts {
  const out: Facts = { rootName: vendor.rootName };
  const shown = cutQuote(tdQuote(vendor));
  out['shape'] = `${shown.version}/${shown.bodyType}`;
  const [pck, pckCa, root] = pemIn(shown.chain).map((der) => new X509Certificate(der)) as [Own, Own, Own];
  const files = { tdx: vendor.collateral('tdx'), sgx: vendor.collateral('sgx') };
  const chain = pemIn(files.tdx.get('tcb_signing_chain.pem')!).map((der) => new X509Certificate(der));
  out['chain'] = chain.map(({ subject }) => subject).join(' < ');
  const signer = chain.find(({ subject }) => subject.includes('TCB Signing'))!;
  const certificates = { pck, pckCa, root, signer };
  for (const [name, cert] of Object.entries(certificates))
    for (const field of ['subject', 'issuer', 'validFrom', 'validTo', 'serialNumber'] as const)
      out[`${name}.${field}`] = cert[field];
  const links = [
    [pck, pckCa],
    [pckCa, root],
    [root, root],
    [signer, root],
  ] as const;
  expect(links.map(([below, above]) => below.verify(above.publicKey))).toEqual([true, true, true, true]);
  expect(root.raw.equals(vendor.rootCertificate)).toBe(true);
  addQuote(out, 'td', cutQuote(tdQuote(vendor, { version: 5, bodyType: 4 })), pck.publicKey);
  addQuote(out, 'enclave', cutQuote(enclaveQuote(vendor)), pck.publicKey);
  for (const tee of ['tdx', 'sgx'] as const) addStatements(out, tee, files[tee], certificates);
  for (const name of ['pck_crl', 'root_ca_crl'] as const) {
    expect(files.sgx.get(`${name}.der`)).toEqual(files.tdx.get(`${name}.der`));
    addList(out, name, files.tdx.get(`${name}.der`)!, certificates);
  }
  return out;
}

type Own = X509Certificate;
type Known = Readonly<Record<string, X509Certificate>>;

/** Which of the certificates has the key that signed this. */
function whoSigned(known: Known, message: Uint8Array, signature: Uint8Array): string {
  const found = Object.entries(known).find(([, cert]) => signedBy(cert.publicKey, message, signature));
  return found?.[0] ?? 'nobody';
}

function addQuote(out: Facts, name: string, quote: CutQuote, pck: KeyObject): void {
  for (const [field, value] of Object.entries(readLayout(quote.layout, quote.body)))
    out[`${name}.${field}`] = toHex(value);
  const report = readLayout(ENCLAVE_REPORT, quote.report);
  for (const [field, value] of Object.entries(report)) out[`${name}.qe.${field}`] = toHex(value);
  const bound = createHash('sha256').update(quote.point).update(quote.authData).digest('hex');
  const [x, y] = [0, 32].map((at) => Buffer.from(quote.point.slice(at, at + 32)).toString('base64url'));
  const key = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x!, y: y! }, format: 'jwk' });
  expect(signedBy(pck, quote.report, quote.reportSignature)).toBe(true);
  expect(toHex(report.reportData)).toBe(`${bound}${'00'.repeat(32)}`);
  expect(signedBy(key, quote.covered, quote.signature)).toBe(true);
}

function addList(out: Facts, name: string, der: Uint8Array, known: Known): void {
  const list = new X509Crl(Uint8Array.from(der));
  const { tbs, signature } = signedParts(der);
  out[`${name}.issuer`] = list.issuer;
  out[`${name}.thisUpdate`] = list.thisUpdate.toISOString();
  out[`${name}.nextUpdate`] = String(list.nextUpdate?.toISOString());
  out[`${name}.revoked`] = list.entries.map(({ serialNumber }) => serialNumber.toUpperCase()).join(' ');
  out[`${name}.signer`] = whoSigned(known, tbs, signature);
}

interface Svn {
  readonly svn: number;
}

interface StatedLevel {
  readonly tcb: {
    readonly sgxtcbcomponents: readonly Svn[];
    readonly tdxtcbcomponents?: readonly Svn[];
    readonly pcesvn: number;
  };
  readonly tcbStatus: string;
}

/** Members, who signed them, and what the levels say of the platform: the first that it reaches. */
function addStatements(out: Facts, tee: string, files: ReadonlyMap<string, Uint8Array>, known: Known): void {
  for (const name of ['tcb_info', 'qe_identity', 'tcb_evaluation_numbers']) {
    const text = latin(files.get(`${name}.json`)!);
    const parts = /^\{"\w+":(.*),"signature":"([0-9a-f]{128})"\}$/.exec(text);
    const [inner, signature] = [parts?.[1] ?? '', Buffer.from(parts?.[2] ?? '', 'hex')];
    const members = JSON.parse(inner) as Record<string, unknown>;
    for (const [member, value] of Object.entries(members))
      out[`${tee} ${name}.${member}`] = JSON.stringify(value);
    out[`${tee} ${name}.signer`] = whoSigned(known, Buffer.from(inner), signature);
    if (name !== 'tcb_info') continue;
    const reached = (members['tcbLevels'] as readonly StatedLevel[]).find(
      ({ tcb }) =>
        tcb.pcesvn <= PCE_SVN &&
        tcb.sgxtcbcomponents.every(({ svn }, index) => svn <= SGX_SVNS[index]!) &&
        (tcb.tdxtcbcomponents?.[2]?.svn ?? 0) <= Number.parseInt(out['td.teeTcbSvn']!.slice(4, 6), 16),
    );
    out[`${tee} status`] = reached?.tcbStatus ?? 'none';
  }
}
