/**
 * Simulated AMD machines for tests, and all that can be read in what they make, by readers that are not the
 * simulator's: so that two machines can be compared and a fault shows as the fields that it changed.
 */
import 'reflect-metadata';
import { createHash, createPublicKey, verify, X509Certificate as NodeCertificate } from 'node:crypto';
import { X509Certificate, X509Crl } from '@peculiar/x509';
import {
  type AmdFault,
  type AmdProduct,
  type AmdVendor,
  createAmdVendor,
  parseAmdFaults,
  type ReportOptions,
  type Signer,
  type SimulatedGuest,
} from '../../host/simulator/amd/index.ts';
import type { ReportFields } from '../../host/simulator/amd/report.ts';
import { deriveFrom } from '../../host/simulator/state.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { parsePem } from '../../src/codec/pem.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import { parseSnpReport, readSnpEndorsement, readTcb } from '../../src/evidence/snp/index.ts';

export const AMD_TIME = Date.UTC(2026, 10, 20, 12, 34, 56, 789);
export const MEASUREMENT: Uint8Array = new Uint8Array(48).fill(0xb0);
export const REPORT_DATA: Uint8Array = new Uint8Array(64).fill(0xd0);

export interface SimulatedAmd {
  readonly vendor: AmdVendor;
  readonly guest: SimulatedGuest;
}

export interface AmdChoice {
  readonly product?: AmdProduct;
  readonly seed?: number;
  readonly now?: number;
}

export async function simulatedAmd(
  faults: readonly AmdFault[] = [],
  { product = 'Genoa', seed = 1, now = AMD_TIME }: AmdChoice = {},
): Promise<SimulatedAmd> {
  const derive = deriveFrom(new Uint8Array(32).fill(seed));
  const vendor = await createAmdVendor({ derive, now: () => now, faults: parseAmdFaults(faults), product });
  return { vendor, guest: vendor.launchGuest({ measurement: MEASUREMENT }) };
}

/** DER of the root, the issuer of the report key, and the report key's certificate; and of the revocation list. */
export function chainOf(
  { vendor }: SimulatedAmd,
  signer: Signer = 'vcek',
): Readonly<Record<'ark' | 'ask' | 'leaf' | 'crl', Uint8Array>> {
  const files = vendor.collateral(signer);
  const file = (name: string): Uint8Array => files.get(name) ?? new Uint8Array(0);
  const pem = (name: string): Uint8Array =>
    parsePem(new TextDecoder().decode(file(name)), 'CERTIFICATE')[0] as Uint8Array;
  return {
    ark: pem('ark.pem'),
    ask: pem(signer === 'vcek' ? 'ask.pem' : 'asvk.pem'),
    leaf: pem(`${signer}.pem`),
    crl: file('crl.der'),
  };
}

/** Every field that can be read, by a dotted name; signatures as who made them. */
export async function everythingOf(
  machine: SimulatedAmd,
  options: ReportOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const { ark, ask, leaf, crl } = chainOf(machine, options.signer);
  const report = machine.guest.report(REPORT_DATA, options);
  const out = new Map<string, string>();
  const add = (path: string, value: unknown): void => {
    if (value instanceof Uint8Array) out.set(path, toHex(value));
    else if (typeof value === 'object' && value !== null)
      for (const [name, inner] of Object.entries(value)) add(`${path}.${name}`, inner);
    else out.set(path, String(value));
  };
  for (const [name, der] of Object.entries({ ark, ask, leaf })) add(name, certificateFields(der));
  const said = readSnpEndorsement(parseCertificate(leaf));
  add('leaf.says', said);
  add('crl', crlFields(crl));
  const { signed, signature, tcbs, ...fields } = parseSnpReport(report);
  add('report', fields);
  for (const [name, bytes] of Object.entries(tcbs))
    add(`report.tcbs.${name}`, readTcb(bytes, machine.vendor.product, { path: name, offset: 0 }));
  const signedBy = (child: Uint8Array, parent: Uint8Array): boolean =>
    new NodeCertificate(child).verify(new NodeCertificate(parent).publicKey);
  const key = spkiOf(leaf);
  add('signed', {
    ark: signedBy(ark, ark),
    ask: signedBy(ask, ark),
    leaf: signedBy(leaf, ask),
    crl: await new X509Crl(crl).verify({ publicKey: new X509Certificate(ark).publicKey }),
    report: verify('sha384', signed, { key, dsaEncoding: 'ieee-p1363' }, signature),
  });
  return out;
}

