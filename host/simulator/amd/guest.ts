/** A guest on a simulated machine, and what the firmware reports of it. */
import { createHash } from 'node:crypto';
import { type CertificateSource, certificateTable, type TableOptions } from './collateral.ts';
import type { AmdFaults } from './faults.ts';
import { type AmdProduct, encodeTcb, platformState, PRODUCTS, type Signer } from './platform.ts';
import { encodeReport, encodeSigned, encodeVersion, type ReportFields } from './report.ts';

/** What the owner of the guest decides at launch. What is left out is zero, `policy` is 0x20000. */
export interface GuestImage {
  /** 48 bytes. */
  readonly measurement: Uint8Array;
  /** 32 bytes. */
  readonly hostData?: Uint8Array;
  /** 48 bytes each. */
  readonly idKeyDigest?: Uint8Array;
  readonly authorKeyDigest?: Uint8Array;
  readonly policy?: bigint;
  readonly guestSvn?: number;
  /** 16 bytes each. */
  readonly familyId?: Uint8Array;
  readonly imageId?: Uint8Array;
}

export interface ReportOptions {
  /** 0 unless told. */
  readonly vmpl?: 0 | 1 | 2 | 3;
  /** The key of the chip unless told. */
  readonly signer?: Signer;
  /** 5 unless told. */
  readonly version?: 2 | 3 | 5;
}

export interface SimulatedGuest {
  /** 1,184 bytes. `reportData`: 64 bytes. */
  report(reportData: Uint8Array, options?: ReportOptions): Uint8Array;
  /** The table of the guest-hypervisor communication block, which configfs-tsm gives as `auxblob`. */
  certificateTable(options?: TableOptions): Uint8Array;
}

export interface GuestContext {
  readonly product: AmdProduct;
  readonly faults: AmdFaults;
  readonly source: CertificateSource;
  /** 32 bytes for REPORT_ID, and for that of a migration agent. */
  readonly reportId: Uint8Array;
  readonly agentId: Uint8Array;
}

/** Bit 17 is always 1. SMT is neither allowed nor on. */
const POLICY = 1n << 17n;
const SMT_ALLOWED = 1n << 16n;
const MIGRATE_MA = 1n << 18n;
const DEBUG = 1n << 19n;

const AUTHOR_KEY = 1;
/** SIGNING_KEY, in its place. */
const SIGNING_KEY: Readonly<Record<Signer | 'none', number>> = { vcek: 0 << 2, vlek: 1 << 2, none: 7 << 2 };
const CHIP_ID_BYTES = 64;

export function createGuest(image: GuestImage, context: GuestContext): SimulatedGuest {
  const { product, faults, source } = context;
  return Object.freeze({
    report(reportData: Uint8Array, options: ReportOptions = {}): Uint8Array {
      const fields = fieldsOf(image, context, reportData, options);
      const signed = encodeSigned(fields);
      if (faults.has('unsigned')) return encodeReport(signed, null);
      const { reported } = platformState(product, faults, fields.version);
      const key = source.pki.reportKey(options.signer ?? 'vcek', reported);
      return encodeReport(signed, key.sign(signed));
    },
    certificateTable: (options: TableOptions = {}) => certificateTable(source, options),
  });
}

function fieldsOf(
  image: GuestImage,
  { product, faults, source, reportId, agentId }: GuestContext,
  reportData: Uint8Array,
  { vmpl = 0, signer = 'vcek', version = 5 }: ReportOptions,
): ReportFields & { readonly version: 2 | 3 | 5 } {
  const state = platformState(product, faults, version);
  const unsigned = faults.has('unsigned');
  const key = SIGNING_KEY[unsigned ? 'none' : signer];
  const zeros = (bytes: number): Uint8Array => new Uint8Array(bytes);
  return {
    version,
    guestSvn: image.guestSvn ?? 0,
    policy: policyOf(image, faults),
    familyId: image.familyId ?? zeros(16),
    imageId: image.imageId ?? zeros(16),
    vmpl: faults.has('vmpl') ? (vmpl + 1) % 4 : vmpl,
    signatureAlgo: unsigned ? 0 : 1,
    currentTcb: encodeTcb(product, state.current),
    platformInfo: state.platformInfo,
    keyInfo: key | (image.authorKeyDigest === undefined ? 0 : AUTHOR_KEY),
    reportData: faults.has('wrong-binding') ? otherData(reportData) : reportData,
    measurement: image.measurement,
    hostData: image.hostData ?? zeros(32),
    idKeyDigest: image.idKeyDigest ?? zeros(48),
    authorKeyDigest: image.authorKeyDigest ?? zeros(48),
    reportId,
    reportIdMa: faults.has('migration-agent') ? agentId : zeros(32).fill(0xff),
    reportedTcb: encodeTcb(product, state.reported),
    cpu: version === 2 ? zeros(3) : Uint8Array.from(PRODUCTS[product].cpu),
    chipId: faults.has('masked-chip') ? zeros(CHIP_ID_BYTES) : chipId(source.pki.hwid),
    committedTcb: encodeTcb(product, state.committed),
    currentVersion: encodeVersion(state.currentVersion),
    committedVersion: encodeVersion(state.committedVersion),
    launchTcb: encodeTcb(product, state.launch),
    launchMitigations: state.mitigations,
    currentMitigations: state.mitigations,
  };
}

function policyOf(image: GuestImage, faults: AmdFaults): bigint {
  let policy = image.policy ?? POLICY;
  if (faults.has('smt')) policy |= SMT_ALLOWED;
  if (faults.has('migration-agent')) policy |= MIGRATE_MA;
  if (faults.has('debug')) policy |= DEBUG;
  return policy;
}

/** HWID, followed by zeros where it is shorter. */
function chipId(hwid: Uint8Array): Uint8Array {
  const id = new Uint8Array(CHIP_ID_BYTES);
  id.set(hwid);
  return id;
}

/** As long as what was asked for, and never the same. */
const otherData = (data: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha512').update(data).digest());
