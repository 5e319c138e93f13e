/**
 * Everything that AMD signs for one simulated machine. Each key and each salt comes from the seed, so that the same
 * seed on the same day makes the same bytes.
 */
import { createHash } from 'node:crypto';
import type { Millis } from '../../../src/base/clock.ts';
import { derBitString, derSequence } from '../../../src/codec/der-write.ts';
import { type Derive, PARTITION } from '../state.ts';
import {
  authorityTbs,
  leafTbs,
  type Naming,
  pssAlgorithm,
  type RevocationFields,
  revocationTbs,
} from './certificates.ts';
import { deriveReportKey, type ReportKey } from './ec.ts';
import type { AmdFaults } from './faults.ts';
import {
  type AmdProduct,
  type Authority,
  encodeTcb,
  platformState,
  PRODUCTS,
  type Signer,
  type Tcb,
} from './platform.ts';
import { deriveRsaKey, signPss } from './rsa.ts';
import { toHex } from '../../../src/base/hex.ts';

export interface AmdPki {
  readonly naming: Naming;
  /** HWID of the chip, 64 bytes or Turin's 8. */
  readonly hwid: Uint8Array;
  /** DER. ASVK has a key that takes a moment to find: it is made when it is asked for. */
  certificate(role: Authority): Uint8Array;
  /** DER SubjectPublicKeyInfo. */
  spki(role: Authority): Uint8Array;
  /** Who issues report keys of this kind. */
  issuerOf(signer: Signer): Authority;
  reportKey(signer: Signer, tcb: Tcb): ReportKey;
  /** DER of that report key's certificate; for the versions that the machine reports, with its faults. */
  leaf(signer: Signer, tcb: Tcb): Uint8Array;
  /** DER. */
  revocationList(): Uint8Array;
}

export interface PkiOptions {
  readonly derive: Derive;
  readonly product: AmdProduct;
  readonly faults: AmdFaults;
  /** When the machine was started. */
  readonly startedAt: Millis;
}

const HOUR: Millis = 3_600_000;
const DAY: Millis = 24 * HOUR;
/** Genuine authorities live 25 years. Fixed, so that the same seed names the same root for ever. */
const AUTHORITY_VALIDITY = { from: Date.UTC(2018, 0, 1), to: Date.UTC(2043, 0, 1) };
const LEAF_YEARS: Readonly<Record<Signer, number>> = { vcek: 7, vlek: 1 };
/** Genuine lists are replaced about once a year. */
const LIST_BEGINS: Millis = 30 * DAY;
const LIST_LIVES: Millis = 375 * DAY;
const LIST_NUMBER = 4;
const SALT = 48;
const SHORT_SALT = 32;
/** A provider that nobody can be a customer of (RFC 2606). */
const CSP_ID = 'CN=csp.assay-simulator.invalid';

const simulated = (product: AmdProduct): Naming => ({
  organisation: 'Assay Simulator',
  root: `ARK-${PARTITION}-${product}`,
  keyService: 'https://kds.assay-simulator.invalid',
});

const amd = (product: AmdProduct): Naming => ({
  organisation: 'Advanced Micro Devices',
  root: `ARK-${product}`,
  keyService: 'https://kdsintf.amd.com',
});

