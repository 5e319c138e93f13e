/** Questions about SEV-SNP reports that are put to several verifiers: recorded, simulated with faults, at random. */
import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { AMD_FAULTS, type AmdFault, type AmdProduct, type Signer } from '../../host/simulator/amd/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat } from '../../src/base/bytes.ts';
import { parsePem } from '../../src/codec/pem.ts';
import { parseCrl } from '../../src/codec/x509-crl.ts';
import { type CollateralFile, readCollateral } from '../../src/collateral/index.ts';
import { isSnpEndorsement, parseSnpReport, readSnpEndorsement } from '../../src/evidence/snp/index.ts';
import { judgeEvidence, type TrustPolicy } from '../../verifier/index.ts';
import { ofKind } from './collateral.ts';
import { corpusText } from './corpus.ts';
import { mutations } from './mutate.ts';
import { opensslVerify } from './openssl-chain.ts';
import type { Opinion, PeerSet } from './peers.ts';
import { AMD_TIME } from './simulated-amd.ts';
import { type Made, made } from './snp-made.ts';
import { recorded, snpTrust } from './snp.ts';

export interface ReportCase {
  readonly name: string;
  readonly report: Uint8Array;
  readonly at: number;
  readonly files: readonly CollateralFile[];
  /** Accepts whatever is authentic and consistent with itself. */
  readonly trust: TrustPolicy;
  readonly product: AmdProduct;
  /** DER of the root that everybody trusts, and what is below it, by the names that the other program has. */
  readonly set: PeerSet;
}

/** Our verdict when all that a trust policy can waive is waived. */
export async function ourOpinion({ report, at, files, trust }: ReportCase): Promise<Opinion> {
  const { verdict } = await judgeEvidence(report, {
    mode: 'archive',
    now: at,
    trust,
    crypto: nodeCrypto,
    collateral: readCollateral(files),
    platform: null,
    nonce: null,
  });
  const accepted = verdict.verdict === 'trusted';
  return { outcome: accepted ? 'accepted' : 'refused', why: verdict.code ?? verdict.verdict };
}

/** Those of Genoa that were recorded while the recorded list of its root was current, once more with it. */
export function recordedReports(): readonly ReportCase[] {
  const pem = corpusText('snp', 'crl/genoa-vcek.crl.pem');
  const [list] = parsePem(pem, 'X509 CRL') as [Uint8Array];
  const { thisUpdate, nextUpdate } = parseCrl(list);
  const alone = reportsAlone();
  const listed = alone
    .filter(({ product, at }) => product === 'Genoa' && thisUpdate <= at && at <= nextUpdate)
    .map((one) => ({
      ...one,
      name: `${one.name} with its list`,
      files: [...one.files, { name: 'crl.der', bytes: list }],
      set: new Map([...one.set, ['crl.der', list]]),
    }));
  if (listed.length === 0) throw new Error('no report was recorded while its list was current');
  return [...alone, ...listed];
}

const reportsAlone = (): readonly ReportCase[] =>
  recorded().map(({ name, bytes, at, files }) => {
    const certificates = ofKind(readCollateral(files).items, 'certificate').map((item) => item.certificate);
    const leaf = certificates.find(isSnpEndorsement);
    const said = leaf === undefined ? null : readSnpEndorsement(leaf);
    const product = said?.product ?? 'Milan';
    const set = new Map<string, Uint8Array>(leaf === undefined ? [] : [[said?.kind ?? '', leaf.raw]]);
    for (const [key, role] of Object.entries(authoritiesOf(product))) {
      const found = certificates.find(({ subject }) => subject.commonName === role);
      if (found !== undefined) set.set(key, found.raw);
    }
    return { name, report: bytes, at, files, trust: snpTrust(), product, set };
  });

const authoritiesOf = (product: AmdProduct): Readonly<Record<string, string>> => ({
  ark: `ARK-${product}`,
  ask: `SEV-${product}`,
  asvk: `SEV-VLEK-${product}`,
});

const SIGNERS: readonly Signer[] = ['vcek', 'vlek'];

/** Machines of each product, and one with each of its faults, under the names that genuine certificates have. */
export async function simulatedReports(): Promise<readonly ReportCase[]> {
  const found: ReportCase[] = [];
  for (const signer of SIGNERS) {
    for (const product of ['Milan', 'Genoa', 'Turin'] as const)
      for (const version of product === 'Turin' ? ([3, 5] as const) : ([2, 3, 5] as const)) {
        const one = await made(['same-name-root'], { product, signer, version });
        found.push(simulated(`simulated ${product} ${signer} v${version}`, one, product));
      }
    for (const fault of Object.keys(AMD_FAULTS) as AmdFault[])
      found.push(
        simulated(`simulated ${fault} ${signer}`, await made(['same-name-root', fault], { signer }), 'Genoa'),
      );
  }
  return found;
}

