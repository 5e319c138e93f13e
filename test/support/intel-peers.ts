/** Intel quotes as other verifiers are asked about them, and OpenSSL's own finding on the same bytes. */
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { type Certificate, parseCertificate } from '../../src/codec/x509.ts';
import { readCollateral } from '../../src/collateral/index.ts';
import { parseQuote } from '../../src/evidence/intel/index.ts';
import { INTEL_ROOTS } from '../../verifier/index.ts';
import type { RootPin } from '../../verifier/roots.ts';
import { corpusBytes } from './corpus.ts';
import { ofKind } from './collateral.ts';
import { holdsTogether } from './intel.ts';
import { type Given, lastName, verify } from './intel-verify.ts';
import { opensslVerify } from './openssl-chain.ts';
import type { Opinion, PeerSet } from './peers.ts';

export interface QuoteCase extends Given {
  readonly name: string;
  /** DER of the root that everybody trusts. */
  readonly root: Uint8Array;
  readonly pins: readonly RootPin[];
  /** PEM of the authority of the PCK and the root, which Intel's service sends with the list. */
  readonly issuers: Uint8Array;
  /** Whether Intel's own library, as recorded, found what we find; null where nobody recorded it. */
  readonly intel: boolean | null;
}

export const intelRoot = (): Uint8Array => corpusBytes('tdx', 'roots/intel_sgx_root_ca.der');

/** A case of recorded evidence; changes are made to it by the caller. */
export function quoteCase(name: string, given: Given, intel: boolean | null): QuoteCase {
  return {
    ...given,
    name,
    root: intelRoot(),
    pins: INTEL_ROOTS,
    issuers: issuersIn(given.quote),
    intel,
  };
}

const certificatesIn = (quote: Uint8Array): readonly Certificate[] => {
  const { certification } = parseQuote(quote);
  return certification.kind === 'ppid' ? [] : certification.certificates.map((der) => parseCertificate(der));
};

const named = (certificates: readonly Certificate[], name: RegExp): readonly Certificate[] =>
  certificates.filter(({ subject }) => name.test(subject.commonName ?? '')).slice(0, 1);

const PCK_CA = /^Intel SGX PCK (Platform|Processor) CA$|PCK (Platform|Processor) CA$/;

export function issuersIn(quote: Uint8Array): Uint8Array {
  const certificates = certificatesIn(quote);
  const chain = [...named(certificates, PCK_CA), ...named(certificates, /Root CA$/)];
  return utf8(chain.map(({ raw }) => formatPem('CERTIFICATE', raw)).join(''));
}

/** Authenticity alone; of what is authentic, whether Intel calls its level current. */
export async function ourOpinion(one: QuoteCase): Promise<Opinion> {
  try {
    const { status } = (await verify(one, { roots: one.pins })).claims;
    return { outcome: status === 'UpToDate' ? 'accepted' : 'outdated', why: status };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { outcome: 'refused', why: error.code };
  }
}

/** As the getter of go-tdx-guest answers: chains are in headers, without what files have around the blocks. */
export function setOf({ files, root, issuers }: QuoteCase): PeerSet {
  const set = new Map(files.map(({ name, bytes }) => [lastName(name), bytes] as const));
  const chain = set.get('tcb_signing_chain.pem');
  if (chain !== undefined)
    set.set('tcb_signing_chain.pem', utf8(`${new TextDecoder().decode(chain).trimEnd()}\n`));
  return set.set('root.der', root).set('pck_crl_issuer_chain.pem', issuers);
}

/**
 * Whether all that is signed holds by OpenSSL: what the quote carries, the path of its PCK and that of the TCB signer
 * to the root that is trusted, and the revocation lists of both. The signed statements of the collateral are not
 * certificates, so not its business.
 */
export function opensslHolds({ quote, files, root, at }: QuoteCase): boolean {
  const parsed = parseQuote(quote);
  const own = certificatesIn(quote);
  const { items } = readCollateral(files);
  const held = ofKind(items, 'certificate').map(({ certificate }) => certificate);
  const lists = ofKind(items, 'crl').map(({ bytes }) => bytes);
  const [authority] = named(own, PCK_CA);
  const [leaf] = named(own, /PCK Certificate$/);
  const [signer] = named(held, /TCB Signing$/);
  if (authority === undefined || leaf === undefined || signer === undefined) return false;
  const paths = [
    [root, authority.raw, leaf.raw],
    [root, signer.raw],
  ];
  return holdsTogether(parsed) && paths.every((path) => opensslVerify({ path, lists, at }).holds);
}

/** Whether the quote's own copy of the root is another than the one that everybody trusts. */
export function rootIsAltered({ quote, root }: QuoteCase): boolean {
  const pem = formatPem('CERTIFICATE', root);
  const body = pem.split('\n').slice(1, -2).join('');
  const text = new TextDecoder('latin1').decode(quote).replaceAll(/\s/g, '');
  return !text.includes(body);
}
