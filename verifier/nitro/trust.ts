/** What a trust policy says of Nitro, under `platforms.nitro`. */
import { fail } from '../../src/base/errors.ts';
import { dictionary, hex, list, literal, object, orWord, type Shape, text } from '../shape.ts';

export interface NitroTrust {
  /** Allowed values by register number, 96 hex digits each. */
  readonly pcrs: 'any' | Readonly<Record<string, readonly string[]>>;
  readonly debug: 'reject' | 'allow';
  /** Partitions of AWS; only `aws` when left out. */
  readonly partitions?: 'any' | readonly string[];
}

const PCR_INDEX = '^(0|[1-9]|[12][0-9]|3[01])$';
const MAX_VALUES = 1_024;

export const NITRO_TRUST: Shape<NitroTrust> = object(
  {
    pcrs: orWord('any', dictionary(PCR_INDEX, list(hex(48), MAX_VALUES))),
    debug: literal('reject', 'allow'),
  },
  { partitions: orWord('any', list(text('^[a-z0-9-]+$', 32), 8)) },
);

/** Throws EXPECTATION_MISSING or TRUST_POLICY_INVALID for registers that are well formed and expect nothing. */
export function forbidHollowNitro({ pcrs, debug }: NitroTrust): void {
  if (pcrs === 'any') return;
  const registers = Object.keys(pcrs);
  // PCR2 is a constant in an image of one ramdisk, PCR1 covers the kernel only, the rest is up to the enclave.
  if (!registers.includes('0') && !registers.includes('8'))
    fail(
      'EXPECTATION_MISSING',
      'trust policy: platforms.nitro.pcrs names neither the image (0) nor its signer (8)',
    );
  for (const [register, values] of Object.entries(pcrs))
    if (
      debug === 'reject' &&
      ['0', '1', '2'].includes(register) &&
      values.some((value) => /^0+$/.test(value))
    )
      fail(
        'TRUST_POLICY_INVALID',
        `trust policy: platforms.nitro.pcrs.${register}: zero is what debug mode shows`,
      );
}
