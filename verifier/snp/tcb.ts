/**
 * Versions of a platform, part by part: TCB_VERSION (AMD 56860) has no order as one number. What "at least" means is
 * said here once, for comparisons and for what people read of them.
 */
import {
  readTcb,
  type SnpProduct,
  type SnpReport,
  type SnpTcb,
  type SnpTcbs,
} from '../../src/evidence/snp/index.ts';

export type SnpPart = keyof SnpTcb;

/** In the order of the key service. `fmc` is Turin's alone. */
export const SNP_PARTS: readonly SnpPart[] = Object.freeze(['fmc', 'bootloader', 'tee', 'snp', 'microcode']);

/** The four TCB_VERSIONs of a report, taken apart. */
export type SnpLevels = Readonly<Record<keyof SnpTcbs, SnpTcb>>;

export interface Shortfall {
  readonly part: SnpPart;
  readonly has: number;
  readonly needs: number;
}

/** Offsets of the four in a report, for errors. */
const OFFSETS: Readonly<Record<keyof SnpTcbs, number>> = {
  current: 0x038,
  reported: 0x180,
  committed: 0x1e0,
  launch: 0x1f0,
};

/** Throws ParseError SNP_FIELD_INVALID for a byte that is reserved on this product. */
export function readLevels({ tcbs }: SnpReport, product: SnpProduct): SnpLevels {
  const read = (which: keyof SnpTcbs): SnpTcb =>
    readTcb(tcbs[which], product, { path: `report.${which}Tcb`, offset: OFFSETS[which] });
  return Object.freeze({
    current: read('current'),
    reported: read('reported'),
    committed: read('committed'),
    launch: read('launch'),
  });
}

/** The parts of `has` that are below `needs`. A part that has no version falls short of every version. */
export function shortfalls(has: SnpTcb, needs: Readonly<Partial<SnpTcb>>): readonly Shortfall[] {
  return SNP_PARTS.flatMap((part) => {
    const [own, least] = [has[part] ?? -1, needs[part] ?? -1];
    return own < least ? [{ part, has: own, needs: least }] : [];
  });
}

/** The parts in which two differ, `needs` being the second. */
export function differences(one: SnpTcb, other: SnpTcb): readonly Shortfall[] {
  return SNP_PARTS.flatMap((part) =>
    one[part] === other[part] ? [] : [{ part, has: one[part] ?? -1, needs: other[part] ?? -1 }],
  );
}

/** As the query of the key service has them (AMD 57230): decimal, two digits at least, Turin's FMC first. */
export function tcbQuery(tcb: SnpTcb): string {
  const names = { fmc: 'fmcSPL', bootloader: 'blSPL', tee: 'teeSPL', snp: 'snpSPL', microcode: 'ucodeSPL' };
  return SNP_PARTS.flatMap((part) => {
    const level = tcb[part];
    return level === null ? [] : [`${names[part]}=${String(level).padStart(2, '0')}`];
  }).join('&');
}