/** The dotted names of what differs, sorted. */
export function differences(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): readonly string[] {
  const names = new Set([...one.keys(), ...other.keys()]);
  return [...names].filter((name) => one.get(name) !== other.get(name)).sort();
}

const spkiOf = (der: Uint8Array) =>
  createPublicKey({ key: Buffer.from(parseCertificate(der).spki.raw), format: 'der', type: 'spki' });

function certificateFields(der: Uint8Array): Record<string, unknown> {
  const { serial, subject, issuer, notBefore, notAfter, spki, extensions } = parseCertificate(der);
  const { signatureAlgorithm } = new X509Certificate(der);
  const names = (of: typeof subject) => of.attributes.map(({ value }) => value).join(', ');
  return {
    serial,
    subject: names(subject),
    issuer: names(issuer),
    notBefore,
    notAfter,
    key: createHash('sha256').update(spki.raw).digest('hex'),
    salt: (signatureAlgorithm as { saltLength?: number }).saltLength,
    // AMD's own are told by the reader, under `says`.
    extensions: Object.fromEntries(
      extensions
        .filter(({ oid }) => !oid.startsWith('1.3.6.1.4.1.3704.'))
        .map(({ oid, value }) => [oid.replaceAll('.', '-'), value]),
    ),
  };
}

function crlFields(der: Uint8Array): Record<string, unknown> {
  const { issuer, thisUpdate, nextUpdate, entries, extensions } = new X509Crl(der);
  return {
    issuer,
    thisUpdate: thisUpdate.getTime(),
    nextUpdate: nextUpdate?.getTime(),
    revoked: entries.map(({ serialNumber }) => serialNumber).join(' '),
    extensions: Object.fromEntries(
      extensions.map(({ type, value }) => [type.replaceAll('.', '-'), new Uint8Array(value)]),
    ),
  };
}

/** The fields of a recorded report as the corpus's manifest has them: read by another program than ours. */
export function recordedFields(fields: Readonly<Record<string, unknown>>): ReportFields {
  const hex = (name: string): Uint8Array => fromHex(fields[name] as string);
  const big = (name: string): bigint => BigInt(fields[name] as string);
  const dotted = (name: string): Uint8Array =>
    Uint8Array.from((fields[name] as string).split('.').map(Number).reverse());
  return {
    version: fields['version'] as number,
    guestSvn: fields['guest_svn'] as number,
    policy: big('policy'),
    familyId: hex('family_id'),
    imageId: hex('image_id'),
    vmpl: fields['vmpl'] as number,
    signatureAlgo: fields['sig_algo'] as number,
    currentTcb: hex('current_tcb'),
    platformInfo: big('platform_info'),
    keyInfo: Number(fields['key_info']),
    reportData: hex('report_data'),
    measurement: hex('measurement'),
    hostData: hex('host_data'),
    idKeyDigest: hex('id_key_digest'),
    authorKeyDigest: hex('author_key_digest'),
    reportId: hex('report_id'),
    reportIdMa: hex('report_id_ma'),
    reportedTcb: hex('reported_tcb'),
    cpu: Uint8Array.from(fields['cpuid_fam_mod_step'] as number[]),
    chipId: hex('chip_id'),
    committedTcb: hex('committed_tcb'),
    currentVersion: dotted('current_ver'),
    committedVersion: dotted('committed_ver'),
    launchTcb: hex('launch_tcb'),
    launchMitigations: big('launch_mit'),
    currentMitigations: big('current_mit'),
  };
}
