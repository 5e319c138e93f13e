/** AMD's Key Distribution Service on this machine (AMD 57230): real HTTP with recorded certificates, or made ones. */
import { toHex } from '../../src/base/hex.ts';
import { formatPem, parsePem } from '../../src/codec/pem.ts';
import type { SnpTcb } from '../../src/evidence/snp/index.ts';
import { CORPUS, corpusBytes, corpusText } from './corpus.ts';
import { authority, crl, DAY, vcek } from './made-collateral.ts';
import { serveAnswers, type VendorServer } from './vendor-server.ts';

export interface KdsBodies {
  readonly product: string;
  /** DER by the CN of its subject. */
  readonly authorities: ReadonlyMap<string, Uint8Array>;
  readonly crl: Uint8Array;
  /** DER for a chip at versions; null when AMD has never heard of it. */
  readonly vcek: (hwid: string, levels: URLSearchParams) => Uint8Array | null;
}

export function serveKds(bodies: KdsBodies): Promise<VendorServer> {
  const { product, authorities } = bodies;
  return serveAnswers((url) => {
    const { pathname, searchParams } = new URL(url, 'http://kds');
    const [, key, version, name, what = ''] = pathname.split('/');
    if (version !== 'v1' || name !== product || (key !== 'vcek' && key !== 'vlek')) return null;
    if (what === 'crl') return { body: bodies.crl, headers: { 'content-type': 'application/pkix-crl' } };
    if (what === 'cert_chain') {
      const names = [key === 'vcek' ? `SEV-${product}` : `SEV-VLEK-${product}`, `ARK-${product}`];
      return {
        body: names.map((one) => formatPem('CERTIFICATE', authorities.get(one) as Uint8Array)).join(''),
        headers: { 'content-type': 'application/x-pem-file' },
      };
    }
    const body = key === 'vcek' ? bodies.vcek(what, searchParams) : null;
    return body === null ? null : { body, headers: { 'content-type': 'application/x-x509-ca-cert' } };
  });
}

/** `chip`: whose certificate is served, for its versions alone. */
export function madeKds(
  product: string,
  issued: number,
  chip: { readonly hwid: Uint8Array; readonly tcb: SnpTcb } | null = null,
): KdsBodies {
  const names = [`SEV-${product}`, `SEV-VLEK-${product}`, `ARK-${product}`];
  return {
    product,
    authorities: new Map(names.map((name) => [name, authority(name)])),
    crl: crl({ issuer: `ARK-${product}`, from: issued, to: issued + 365 * DAY, number: 6 }),
    vcek: (hwid, levels) =>
      chip !== null && hwid === toHex(chip.hwid) && Number(levels.get('blSPL')) === chip.tcb.bootloader
        ? vcek(product, chip.hwid, chip.tcb)
        : null,
  };
}

/** Of the one recorded list that there is, Genoa's of 2024, and the certificate of one recorded report. */
export function recordedGenoa(certificate: Uint8Array, chip: string): KdsBodies {
  if (CORPUS === null) throw new Error('no corpus');
  const file = (name: string): Uint8Array => corpusBytes('snp', `roots/genoa-${name}.der`);
  return {
    product: 'Genoa',
    authorities: new Map([
      ['SEV-Genoa', file('ask')],
      ['SEV-VLEK-Genoa', file('asvk')],
      ['ARK-Genoa', file('ark')],
    ]),
    crl: parsePem(corpusText('snp', 'crl/genoa-vcek.crl.pem'), 'X509 CRL')[0] as Uint8Array,
    vcek: (hwid) => (hwid === chip ? certificate : null),
  };
}
