/**
 * What people ask of a report that is not acceptable, or barely is: which versions fall short and by how much, and what
 * is known of the hardware.
 */
import type { JsonObject } from '../../src/codec/json.ts';
import type { SnpProduct } from '../../src/evidence/snp/index.ts';
import { type Shortfall, shortfalls, type SnpLevels } from './tcb.ts';
import type { SnpMinimum, SnpTrust } from './trust.ts';
import type { SnpClaims } from './verify.ts';

/** A weakness of the hardware that no field of a report shows. */
export interface SnpWeakness {
  readonly id: string;
  readonly meaning: string;
}

const MILAN_SEED: SnpWeakness = Object.freeze({
  id: 'arXiv:2605.12990',
  meaning:
    'software can extract the root seed of the VCEKs of a Milan, so reports of an affected chip can be forged at any versions',
});

/** The seed is that of VCEKs; a VLEK has another. */
export function weaknessesOf({ product, report }: SnpClaims): readonly SnpWeakness[] {
  return product === 'Milan' && report.signer === 'vcek' ? [MILAN_SEED] : [];
}

/** "microcode 84, at least 219: 135 short", one after the other. */
export function describeShortfalls(found: readonly Shortfall[]): string {
  return found
    .map(({ part, has, needs }) =>
      has < 0 ? `no ${part}, at least ${needs}` : `${part} ${has}, at least ${needs}: ${needs - has} short`,
    )
    .join('; ');
}

/** The minimum for this product; null when versions are waived, undefined when the product is not listed. */
export function minimumFor(
  minimum: SnpTrust['tcb']['minimum'],
  product: SnpProduct,
): SnpMinimum | null | undefined {
  return minimum === 'any' ? null : minimum[product];
}

/** REPORTED decides the key and so binds; LAUNCH says what the guest was started on. */
export const JUDGED_LEVELS: readonly (keyof SnpLevels)[] = Object.freeze(['reported', 'launch']);

/** For a verdict: every part of every judged TCB that is below the trust policy's minimum. */
export function explainTcb({ levels, product }: SnpClaims, trust: SnpTrust): readonly JsonObject[] {
  const minimum = minimumFor(trust.tcb.minimum, product);
  if (minimum === null || minimum === undefined) return [];
  return JUDGED_LEVELS.flatMap((tcb) =>
    shortfalls(levels[tcb], minimum).map(({ part, has, needs }) => ({ tcb, part, has, needs })),
  );
}
