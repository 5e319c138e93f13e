/** Recorded collateral for tests, and second opinions on its signatures. */
import { constants, createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { fromHex } from '../../src/base/hex.ts';
import { derSequence } from '../../src/codec/der-write.ts';
import type { Crl } from '../../src/codec/x509-crl.ts';
import { OID } from '../../src/codec/x509.ts';
import {
  type CollateralFile,
  type CollateralItem,
  recogniseCollateral,
  type SignedDocument,
} from '../../src/collateral/index.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { certificate } from './certificates.ts';
import { corpusBytes, manifest } from './corpus.ts';
import { vectors } from './vectors.ts';

interface Genuine {
  readonly genuine: unknown;
}

const bodyOf = (file: string): Uint8Array =>
  utf8(JSON.stringify((vectors(file) as unknown as Genuine).genuine));

function crlOf(): Uint8Array {
  const parts = (vectors('crl-malformed.json') as unknown as Genuine).genuine as Record<string, string>;
  const { outerAlgorithm = '', signature = '', tail: _, ...signed } = parts;
  const tbs = derSequence(...Object.values(signed).map(fromHex));
  return derSequence(tbs, fromHex(outerAlgorithm), fromHex(signature));
}

/** One of each kind, as vectors have them: read by whoever reads the genuine ones, and signed by nobody. */
export const CERTIFICATE: Uint8Array = certificate();
export const CRL: Uint8Array = crlOf();
export const TCB_INFO: Uint8Array = bodyOf('tcb-info-malformed.json');
export const QE_IDENTITY: Uint8Array = bodyOf('qe-identity-malformed.json');
export const EVALUATION_NUMBERS: Uint8Array = bodyOf('evaluation-numbers-malformed.json');
export const SAMPLES: readonly { readonly kind: CollateralItem['kind']; readonly bytes: Uint8Array }[] = [
  { kind: 'certificate', bytes: CERTIFICATE },
  { kind: 'crl', bytes: CRL },
  { kind: 'qe-identity', bytes: QE_IDENTITY },
  { kind: 'tcb-evaluation-numbers', bytes: EVALUATION_NUMBERS },
  { kind: 'tcb-info', bytes: TCB_INFO },
];

/** A certificate table as a host writes it: GUIDs in hexadecimal and what they name. */
export function amdTable(entries: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const header = new Uint8Array(24 * (entries.length + 1));
  const view = new DataView(header.buffer);
  let offset = header.length;
  for (const [i, [guid, content]] of entries.entries()) {
    header.set(fromHex(guid), 24 * i);
    view.setUint32(24 * i + 16, offset, true);
    view.setUint32(24 * i + 20, content.length, true);
    offset += content.length;
  }
  return concat(header, ...entries.map(([, content]) => content));
}

/** How many collateral sets of Intel's the corpus has. */
export const RECORDED_SETS = 10;

/** Folders of `tdx` that hold one set each, as `collateral/phala-90c06f-2026-02`. */
export const collateralFolders = (): readonly string[] => [
  ...new Set(manifest('tdx').flatMap(({ file }) => /^(collateral\/[^/]+)\//.exec(file)?.[1] ?? [])),
];

/** Every recorded file of a folder, as a program would find it there. */
export const collateralFiles = (family: string, folder: string): readonly CollateralFile[] =>
  manifest(family)
    .filter(({ file }) => file.startsWith(`${folder}/`))
    .map(({ file }) => ({ name: file, bytes: corpusBytes(family, file) }));

/** Certificates that recorded quotes carry in PEM: lists are signed by authorities that a set does not hold. */
export function authoritiesInQuotes(): readonly CollateralItem[] {
  const latin1 = new TextDecoder('latin1');
  const chains = manifest('tdx')
    .filter(({ kind }) => kind === 'sgx-quote' || kind === 'tdx-quote')
    .map(({ file }) => latin1.decode(corpusBytes('tdx', file)))
    .flatMap((text) => text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? []);
  return recogniseCollateral({ name: 'quotes', bytes: utf8(chains.join('')) });
}

type OfKind<Kind extends CollateralItem['kind']> = Extract<CollateralItem, { readonly kind: Kind }>;

export const ofKind = <Kind extends CollateralItem['kind']>(
  items: readonly CollateralItem[],
  kind: Kind,
): readonly OfKind<Kind>[] => items.filter((item): item is OfKind<Kind> => item.kind === kind);

/** The key of a certificate by OpenSSL, asked by PEM. */
export const keyOf = (der: Uint8Array): KeyObject => {
  const { publicKey } = new X509Certificate(formatPem('CERTIFICATE', der));
  return createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }));
};

/** The one certificate of this common name: TCB signing certificates were re-issued, and a set has one. */
export function certificateNamed(items: readonly CollateralItem[], commonName: string): Uint8Array {
  const found = ofKind(items, 'certificate').find(
    ({ certificate }) => certificate.subject.commonName === commonName,
  );
  if (found === undefined) throw new Error(`no certificate of ${commonName}`);
  return found.bytes;
}

/** Whether a statement is signed by the key, by OpenSSL. */
export const statementSigned = ({ signed, signature }: SignedDocument<unknown>, key: KeyObject): boolean =>
  verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature);

/** Whether a list is signed by the key, by OpenSSL. */
export function listSigned({ tbs, signature, signatureAlgorithm }: Crl, key: KeyObject): boolean {
  if (signatureAlgorithm.oid === OID.ecdsaSha256) return verify('sha256', tbs, key, signature);
  if (signatureAlgorithm.oid !== OID.rsassaPss) throw new Error(signatureAlgorithm.oid);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return verify('sha384', tbs, { key, padding, saltLength: 48 }, signature);
}
