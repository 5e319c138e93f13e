/** What a trust policy says of SEV-SNP, under `platforms.snp`. */
import { fail } from '../../src/base/errors.ts';
import type { SnpProduct } from '../../src/evidence/snp/index.ts';
import { hex, integer, list, literal, object, orWord, type Shape, text } from '../shape.ts';

/** Least security versions; every part is stated. */
export interface SnpMinimum {
  /** Turin's alone, and required there. */
  readonly fmc?: number;
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

export interface SnpTrust {
  /** Allowed launch measurements, 96 hex digits each. */
  readonly measurement: 'any' | readonly string[];
  readonly debug: 'reject' | 'allow';
  /** Privilege levels that may have asked for the report. */
  readonly vmpl: 'any' | readonly (0 | 1 | 2 | 3)[];
  readonly tcb: {
    /** Of REPORTED_TCB and LAUNCH_TCB, by product; a product that is not listed is not accepted. */
    readonly minimum: 'any' | Readonly<Partial<Record<SnpProduct, SnpMinimum>>>;
    /** Firmware that runs and is not committed, so that the host can set it back. */
    readonly provisional_firmware: 'reject' | 'allow';
  };
  /** The root seed of the VCEKs of Milan can be extracted by software (arXiv 2605.12990). */
  readonly milan_vcek: 'reject' | 'allow';
  /** Digests of keys that signed the ID block, 96 hex digits each. */
  readonly id_key: 'any' | readonly string[];
  /** 64 hex digits each. */
  readonly host_data: 'any' | readonly string[];
  /** Digests of author keys; not asked for when left out. */
  readonly author_key?: 'any' | readonly string[];
  /** `reject` when left out. */
  readonly migration_agent?: 'reject' | 'allow';
  /** `allow` when left out: the large clouds have it on. */
  readonly smt?: 'reject' | 'allow';
  /** `required` when left out (BadRAM); reports of version 2 cannot say it. */
  readonly alias_check?: 'required' | 'any';
  /** What the guest must have been launched with, or the platform must have on; `any` when left out. */
  readonly ciphertext_hiding?: 'required' | 'any';
  readonly page_swap_disabled?: 'required' | 'any';
  readonly single_socket?: 'required' | 'any';
  readonly cxl_disabled?: 'required' | 'any';
  readonly aes_256_xts?: 'required' | 'any';
  readonly rapl_disabled?: 'required' | 'any';
  readonly ecc?: 'required' | 'any';
  readonly tsme?: 'required' | 'any';
  /** Bits that both mitigation vectors must have, as hexadecimal; a product that is not listed is not accepted. */
  readonly mitigations?: Readonly<Partial<Record<SnpProduct, string>>>;
  readonly min_guest_svn?: number;
  /** Least committed version of the firmware: `major.minor` or `major.minor.build`; builds are counted by product. */
  readonly min_abi?: string;
  /** 32 hex digits each. */
  readonly family_id?: readonly string[];
  readonly image_id?: readonly string[];
  /** All that are known when left out. */
  readonly products?: readonly SnpProduct[];
}

const MAX_VALUES = 1_024;
const level = integer(0, 255);
const parts = { bootloader: level, tee: level, snp: level, microcode: level };
const classic = refined(object(parts, {}), forbidZeroMinimum);
const turin = refined(object({ fmc: level, ...parts }, {}), forbidZeroMinimum);
const mask = refined(text('^[0-9a-fA-F]{1,16}$', 16), forbidZero('a mask of zeros demands nothing'));
const digests = list(
  refined(hex(48), forbidZero('zero is what a guest without an ID block shows')),
  MAX_VALUES,
);
const demand = literal('required', 'any');

export const SNP_TRUST: Shape<SnpTrust> = object(
  {
    measurement: orWord('any', list(hex(48), MAX_VALUES)),
    debug: literal('reject', 'allow'),
    vmpl: orWord('any', list(literal(0, 1, 2, 3), 4)),
    tcb: object(
      {
        minimum: orWord('any', object({}, { Milan: classic, Genoa: classic, Turin: turin }, 1)),
        provisional_firmware: literal('reject', 'allow'),
      },
      {},
    ),
    milan_vcek: literal('reject', 'allow'),
    id_key: orWord('any', digests),
    host_data: orWord('any', list(hex(32), MAX_VALUES)),
  },
  {
    author_key: orWord('any', digests),
    migration_agent: literal('reject', 'allow'),
    smt: literal('reject', 'allow'),
    alias_check: demand,
    ciphertext_hiding: demand,
    page_swap_disabled: demand,
    single_socket: demand,
    cxl_disabled: demand,
    aes_256_xts: demand,
    rapl_disabled: demand,
    ecc: demand,
    tsme: demand,
    mitigations: object({}, { Milan: mask, Genoa: mask, Turin: mask }, 1),
    min_guest_svn: integer(1, 0xffff_ffff),
    min_abi: text('^[0-9]{1,3}\\.[0-9]{1,3}(\\.[0-9]{1,3})?$', 11),
    family_id: list(hex(16), MAX_VALUES),
    image_id: list(hex(16), MAX_VALUES),
    products: list(literal('Milan', 'Genoa', 'Turin'), 3),
  },
);

/** A shape whose values are asked one more question. */
function refined<T>(shape: Shape<T>, check: (value: T, path: string) => void): Shape<T> {
  return {
    schema: shape.schema,
    read: (given, path) => {
      const value = shape.read(given, path);
      check(value, path);
      return value;
    },
  };
}

/** What is well formed and expects nothing must be waived aloud. */
function forbidZeroMinimum(minimum: SnpMinimum, path: string): void {
  if (Object.values(minimum).every((least) => least === 0))
    fail('TRUST_POLICY_INVALID', `trust policy: ${path}: versions of zero are no minimum; say "any"`);
}

function forbidZero(why: string): (value: string, path: string) => void {
  return (value, path) => {
    if (/^0+$/.test(value)) fail('TRUST_POLICY_INVALID', `trust policy: ${path}: ${why}`);
  };
}
