/** What stands beside a report, as people have it: files, the host's certificate table, the key service's answers. */
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { fromHex, toHex } from '../../../src/base/hex.ts';
import { formatPem } from '../../../src/codec/pem.ts';
import type { AmdPki } from './pki.ts';
import { type AmdProduct, PRODUCTS, type Signer, type Tcb } from './platform.ts';

export interface CertificateSource {
  readonly product: AmdProduct;
  readonly pki: AmdPki;
  /** What the machine reports, so what its report keys are of. */
  readonly reported: Tcb;
}

export interface TableOptions {
  /** The key of the chip unless told. */
  readonly signer?: Signer;
  /** Adds the revocation list, which hosts seldom do. */
  readonly crl?: boolean;
  /** Certificates as PEM text, as some hosts have them; else DER. */
  readonly pem?: boolean;
}

/** GUIDs in the order of their text (AMD 56421); ASVK stands where ASK would. */
const GUID = {
  ark: 'c0b406a4a803495297433fb6014cd0ae',
  intermediate: '4ab7b379bbac4fe4a02f05aef327c782',
  vcek: '63da758de6644564adc5f4b93be8accd',
  vlek: 'a8074bc2a25a483eaae639c045a0b8a1',
  crl: '92f81bc358114d3d97ffd19f88dc67ea',
} as const;
const ENTRY_BYTES = 24;

const asPem = (...certificates: readonly Uint8Array[]): Uint8Array =>
  utf8(certificates.map((der) => formatPem('CERTIFICATE', der)).join(''));

/**
 * File name to bytes, as `snpguest fetch` and a download from the key service leave them. A name says what the file is
 * for: `ask.pem` is what issued the VCEK, whichever authority that is.
 */
export function collateralFiles(
  { pki, reported }: CertificateSource,
  signer: Signer,
): ReadonlyMap<string, Uint8Array> {
  const ark = pki.certificate('ark');
  const intermediate = pki.certificate(pki.issuerOf(signer));
  return new Map([
    ['ark.pem', asPem(ark)],
    [signer === 'vcek' ? 'ask.pem' : 'asvk.pem', asPem(intermediate)],
    [`${signer}.pem`, asPem(pki.leaf(signer, reported))],
    ['cert_chain.pem', asPem(intermediate, ark)],
    ['crl.der', pki.revocationList()],
  ]);
}

/** Entries of GUID, offset and length, one of zeros, then what they point to. */
export function certificateTable(
  { pki, reported }: CertificateSource,
  { signer = 'vcek', crl = false, pem = false }: TableOptions,
): Uint8Array {
  const form = (der: Uint8Array): Uint8Array => (pem ? asPem(der) : der);
  const blobs: (readonly [guid: string, blob: Uint8Array])[] = [
    [GUID.ark, form(pki.certificate('ark'))],
    [GUID.intermediate, form(pki.certificate(pki.issuerOf(signer)))],
    [GUID[signer], form(pki.leaf(signer, reported))],
  ];
  if (crl) blobs.push([GUID.crl, pki.revocationList()]);
  let offset = (blobs.length + 1) * ENTRY_BYTES;
  const entries = blobs.map(([guid, blob]) => {
    const entry = new Uint8Array(ENTRY_BYTES);
    entry.set(fromHex(guid));
    const view = new DataView(entry.buffer);
    view.setUint32(16, offset, true);
    view.setUint32(20, blob.length, true);
    offset += blob.length;
    return entry;
  });
  return concat(...entries, new Uint8Array(ENTRY_BYTES), ...blobs.map(([, blob]) => blob));
}

/** Parameters of a request for a VCEK (AMD 57230 section 3.1). */
const LEVELS: Readonly<Record<keyof Tcb, string>> = {
  fmc: 'fmcSPL',
  bootloader: 'blSPL',
  tee: 'teeSPL',
  snp: 'snpSPL',
  microcode: 'ucodeSPL',
};

/** What the key service answers to a GET of this path and query; null where it has nothing. */
export function answerRequest(source: CertificateSource, request: string): Uint8Array | null {
  const { pathname, searchParams } = new URL(request, 'https://kds.invalid');
  const [, signer, edition, product, what = '', ...rest] = pathname.split('/');
  if ((signer !== 'vcek' && signer !== 'vlek') || edition !== 'v1' || product !== source.product) return null;
  if (rest.length > 0) return null;
  if (what === 'crl') return source.pki.revocationList();
  if (what === 'cert_chain') return collateralFiles(source, signer).get('cert_chain.pem') ?? null;
  // Report keys of providers are given to them alone.
  if (signer === 'vlek' || what.toLowerCase() !== toHex(source.pki.hwid)) return null;
  const tcb = requestedTcb(searchParams, source.product);
  return tcb === null ? null : source.pki.leaf('vcek', tcb);
}

function requestedTcb(given: URLSearchParams, product: AmdProduct): Tcb | null {
  const level = (part: keyof Tcb): number | null => {
    const text = given.get(LEVELS[part]) ?? '';
    return /^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : null;
  };
  const { fmc, bootloader, tee, snp, microcode } = {
    fmc: level('fmc'),
    bootloader: level('bootloader'),
    tee: level('tee'),
    snp: level('snp'),
    microcode: level('microcode'),
  };
  const hasFmc = PRODUCTS[product].healthy.fmc !== null;
  if (bootloader === null || tee === null || snp === null || microcode === null) return null;
  return hasFmc === (fmc !== null) ? { fmc, bootloader, tee, snp, microcode } : null;
}