export function createAmdPki({ derive, product, faults, startedAt }: PkiOptions): AmdPki {
  const naming = faults.has('same-name-root') ? amd(product) : simulated(product);
  const { hwidBytes, serials, revoked } = PRODUCTS[product];
  const hwid = derive(`amd/${product}/chip`, hwidBytes);
  const issuedAt = Math.floor(startedAt / DAY) * DAY;
  const keyOf = (role: Authority) => deriveRsaKey(derive, `amd/${product}/${role}`);

  /** Published with the signature of what it says, or of what else was signed. */
  const signed = (
    issuer: Authority,
    algorithm: Uint8Array,
    tbs: Uint8Array,
    { saltBytes = SALT, covered = tbs }: { saltBytes?: number; covered?: Uint8Array } = {},
  ): Uint8Array => {
    const digest = createHash('sha256').update(covered).digest('hex');
    const salt = derive(`amd/salt/${digest}`, saltBytes);
    return derSequence(tbs, algorithm, derBitString(signPss(keyOf(issuer), covered, salt)));
  };

  const certificate = (role: Authority): Uint8Array => {
    const algorithm = pssAlgorithm('spelled', SALT);
    const fields = { role, product, naming, serial: serials[role], ...AUTHORITY_VALIDITY };
    const keys = { spki: keyOf(role).spki, issuerSpki: keyOf('ark').spki };
    return signed('ark', algorithm, authorityTbs({ ...fields, ...keys }, algorithm));
  };

  const issuerOf = (signer: Signer): Authority =>
    (signer === 'vlek') === faults.has('swapped-roles') ? 'ask' : 'asvk';

  const reportKey = (signer: Signer, tcb: Tcb): ReportKey =>
    deriveReportKey(derive, `amd/${product}/${signer}/${toHex(encodeTcb(product, tcb))}`);

  const leaf = (signer: Signer, tcb: Tcb): Uint8Array => {
    const { reported } = platformState(product, faults, 5);
    const ofMachine = toHex(encodeTcb(product, tcb)) === toHex(encodeTcb(product, reported));
    const has = (fault: 'tcb-mismatch' | 'wrong-hwid' | 'pss-salt' | 'expired-vcek'): boolean =>
      ofMachine && faults.has(fault);
    const saltBytes = has('pss-salt') ? SHORT_SALT : SALT;
    const algorithm = pssAlgorithm('left out', saltBytes);
    const named = has('wrong-hwid') ? derive(`amd/${product}/other-chip`, hwidBytes) : hwid;
    const issuer = issuerOf(signer);
    const fields = {
      product,
      naming,
      issuer,
      spki: reportKey(signer, tcb).spki,
      tcb: has('tcb-mismatch') ? { ...tcb, microcode: tcb.microcode - 3 } : tcb,
      of: signer === 'vcek' ? { hwid: named } : { cspId: CSP_ID },
      ...(has('expired-vcek')
        ? { from: addYears(issuedAt - HOUR, -LEAF_YEARS[signer]), to: issuedAt - HOUR }
        : { from: issuedAt, to: addYears(issuedAt, LEAF_YEARS[signer]) }),
    };
    return signed(issuer, algorithm, leafTbs(fields, algorithm), { saltBytes });
  };

  const revocationList = (): Uint8Array => {
    const algorithm = pssAlgorithm('left out', SALT);
    const thisUpdate = issuedAt - (faults.has('stale-crl') ? LIST_LIVES + DAY : LIST_BEGINS);
    const bad = [serials.ask, serials.asvk].map((serial) => ({ serial, at: thisUpdate }));
    const fields: RevocationFields = {
      naming,
      issuerSpki: keyOf('ark').spki,
      number: LIST_NUMBER,
      thisUpdate,
      nextUpdate: thisUpdate + LIST_LIVES,
      revoked: faults.has('revoked-ask') ? [...revoked, ...bad] : revoked,
    };
    const covered = revocationTbs(fields, algorithm);
    const tampered = revocationTbs({ ...fields, number: LIST_NUMBER + 1 }, algorithm);
    const tbs = faults.has('tampered-crl') ? tampered : covered;
    return signed(faults.has('crl-by-ask') ? 'ask' : 'ark', algorithm, tbs, { covered });
  };

  return Object.freeze({
    naming,
    hwid,
    certificate: remembered(certificate),
    spki: (role: Authority) => keyOf(role).spki,
    issuerOf,
    reportKey,
    leaf,
    revocationList,
  });
}

/** Signing takes milliseconds, and the bytes do not change. */
function remembered<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}

function addYears(at: Millis, years: number): Millis {
  const date = new Date(at);
  return date.setUTCFullYear(date.getUTCFullYear() + years);
}