function simulated(name: string, { bytes, files, root }: Made, product: AmdProduct): ReportCase {
  const der = (file: string): readonly Uint8Array[] => {
    const pem = files.get(file);
    return pem === undefined ? [] : parsePem(new TextDecoder().decode(pem), 'CERTIFICATE');
  };
  const set = new Map<string, Uint8Array>([['crl.der', files.get('crl.der') as Uint8Array]]);
  for (const key of ['ark', 'ask', 'asvk', 'vcek', 'vlek'])
    for (const one of der(`${key}.pem`)) set.set(key, one);
  // It asks for the authority of VCEKs also where it judges a VLEK.
  const authority = set.get('ask') ?? set.get('asvk');
  if (authority !== undefined) set.set('ask', authority).set('asvk', authority);
  const trust = snpTrust(
    {},
    {
      revocation: 'required',
      simulated: { roots: [{ platform: 'snp', name: root.name, spki_sha256: root.spkiSha256 }] },
    },
  );
  const given = [...files].map(([file, content]) => ({ name: file, bytes: content }));
  return { name, report: bytes, at: AMD_TIME, files: given, trust, product, set };
}

/** Changes that random ones seldom hit. */
export function changedReports(names: readonly string[]): readonly ReportCase[] {
  const changes: readonly (readonly [string, (report: Uint8Array) => Uint8Array])[] = [
    ['one byte longer', (report) => concat(report, Uint8Array.of(0))],
    ['CPUID_STEP of nine bits', (report) => flip(report, 0x18a)],
    ['reserved octet of CPUID', (report) => flip(report, 0x18b)],
    ['reserved octet of TCB', (report) => flip(report, 0x182)],
    ['last octet', (report) => flip(report, report.length - 1)],
  ];
  return bases(names).flatMap((base) =>
    changes.map(([name, change]) => ({ ...base, name: `${base.name} ${name}`, report: change(base.report) })),
  );
}

const flip = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((octet, i) => (i === at ? octet ^ 0x80 : octet));

/** Random changes to recorded reports, as many to each. */
export function randomReports(names: readonly string[], count: number): readonly ReportCase[] {
  const share = Math.ceil(count / names.length);
  return bases(names).flatMap((base) =>
    [...mutations([base.report], { count: share })].map(({ bytes, how }) => ({
      ...base,
      name: `random ${base.name} ${how}`,
      report: bytes,
    })),
  );
}

/** Random changes to the certificate of the report key. */
export function randomEndorsements(names: readonly string[], count: number): readonly ReportCase[] {
  const share = Math.ceil(count / names.length);
  return bases(names).flatMap((base) => {
    const key = base.set.has('vcek') ? 'vcek' : 'vlek';
    const others = ofKind(readCollateral(base.files).items, 'certificate').filter(
      ({ certificate }) => !isSnpEndorsement(certificate),
    );
    return [...mutations([base.set.get(key) as Uint8Array], { count: share })].map(({ bytes, how }) => ({
      ...base,
      name: `random certificate ${base.name} ${how}`,
      files: [...others.map((item, i) => ({ name: `${i}`, bytes: item.bytes })), { name: key, bytes }],
      set: new Map([...base.set, [key, bytes]]),
    }));
  });
}

function bases(names: readonly string[]): readonly ReportCase[] {
  const found = reportsAlone().filter(({ name }) => names.includes(name));
  if (found.length !== names.length) throw new Error(`not all are recorded of ${names.join(', ')}`);
  return found;
}

/** Whether the path of the report key holds by the openssl command, the list too, and the report's signature by its library. */
export function opensslHolds({ report, at, set }: ReportCase): boolean {
  const leaf = set.get('vcek') ?? set.get('vlek');
  const root = set.get('ark');
  const authority = set.get(set.has('vcek') ? 'ask' : 'asvk');
  if (leaf === undefined || root === undefined || authority === undefined) return false;
  const list = set.get('crl.der');
  // The list speaks of what the root has issued; nobody publishes one of what the authority has.
  const lists = list === undefined ? [] : [list];
  if (!opensslVerify({ path: [root, authority], lists, at }).holds) return false;
  if (!opensslVerify({ path: [root, authority, leaf], lists: [], at }).holds) return false;
  const { signed, signature } = parseSnpReport(report);
  const key = createPublicKey(new X509Certificate(leaf).publicKey.export({ type: 'spki', format: 'pem' }));
  return verify('sha384', signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
}
