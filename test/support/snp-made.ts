/**
 * Simulated SEV-SNP evidence judged, and certificates and lists of the simulated AMD written anew with one thing
 * changed and signed again: so that each rule of a path has a counterexample that is sound in all else.
 */
import { createHash } from 'node:crypto';
import { pssAlgorithm, type RevocationFields, revocationTbs } from '../../host/simulator/amd/certificates.ts';
import type { AmdFault, AmdProduct, ReportOptions } from '../../host/simulator/amd/index.ts';
import type { Authority } from '../../host/simulator/amd/platform.ts';
import { deriveRsaKey, signPss } from '../../host/simulator/amd/rsa.ts';
import { deriveFrom } from '../../host/simulator/state.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import type { Millis } from '../../src/base/clock.ts';
import { toHex } from '../../src/base/hex.ts';
import { DerReader } from '../../src/codec/der.ts';
import { derBitString, derExplicit, derSequence } from '../../src/codec/der-write.ts';
import { type Collateral, readCollateral } from '../../src/collateral/index.ts';
import { parseSnpReport } from '../../src/evidence/snp/index.ts';
import {
  type RootPin,
  simulatedRoot,
  type SnpClaims,
  type Verified,
  verifySnp,
} from '../../verifier/index.ts';
import { AMD_TIME, REPORT_DATA, type SimulatedAmd, simulatedAmd } from './simulated-amd.ts';

export interface MadeOptions extends ReportOptions {
  readonly product?: AmdProduct;
  readonly seed?: number;
  readonly now?: Millis;
}

export interface Made {
  readonly machine: SimulatedAmd;
  readonly bytes: Uint8Array;
  /** File name to bytes: certificates of the report key and of those above it, and the list. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly root: RootPin;
}

export async function made(faults: readonly AmdFault[] = [], options: MadeOptions = {}): Promise<Made> {
  const { product, seed, now, ...report } = options;
  const machine = await simulatedAmd(faults, {
    ...(product === undefined ? {} : { product }),
    ...(seed === undefined ? {} : { seed }),
    ...(now === undefined ? {} : { now }),
  });
  const { vendor, guest } = machine;
  return {
    machine,
    bytes: guest.report(REPORT_DATA, report),
    files: vendor.collateral(options.signer ?? 'vcek'),
    root: simulatedRoot('snp', vendor.rootName, toHex(vendor.rootSpkiSha256)),
  };
}

/** Files as collateral; null leaves one out. A chain file would bring back what a test has taken away. */
export function collateralOf(
  { files }: Made,
  changes: Readonly<Record<string, Uint8Array | null>> = {},
): Collateral {
  const all = new Map<string, Uint8Array | null>([
    ...files,
    ['cert_chain.pem', null],
    ...Object.entries(changes),
  ]);
  return readCollateral([...all].flatMap(([name, bytes]) => (bytes === null ? [] : [{ name, bytes }])));
}

export function verifyMade(
  one: Made,
  changes: Readonly<Record<string, Uint8Array | null>> = {},
  at: Millis = AMD_TIME,
): Promise<Verified<SnpClaims>> {
  return verifySnp(parseSnpReport(one.bytes), {
    at,
    crypto: nodeCrypto,
    roots: [one.root],
    collateral: collateralOf(one, changes),
  });
}

/** Parts of a certificate as DER, in their order, and its extensions one by one. */
interface CertificateParts {
  readonly version: Uint8Array;
  readonly serial: Uint8Array;
  readonly algorithm: Uint8Array;
  readonly issuer: Uint8Array;
  readonly validity: Uint8Array;
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

export interface Signer {
  readonly by: Authority;
  readonly product?: AmdProduct;
  readonly seed?: number;
  /** 48 unless told. */
  readonly saltBytes?: number;
}

/** The certificate with parts changed, signed again as `signer` says. */
export function remade(
  der: Uint8Array,
  signer: Signer,
  change: (parts: CertificateParts) => Partial<CertificateParts>,
): Uint8Array {
  const old = partsOf(der);
  const { extensions, ...plain } = { ...old, ...change(old) };
  const tbs = derSequence(...Object.values(plain), derExplicit(3, derSequence(...extensions)));
  return signedBy(signer, plain.algorithm, tbs);
}

function partsOf(der: Uint8Array): CertificateParts {
  const reader = new DerReader(der);
  return reader.sequence((outer) => {
    const parts = outer.sequence((tbs) => {
      const next = (): Uint8Array => tbs.any().raw;
      const [version, serial, algorithm, issuer] = [next(), next(), next(), next()];
      const [validity, subject, spki] = [next(), next(), next()];
      const extensions = tbs.explicit(3, (inner) => inner.sequenceOf((list) => list.any().raw, 64));
      return { version, serial, algorithm, issuer, validity, subject, spki, extensions };
    });
    outer.any();
    outer.any();
    return parts;
  });
}

function signedBy(
  { by, product = 'Genoa', seed = 1, saltBytes = 48 }: Signer,
  algorithm: Uint8Array,
  tbs: Uint8Array,
): Uint8Array {
  const key = deriveRsaKey(deriveFrom(new Uint8Array(32).fill(seed)), `amd/${product}/${by}`);
  const salt = new Uint8Array(createHash('sha512').update(tbs).digest()).subarray(0, saltBytes);
  return derSequence(tbs, algorithm, derBitString(signPss(key, tbs, salt)));
}

const DAY = 86_400_000;

export interface ListChanges extends Partial<Omit<RevocationFields, 'naming'>> {
  /** The name of the issuer; that of the simulated root unless told. */
  readonly root?: string;
  readonly signer?: Signer;
  readonly algorithm?: Uint8Array;
}

/** A revocation list of the simulated root: of yesterday, for a month, without an entry. */
export function madeList({ machine: { vendor } }: Made, changes: ListChanges = {}): Uint8Array {
  const {
    root = vendor.rootName,
    signer = { by: 'ark' },
    algorithm = pssAlgorithm('left out', 48),
    ...fields
  } = changes;
  const issuerSpki = partsOf(vendor.rootCertificate).spki;
  const tbs = revocationTbs(
    {
      naming: { organisation: 'Assay Simulator', root, keyService: 'https://kds.assay-simulator.invalid' },
      issuerSpki,
      number: 7,
      thisUpdate: Math.floor(AMD_TIME / 1000) * 1000 - DAY,
      nextUpdate: Math.floor(AMD_TIME / 1000) * 1000 + 30 * DAY,
      revoked: [],
      ...fields,
    },
    algorithm,
  );
  return signedBy({ product: vendor.product, ...signer }, algorithm, tbs);
}
