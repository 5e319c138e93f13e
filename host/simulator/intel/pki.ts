/**
 * The certificates of the simulated vendor, with the roles, lifetimes and extensions of Intel's: root, the CA of PCK
 * certificates, the PCK certificate of one platform, the signer of TCB statements. As Intel does, authorities use
 * their key identifier as serial number and keep key and serial when a certificate is issued again.
 */
import type { Millis } from '../../../src/base/clock.ts';
import { utf8 } from '../../../src/base/bytes.ts';
import { toHex } from '../../../src/base/hex.ts';
import { formatPem } from '../../../src/codec/pem.ts';
import type { Derive } from '../state.ts';
import type { IntelFaults } from './faults.ts';
import { deriveKey } from './keys.ts';
import { pckExtension } from './pck.ts';
import { certificate, type CertificateInput, type Identity, KEY_USE, keyIdentifier, nameOf } from './x509.ts';

export interface Certified extends Identity {
  /** DER. */
  readonly certificate: Uint8Array;
  /** Unsigned, as it stands on a revocation list. */
  readonly serial: Uint8Array;
}

export interface IntelPki {
  readonly rootName: string;
  readonly root: Certified;
  readonly pckCa: Certified;
  readonly pck: Certified;
  readonly tcbSigner: Certified;
}

const DAY = 86_400_000;
/** RFC 2606: nobody serves these. Genuine ones are below trustedservices.intel.com. */
const ROOT_LIST = 'https://certificates.assay-simulator.invalid/IntelSGXRootCA.der';
const PCK_LIST = 'https://api.assay-simulator.invalid/sgx/certification/v4/pckcrl?ca=platform&encoding=der';
const SIGNS = [KEY_USE.digitalSignature, KEY_USE.nonRepudiation];
const CERTIFIES = [KEY_USE.keyCertSign, KEY_USE.cRLSign];

/** Certificates that end are issued so that they are valid at `now`. */
export function createPki(derive: Derive, faults: IntelFaults, now: Millis): IntelPki {
  const same = faults.has('same-name-root');
  const rootName = same
    ? 'Intel SGX Root CA'
    : `Assay Simulated SGX Root CA ${toHex(derive('intel/root-name', 4))}`;
  const rootSelf = identity(derive, 'root', same ? nameOf(rootName) : nameOf(rootName, 'Assay'));
  const root = issue(rootSelf, rootSelf, {
    serial: keyIdentifier(rootSelf.key),
    // Fixed, so that the same seed is the same root for ever.
    notBefore: Date.UTC(2018, 4, 21, 10, 45, 10),
    notAfter: Date.UTC(2049, 11, 31, 23, 59, 59),
    revocationPoint: ROOT_LIST,
    uses: CERTIFIES,
    pathLength: 1,
    more: [],
  });
  const caSelf = identity(derive, 'pck-ca', nameOf('Intel SGX PCK Platform CA'));
  const pckCa = issue(caSelf, root, {
    serial: keyIdentifier(caSelf.key),
    ...term(Date.UTC(2018, 4, 21, 10, 50, 10), 15, now),
    revocationPoint: ROOT_LIST,
    uses: CERTIFIES,
    pathLength: 0,
    more: [],
  });
  const pck = issue(identity(derive, 'pck', nameOf('Intel SGX PCK Certificate')), pckCa, {
    serial: pckSerial(derive),
    ...(faults.has('future-pck')
      ? term(whole(now + 30 * DAY), 7, now + 30 * DAY)
      : term(Date.UTC(2019, 8, 16, 2, 28, 15), 7, now)),
    revocationPoint: PCK_LIST,
    uses: SIGNS,
    pathLength: null,
    more: [pckExtension(derive)],
  });
  const signerSelf = identity(derive, 'tcb-signer', nameOf('Intel SGX TCB Signing'));
  const tcbSigner = issue(signerSelf, root, {
    serial: keyIdentifier(signerSelf.key),
    ...term(Date.UTC(2018, 4, 21, 10, 50, 10), 7, now),
    revocationPoint: ROOT_LIST,
    uses: SIGNS,
    pathLength: null,
    more: [],
  });
  return Object.freeze({ rootName, root, pckCa, pck, tcbSigner });
}

/** Certificates as one PEM text, in the order given. */
export function pemChain(...chain: readonly Certified[]): Uint8Array {
  return utf8(chain.map((each) => formatPem('CERTIFICATE', each.certificate)).join(''));
}

function identity(derive: Derive, name: string, subject: Uint8Array): Identity {
  return { name: subject, key: deriveKey(derive, name) };
}

function issue(
  subject: Identity,
  issuer: Identity,
  profile: Omit<CertificateInput, 'subject' | 'issuer'>,
): Certified {
  const der = certificate({ subject, issuer, ...profile });
  return Object.freeze({ ...subject, certificate: der, serial: profile.serial });
}

/** Twenty bytes; unlike an authority's it is no key identifier. The first one is never zero, so none is lost. */
function pckSerial(derive: Derive): Uint8Array {
  const serial = derive('intel/pck-serial', 20);
  serial[0] = (serial[0] as number) | 0x80;
  return serial;
}

function whole(at: Millis): Millis {
  return Math.floor(at / 1_000) * 1_000;
}

/** The term of whole years, counted from `first`, that holds `now`: certificates are renewed when they end. */
function term(first: Millis, years: number, now: Millis): { notBefore: Millis; notAfter: Millis } {
  const begin = (n: number): Millis => {
    const date = new Date(first);
    date.setUTCFullYear(date.getUTCFullYear() + n * years);
    return date.getTime();
  };
  let n = 0;
  while (begin(n + 1) <= now) n++;
  return { notBefore: begin(n), notAfter: begin(n + 1) };
}
