/** Questions about Intel quotes that are put to several verifiers: recorded, changed by tables, simulated, at random. */
import { INTEL_FAULTS, type IntelVendor } from '../../host/simulator/intel/index.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import type { CollateralFile } from '../../src/collateral/index.ts';
import { simulatedRoot } from '../../verifier/index.ts';
import { collateralFiles } from './collateral.ts';
import { corpusBytes } from './corpus.ts';
import { issuersIn, type QuoteCase, quoteCase } from './intel-peers.ts';
import {
  appliedTo,
  baseOf,
  fileOf,
  givenOf,
  lastName,
  recordedCase,
  recordedCases,
  type TableCase,
  tables,
  withFiles,
} from './intel-verify.ts';
import { mutations } from './mutate.ts';
import { enclaveQuote, INTEL_TIME, simulatedIntel, tdQuote } from './simulated-intel.ts';

/** With what Intel's library made of each; `verdictOf` must not differ from it, which other tests see to. */
export const recordedQuotes = (): readonly QuoteCase[] =>
  recordedCases().map((one) => quoteCase(one.name, givenOf(one), true));

/** Intel's library takes a change if no step of it fails. */
export const tableQuotes = (): readonly QuoteCase[] =>
  tables().flatMap((table) => {
    const base = baseOf(table);
    const whole = quoteCase('', base, null);
    return table.cases.map((one) => ({
      ...whole,
      ...appliedTo(base, one),
      name: `${table.name} ${one.id}`,
      intel: one.qvl_all_ok,
    }));
  });

/**
 * The changes of version 4 to another quote, of the same lengths, whose TCB info go-tdx-guest reads; and changes to
 * its collateral of the same kinds. `file`: of the recorded quote, as `tdx_v4_20a06f_near_gas`.
 */
export function transferred(file: string): readonly QuoteCase[] {
  const whole = quoteCase('', givenOf(recordedCase(file)), null);
  const table = tables().find(({ name }) => name === 'tdx_v4.json');
  const quotes = (table?.cases ?? [])
    .filter(({ ops }) => ops.every(({ target }) => target === 'quote'))
    .map((one) => ({ ...whole, ...appliedTo(whole, malleated(one, whole.quote)), name: `moved ${one.id}` }));
  return [...quotes, ...collateralChanges(whole)];
}

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const S = { offset: 668, length: 32 };

/** The one change that is of the signature itself: the order of P-256 less s. */
function malleated(one: TableCase, quote: Uint8Array): Pick<TableCase, 'ops'> {
  if (one.id !== 'sig-s-malleated') return one;
  const s = BigInt(`0x${toHex(quote.subarray(S.offset, S.offset + S.length))}`);
  const hex = (ORDER - s).toString(16).padStart(2 * S.length, '0');
  return { ops: [{ target: 'quote', op: 'set', offset: S.offset, hex }] };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const SECOND = 1_000;

/** Other folders have genuine lists of the same authority, of other times. */
function collateralChanges(whole: QuoteCase): readonly QuoteCase[] {
  const file = (name: string): Uint8Array => fileOf(whole.files, name);
  const other = (folder: string, name: string): Uint8Array =>
    fileOf(collateralFiles('tdx', `collateral/${folder}`), name);
  const changed = (name: string, changes: Readonly<Record<string, Uint8Array | null>>): QuoteCase => ({
    ...whole,
    name: `moved ${name}`,
    files: withFiles(whole.files, changes),
  });
  const edited = (name: string, target: string, from: string, to: string): QuoteCase => {
    const original = text(file(target));
    if (!original.includes(from)) throw new Error(`${target} has no ${from}`);
    return changed(name, { [target]: utf8(original.replace(from, () => to)) });
  };
  const flipped = (bytes: Uint8Array): Uint8Array =>
    bytes.map((octet, i) => (i === bytes.length - 20 ? octet ^ 1 : octet));
  const at = (name: string, time: string): QuoteCase => ({
    ...whole,
    name: `moved ${name}`,
    at: Date.parse(time),
  });
  const [, issued = ''] = /"issueDate":"([^"]*)"/.exec(text(file('tcb_info.json'))) ?? [];
  return [
    changed('crl-future', { 'pck_crl.der': other('phala-90c06f-2026-02', 'pck_crl.der') }),
    changed('crl-stale', { 'pck_crl.der': other('phala-b0c06f-2025-06', 'pck_crl.der') }),
    changed('crl-tampered', { 'pck_crl.der': flipped(file('pck_crl.der')) }),
    changed('crl-root-tampered', { 'root_ca_crl.der': flipped(file('root_ca_crl.der')) }),
    changed('crl-is-root', { 'pck_crl.der': file('root_ca_crl.der') }),
    changed('crl-missing', { 'pck_crl.der': null }),
    changed('crl-longer', { 'root_ca_crl.der': concat(file('root_ca_crl.der'), Uint8Array.of(0)) }),
    edited('chain-with-text', 'tcb_signing_chain.pem', '-----\n-----', '-----\ntext\n-----'),
    edited('tcb-second-tcb-info', 'tcb_info.json', '{"tcbInfo":', '{"tcbInfo":{},"tcbInfo":'),
    edited('tcb-status', 'tcb_info.json', '"OutOfDate"', '"UpToDate"'),
    edited('tcb-space', 'tcb_info.json', '{"tcbInfo":{', '{"tcbInfo":{ '),
    edited('tcb-member', 'tcb_info.json', '{"tcbInfo":', '{"note":1,"tcbInfo":'),
    edited('tcb-member-case', 'tcb_info.json', '"signature":', '"Signature":'),
    edited('qe-mrsigner', 'qe_identity.json', '"mrsigner":"D', '"mrsigner":"0'),
    changed('tcb-of-other', { 'tcb_info.json': other('dcaprs-00806f-2025-02', 'tcb_info.json') }),
    // The lists are older than the statement by less than an hour, and nothing else ends or begins in between.
    { ...whole, name: 'moved time-before-issue', at: Date.parse(issued) - SECOND },
    { ...whole, name: 'moved time-of-issue', at: Date.parse(issued) },
    at('time-after-last', '2025-10-03T12:00:00Z'),
    at('time-year-2020', '2020-01-01T00:00:00Z'),
  ];
}

