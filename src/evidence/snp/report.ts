/**
 * The attestation report of SEV-SNP firmware (AMD 56860, ATTESTATION_REPORT): 1,184 bytes, little-endian. The first
 * 672 are signed; what follows the signature is not, and must be zero to the last byte, or one report would have many
 * forms. Versions 2 to 5 are in the field.
 */
import { ParseError } from '../../base/errors.ts';
import { struct } from '../../codec/struct.ts';
import { type GuestPolicy, type PlatformInfo, readGuestPolicy, readPlatformInfo } from './flags.ts';
import type { Place } from './place.ts';
import { productOf, type SnpProduct } from './product.ts';
import { readTcb } from './tcb.ts';

export const SNP_REPORT_SIZE = 1_184;
/** Bytes that the signature covers. */
export const SNP_SIGNED_SIZE = 672;

const REPORT = struct('snp_report', SNP_REPORT_SIZE, [
  ['version', 'u32le', 0x000, 4],
  ['guestSvn', 'u32le', 0x004, 4],
  ['policy', 'u64le', 0x008, 8],
  ['familyId', 'bytes', 0x010, 16],
  ['imageId', 'bytes', 0x020, 16],
  ['vmpl', 'u32le', 0x030, 4],
  ['signatureAlgo', 'u32le', 0x034, 4],
  ['currentTcb', 'bytes', 0x038, 8],
  ['platformInfo', 'u64le', 0x040, 8],
  ['keyInfo', 'u32le', 0x048, 4],
  ['reserved1', 'bytes', 0x04c, 4, 'mustBeZero'],
  ['reportData', 'bytes', 0x050, 64],
  ['measurement', 'bytes', 0x090, 48],
  ['hostData', 'bytes', 0x0c0, 32],
  ['idKeyDigest', 'bytes', 0x0e0, 48],
  ['authorKeyDigest', 'bytes', 0x110, 48],
  ['reportId', 'bytes', 0x140, 32],
  ['reportIdMa', 'bytes', 0x160, 32],
  ['reportedTcb', 'bytes', 0x180, 8],
  ['cpuFamily', 'u8', 0x188, 1],
  ['cpuModel', 'u8', 0x189, 1],
  ['cpuStepping', 'u8', 0x18a, 1],
  ['reserved2', 'bytes', 0x18b, 21, 'mustBeZero'],
  ['chipId', 'bytes', 0x1a0, 64],
  ['committedTcb', 'bytes', 0x1e0, 8],
  ['currentVersion', 'bytes', 0x1e8, 3],
  ['reserved3', 'bytes', 0x1eb, 1, 'mustBeZero'],
  ['committedVersion', 'bytes', 0x1ec, 3],
  ['reserved4', 'bytes', 0x1ef, 1, 'mustBeZero'],
  ['launchTcb', 'bytes', 0x1f0, 8],
  ['launchMitigations', 'u64le', 0x1f8, 8],
  ['currentMitigations', 'u64le', 0x200, 8],
  ['reserved5', 'bytes', 0x208, 152, 'mustBeZero'],
  ['signatureR', 'bytes', 0x2a0, 48],
  ['reserved6', 'bytes', 0x2d0, 24, 'mustBeZero'],
  ['signatureS', 'bytes', 0x2e8, 48],
  ['reserved7', 'bytes', 0x318, 24, 'mustBeZero'],
  ['reserved8', 'bytes', 0x330, 368, 'mustBeZero'],
]);

/** `major.minor.build` of the firmware. */
export interface FirmwareVersion {
  readonly major: number;
  readonly minor: number;
  readonly build: number;
}

/** The 8 bytes of each TCB_VERSION as they stand in the report; `readTcb` takes them apart for a product. */
export interface SnpTcbs {
  /** Running now. */
  readonly current: Uint8Array;
  /** What the signing key is derived from; the host may lower it. */
  readonly reported: Uint8Array;
  /** The floor below which the firmware cannot be set back. */
  readonly committed: Uint8Array;
  /** When the guest was started or came here. */
  readonly launch: Uint8Array;
}

export interface SnpReport {
  readonly version: 2 | 3 | 4 | 5;
  readonly guestSvn: number;
  readonly policy: GuestPolicy;
  readonly familyId: Uint8Array;
  readonly imageId: Uint8Array;
  /** Virtual machine privilege level of who asked: 0 is the highest, 3 the lowest. */
  readonly vmpl: 0 | 1 | 2 | 3;
  readonly platformInfo: PlatformInfo;
  /** Which key signed: one of the chip, or one of the cloud provider. */
  readonly signer: 'vcek' | 'vlek';
  readonly authorKeyEnabled: boolean;
  readonly chipKeyMasked: boolean;
  readonly reportData: Uint8Array;
  readonly measurement: Uint8Array;
  readonly hostData: Uint8Array;
  readonly idKeyDigest: Uint8Array;
  readonly authorKeyDigest: Uint8Array;
  readonly reportId: Uint8Array;
  /** Of the migration agent; all ones without one. */
  readonly reportIdMa: Uint8Array;
  /** Null before version 3: the report does not say, and the certificate must. */
  readonly cpu: { readonly family: number; readonly model: number; readonly stepping: number } | null;
  readonly product: SnpProduct | null;
  readonly tcbs: SnpTcbs;
  /** 64 bytes, all zero when masked; of Turin the first 8. */
  readonly chipId: Uint8Array;
  readonly currentVersion: FirmwareVersion;
  readonly committedVersion: FirmwareVersion;
  /** Mitigation vectors, from version 5 on. */
  readonly mitigations: { readonly launch: bigint; readonly current: bigint } | null;
  /** The bytes that are signed, a view of the input. */
  readonly signed: Uint8Array;
  /** ECDSA P-384 over SHA-384: r and s, 48 bytes each, big-endian (IEEE P1363). */
  readonly signature: Uint8Array;
}

