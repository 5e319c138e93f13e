/**
 * TCB_VERSION (AMD 56860): security version numbers of the parts of a platform, which parts, depends on
 * the processor. They are compared part by part; as one number they have no order.
 */
import { ParseError } from '../../base/errors.ts';
import type { Place } from './place.ts';
import type { SnpProduct } from './product.ts';

/** Security version numbers, 0 to 255. `fmc` is Turin's alone, null elsewhere. */
export interface SnpTcb {
  readonly fmc: number | null;
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

/** Byte of each part, and the bytes that must be zero. */
const LAYOUTS = {
  classic: { fmc: null, bootloader: 0, tee: 1, snp: 6, microcode: 7, reserved: [2, 3, 4, 5] },
  turin: { fmc: 0, bootloader: 1, tee: 2, snp: 3, microcode: 7, reserved: [4, 5, 6] },
} as const;

/** `bytes`: the 8 bytes as they stand in the report. Throws ParseError SNP_FIELD_INVALID for a reserved byte. */
export function readTcb(bytes: Uint8Array, product: SnpProduct, place: Place): SnpTcb {
  const layout = product === 'Turin' ? LAYOUTS.turin : LAYOUTS.classic;
  const bad = layout.reserved.find((at) => bytes[at] !== 0);
  if (bad !== undefined)
    throw new ParseError(
      'SNP_FIELD_INVALID',
      `a reserved byte on ${product}`,
      place.offset + bad,
      place.path,
    );
  const part = (at: number): number => bytes[at] as number;
  return Object.freeze({
    fmc: layout.fmc === null ? null : part(layout.fmc),
    bootloader: part(layout.bootloader),
    tee: part(layout.tee),
    snp: part(layout.snp),
    microcode: part(layout.microcode),
  });
}