/** A simulated Intel with each of its faults, under the names that genuine certificates have. */
export async function simulatedQuotes(): Promise<readonly QuoteCase[]> {
  const found: QuoteCase[] = [];
  for (const fault of ['', ...Object.keys(INTEL_FAULTS)]) {
    const vendor = await simulatedIntel(['same-name-root', ...(fault === '' ? [] : [fault])]);
    found.push(
      made(vendor, `simulated ${fault}`, tdQuote(vendor), 'tdx'),
      made(vendor, `simulated sgx ${fault}`, enclaveQuote(vendor), 'sgx'),
    );
  }
  return found;
}

function made(vendor: IntelVendor, name: string, quote: Uint8Array, tee: 'tdx' | 'sgx'): QuoteCase {
  const files: readonly CollateralFile[] = [...vendor.collateral(tee)].map(([file, bytes]) => ({
    name: file,
    bytes,
  }));
  return {
    name,
    quote,
    files,
    at: INTEL_TIME,
    root: vendor.rootCertificate,
    pins: [simulatedRoot(tee, vendor.rootName, toHex(vendor.rootSpkiSha256))],
    issuers: issuersIn(quote),
    intel: null,
  };
}

/** Random changes to recorded quotes, as many to each. */
export function randomQuotes(files: readonly string[], count: number): readonly QuoteCase[] {
  const share = Math.ceil(count / files.length);
  return files.flatMap((file) => {
    const whole = quoteCase('', givenOf(recordedCase(file)), null);
    return [...mutations([whole.quote], { count: share })].map(({ bytes, how }) => ({
      ...whole,
      name: `random ${file} ${how}`,
      quote: bytes,
    }));
  });
}

/** Random changes to each file of the collateral of a recorded quote. */
export function randomCollateral(file: string, count: number): readonly QuoteCase[] {
  const whole = quoteCase('', givenOf(recordedCase(file)), null);
  const share = Math.ceil(count / whole.files.length);
  return whole.files.flatMap(({ name, bytes }) =>
    [...mutations([bytes], { count: share })].map((mutation) => ({
      ...whole,
      name: `random collateral ${lastName(name)} ${mutation.how}`,
      files: withFiles(whole.files, { [lastName(name)]: mutation.bytes }),
    })),
  );
}

/** Intel's own sample, and quotes that name their PCK but do not carry it. */
export function unfinishedQuotes(): readonly QuoteCase[] {
  const whole = quoteCase('', givenOf(recordedCase('tdx_v4_b0c06f_phala')), null);
  const sample = collateralFiles('tdx', 'intel_qvl_sample_tdx');
  const of = (file: string, files: readonly CollateralFile[]): QuoteCase => ({
    ...whole,
    name: file,
    quote: corpusBytes('tdx', file),
    files,
  });
  return [
    of('intel_qvl_sample_tdx/quote.dat', sample),
    of('quotes/sgx_v3_certtype3_oasis.bin', whole.files),
    of('quotes/sgx_v3_certtype3_fortanix.bin', whole.files),
    { ...whole, name: 'no-quote', quote: concat(fromHex('0400'), new Uint8Array(700)) },
  ];
}