const TCBS = ['currentTcb', 'reportedTcb', 'committedTcb', 'launchTcb'] as const;
const ECDSA_P384_SHA384 = 1;
const SIGNERS = ['vcek', 'vlek'] as const;
const NO_SIGNER = 7;

const OFFSETS: ReadonlyMap<string, number> = new Map(REPORT.table.map(([name, , offset]) => [name, offset]));

function invalid({ path, offset }: Place, what: string): never {
  throw new ParseError('SNP_FIELD_INVALID', what, offset, path);
}

/** Whether bytes have the length and a version of a report; nothing else is looked at. */
export function isSnpReport(bytes: Uint8Array): boolean {
  const [version = 0, ...rest] = bytes.subarray(0, 4);
  return bytes.length === SNP_REPORT_SIZE && version >= 2 && version <= 5 && rest.every((byte) => byte === 0);
}

/**
 * Reads a report whole. Throws ParseError STRUCT_LENGTH, STRUCT_NOT_ZERO, SNP_VERSION_UNKNOWN, SNP_FIELD_INVALID,
 * SNP_UNSIGNED or SNP_PRODUCT_UNSUPPORTED.
 */
export function parseSnpReport(bytes: Uint8Array, path: string = 'report'): SnpReport {
  const raw = REPORT.read(bytes, { path });
  const at = (field: keyof typeof raw): Place => ({
    path: `${path}.${field}`,
    offset: OFFSETS.get(field) ?? 0,
  });
  const version = versionOf(raw.version, at('version'));
  if (raw.vmpl > 3) invalid(at('vmpl'), `${raw.vmpl}: levels are 0 to 3`);
  if (raw.signatureAlgo > ECDSA_P384_SHA384) invalid(at('signatureAlgo'), `${raw.signatureAlgo} is not 1`);
  const signer = signerOf(raw.signatureAlgo, raw.keyInfo, at('keyInfo'));
  const cpu = { family: raw.cpuFamily, model: raw.cpuModel, stepping: raw.cpuStepping };
  const named = version > 2;
  if (!named && (cpu.family | cpu.model | cpu.stepping) !== 0)
    invalid(at('cpuFamily'), 'is reserved in version 2');
  const product = named ? productOf(cpu.family, cpu.model, at('cpuFamily')) : null;
  // Reserved bytes differ from one product to the next; without one the certificate decides later.
  if (product !== null) for (const field of TCBS) readTcb(raw[field], product, at(field));
  const [launch, current] = [raw.launchMitigations, raw.currentMitigations];
  if (version < 5 && (launch | current) !== 0n)
    invalid(at('launchMitigations'), `mitigations are reserved in version ${version}`);
  return Object.freeze({
    version,
    guestSvn: raw.guestSvn,
    policy: readGuestPolicy(raw.policy, at('policy')),
    familyId: raw.familyId,
    imageId: raw.imageId,
    vmpl: raw.vmpl as 0 | 1 | 2 | 3,
    platformInfo: readPlatformInfo(raw.platformInfo, at('platformInfo')),
    signer,
    authorKeyEnabled: (raw.keyInfo & 1) === 1,
    chipKeyMasked: (raw.keyInfo & 2) === 2,
    reportData: raw.reportData,
    measurement: raw.measurement,
    hostData: raw.hostData,
    idKeyDigest: raw.idKeyDigest,
    authorKeyDigest: raw.authorKeyDigest,
    reportId: raw.reportId,
    reportIdMa: raw.reportIdMa,
    cpu: named ? Object.freeze(cpu) : null,
    product,
    tcbs: Object.freeze({
      current: raw.currentTcb,
      reported: raw.reportedTcb,
      committed: raw.committedTcb,
      launch: raw.launchTcb,
    }),
    chipId: raw.chipId,
    currentVersion: firmware(raw.currentVersion),
    committedVersion: firmware(raw.committedVersion),
    mitigations: version < 5 ? null : Object.freeze({ launch, current }),
    signed: bytes.subarray(0, SNP_SIGNED_SIZE),
    signature: Uint8Array.from([...raw.signatureR.toReversed(), ...raw.signatureS.toReversed()]),
  });
}

function versionOf(version: number, { path, offset }: Place): SnpReport['version'] {
  if (version === 2 || version === 3 || version === 4 || version === 5) return version;
  throw new ParseError('SNP_VERSION_UNKNOWN', `${version}: 2 to 5 are known`, offset, path);
}

/** SIGNING_KEY is bits 4 to 2; what is above is reserved. */
function signerOf(algorithm: number, keyInfo: number, place: Place): SnpReport['signer'] {
  const key = (keyInfo >>> 2) & 7;
  if (keyInfo >>> 5 !== 0) invalid(place, 'bits 5 to 31 are reserved');
  if (algorithm === 0 || key === NO_SIGNER)
    throw new ParseError(
      'SNP_UNSIGNED',
      `signature algorithm ${algorithm}, signing key ${key}`,
      place.offset,
      place.path,
    );
  return SIGNERS[key] ?? invalid(place, `signing key ${key} is neither VCEK nor VLEK`);
}

/** Build, minor, major: in this order. */
const firmware = ([build = 0, minor = 0, major = 0]: Uint8Array): FirmwareVersion =>
  Object.freeze({ major, minor, build });
