/**
 * Intel's service and a PCCS on this machine: real HTTP with recorded bodies, or made ones, in the headers and status
 * codes of the PCS API v4. A PCCS has the root's list under `rootcacrl`, and lists as hexadecimal text.
 */
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { formatPem, parsePem } from '../../src/codec/pem.ts';
import { parseQuote } from '../../src/evidence/intel/index.ts';
import { corpusBytes, corpusText } from './corpus.ts';
import { authority, crl, DAY, evaluationNumbers, qeIdentity, tcbInfo } from './made-collateral.ts';
import { type Answer, serveAnswers, type Tls, type VendorServer } from './vendor-server.ts';

/** One set of collateral, as Intel serves it at one time. */
export interface PcsBodies {
  readonly tee: 'tdx' | 'sgx';
  /** In either case, as Intel writes it. */
  readonly fmspc: string;
  readonly tcbInfo: Uint8Array | string;
  readonly qeIdentity: Uint8Array | string;
  readonly pckCrl: Uint8Array;
  readonly rootCrl: Uint8Array;
  /** Null where it is not served. */
  readonly numbers: Uint8Array | string | null;
  /** PEM. */
  readonly signingChain: string;
  readonly pckChain: string;
}

export interface PcsServer extends VendorServer {
  /** From now on this is served. */
  serve(bodies: PcsBodies): void;
}

export async function servePcs(
  first: PcsBodies,
  kind: 'pcs' | 'pccs' = 'pcs',
  tls: Tls | null = null,
): Promise<PcsServer> {
  let bodies = first;
  const list = (body: Uint8Array): Uint8Array => (kind === 'pccs' ? utf8(toHex(body)) : body);
  const server = await serveAnswers((url) => {
    const { pathname, searchParams } = new URL(url, 'http://pcs');
    const chained = (body: Uint8Array | string, header: string, chain: string): Answer => ({
      body,
      headers: { [header]: encodeURIComponent(chain), 'Request-ID': '0123456789abcdef0123456789abcdef' },
      chunked: true,
    });
    switch (pathname) {
      case `/${bodies.tee}/certification/v4/tcb`:
        return searchParams.get('fmspc')?.toLowerCase() === bodies.fmspc.toLowerCase()
          ? chained(bodies.tcbInfo, 'TCB-Info-Issuer-Chain', bodies.signingChain)
          : null;
      case `/${bodies.tee}/certification/v4/qe/identity`:
        return chained(bodies.qeIdentity, 'SGX-Enclave-Identity-Issuer-Chain', bodies.signingChain);
      case `/${bodies.tee}/certification/v4/tcbevaluationdatanumbers`:
        return bodies.numbers === null
          ? null
          : chained(bodies.numbers, 'TCB-Evaluation-Data-Numbers-Issuer-Chain', bodies.signingChain);
      case '/sgx/certification/v4/pckcrl':
        return chained(list(bodies.pckCrl), 'SGX-PCK-CRL-Issuer-Chain', bodies.pckChain);
      case kind === 'pccs' ? '/sgx/certification/v4/rootcacrl' : '/IntelSGXRootCA.der':
        return { body: list(bodies.rootCrl) };
      default:
        return null;
    }
  }, tls);
  return { ...server, serve: (next) => void (bodies = next) };
}

/** What was recorded, with the chain of the list taken from a quote of the same platform. */
export function recordedBodies(set: string, tee: 'tdx' | 'sgx', fmspc: string, quote: string): PcsBodies {
  const file = (name: string): Uint8Array => corpusBytes('tdx', `collateral/${set}/${name}`);
  const { certification } = parseQuote(corpusBytes('tdx', quote));
  if (certification.kind !== 'chain') throw new Error(`${quote} has no chain`);
  return {
    tee,
    fmspc,
    tcbInfo: file('tcb_info.json'),
    qeIdentity: file('qe_identity.json'),
    pckCrl: file('pck_crl.der'),
    rootCrl: file('root_ca_crl.der'),
    numbers: null,
    signingChain: corpusText('tdx', `collateral/${set}/tcb_signing_chain.pem`),
    pckChain: certification.certificates
      .slice(1)
      .map((der) => formatPem('CERTIFICATE', der))
      .join(''),
  };
}

export const FMSPC = '90c06f000000';

/** The same forms without the corpus. `changes` go over what is made for this time and evaluation number. */
export function madeBodies(issued: number, number = 18, changes: Partial<PcsBodies> = {}): PcsBodies {
  const pem = (...names: readonly string[]): string =>
    names.map((subject) => formatPem('CERTIFICATE', AUTHORITIES.get(subject) as Uint8Array)).join('');
  const window = { from: issued, to: issued + 30 * DAY };
  return {
    tee: 'tdx',
    fmspc: FMSPC,
    tcbInfo: tcbInfo('tdx', FMSPC.toUpperCase(), { number, issued }),
    qeIdentity: qeIdentity('tdx', { number, issued }),
    pckCrl: crl({ issuer: 'Intel SGX PCK Platform CA', ...window, revoked: [1, 2, 3] }),
    rootCrl: crl({ issuer: 'Intel SGX Root CA', ...window }),
    numbers: evaluationNumbers('tdx', [number, number - 1], issued),
    signingChain: pem('Intel SGX TCB Signing', 'Intel SGX Root CA'),
    pckChain: pem('Intel SGX PCK Platform CA', 'Intel SGX Root CA'),
    ...changes,
  };
}

/** Each made once, because every certificate that is made has another signature. */
const AUTHORITIES: ReadonlyMap<string, Uint8Array> = new Map(
  ['Intel SGX TCB Signing', 'Intel SGX Root CA', 'Intel SGX PCK Platform CA'].map((subject) => [
    subject,
    authority(subject),
  ]),
);

/** DER of the certificates of a PEM chain. */
export const chainOf = (pem: string): readonly Uint8Array[] => parsePem(pem, 'CERTIFICATE');
