/** Which processor a report comes from, by its CPUID, under the names that AMD's key service uses. */
import { ParseError } from '../../base/errors.ts';
import type { Place } from './place.ts';

/** As in the path of the key service: Bergamo and Siena have keys of `Genoa`. */
export type SnpProduct = 'Milan' | 'Genoa' | 'Turin';

/** CPUID family (extended and base) and a range of models. */
const PRODUCTS: readonly (readonly [family: number, from: number, to: number, SnpProduct | 'Venice'])[] = [
  [0x19, 0x00, 0x0f, 'Milan'],
  [0x19, 0x10, 0x1f, 'Genoa'],
  [0x19, 0xa0, 0xaf, 'Genoa'],
  [0x1a, 0x00, 0x11, 'Turin'],
  [0x1a, 0x50, 0x57, 'Venice'],
  [0x1a, 0x90, 0xaf, 'Venice'],
  [0x1a, 0xc0, 0xc7, 'Venice'],
];

/** Throws ParseError SNP_PRODUCT_UNSUPPORTED for a processor of which the layout of TCB_VERSION is not known. */
export function productOf(family: number, model: number, place: Place): SnpProduct {
  const row = PRODUCTS.find(([of, from, to]) => of === family && from <= model && model <= to);
  const name = row?.[3] ?? 'unknown';
  if (name === 'unknown' || name === 'Venice') {
    const cpu = `family 0x${family.toString(16)}, model 0x${model.toString(16)}`;
    throw new ParseError('SNP_PRODUCT_UNSUPPORTED', `${cpu}: ${name}`, place.offset, place.path);
  }
  return name;
}
