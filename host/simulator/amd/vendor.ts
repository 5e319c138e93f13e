/**
 * AMD, played: one machine with SEV-SNP and the authority that vouches for it, from a seed. Its evidence has the
 * genuine form; its root has another key than AMD's, and another name unless a fault wants AMD's.
 */
import { createHash } from 'node:crypto';
import type { Millis } from '../../../src/base/clock.ts';
import type { Derive } from '../state.ts';
import { answerRequest, type CertificateSource, collateralFiles } from './collateral.ts';
import type { AmdFaults } from './faults.ts';
import { createGuest, type GuestImage, type SimulatedGuest } from './guest.ts';
import { createAmdPki } from './pki.ts';
import { type AmdProduct, platformState, type Signer } from './platform.ts';

export interface AmdVendorOptions {
  readonly derive: Derive;
  /** Certificates begin on the day that this says now. */
  readonly now: () => Millis;
  readonly faults: AmdFaults;
  /** Genoa unless told. */
  readonly product?: AmdProduct;
}

export interface AmdVendor {
  readonly product: AmdProduct;
  /** Common name of the root. */
  readonly rootName: string;
  /** SHA-256 of the root's SubjectPublicKeyInfo: what a trust policy names. */
  readonly rootSpkiSha256: Uint8Array;
  /** DER. */
  readonly rootCertificate: Uint8Array;
  /** ark.pem, ask.pem, vcek.pem (or asvk.pem, vlek.pem), cert_chain.pem and crl.der. */
  collateral(signer: Signer): ReadonlyMap<string, Uint8Array>;
  /** Body of the key service's answer to a GET of this path and query: PEM of a chain, else DER; null for 404. */
  keyService(request: string): Uint8Array | null;
  launchGuest(image: GuestImage): SimulatedGuest;
}

/** Finding the root key takes most of a second, each intermediate's again when it is first needed. */
export async function createAmdVendor(options: AmdVendorOptions): Promise<AmdVendor> {
  const { derive, now, faults, product = 'Genoa' } = options;
  const pki = createAmdPki({ derive, product, faults, startedAt: now() });
  const { reported } = platformState(product, faults, 5);
  const source: CertificateSource = { product, pki, reported };
  let guests = 0;
  return Object.freeze({
    product,
    rootName: pki.naming.root,
    rootSpkiSha256: new Uint8Array(createHash('sha256').update(pki.spki('ark')).digest()),
    rootCertificate: pki.certificate('ark'),
    collateral: (signer: Signer) => collateralFiles(source, signer),
    keyService: (request: string) => answerRequest(source, request),
    launchGuest(image: GuestImage): SimulatedGuest {
      const launch = `amd/${product}/guest/${now()}/${guests++}`;
      const [reportId, agentId] = [derive(launch, 32), derive(`${launch}/agent`, 32)];
      return createGuest(image, { product, faults, source, reportId, agentId });
    },
  });
}
