/**
 * AMD's Key Distribution Service (AMD 57230): certificates of report keys by chip and versions, the two above them, and
 * the revocation list of the root. A VLEK is handed to its cloud provider alone and comes with the evidence.
 */
import { toHex } from '../../src/base/hex.ts';
import { equalBytes } from '../../src/base/bytes.ts';
import { type CollateralItem } from '../../src/collateral/index.ts';
import { isSnpEndorsement, readSnpEndorsement, type SnpTcb } from '../../src/evidence/snp/index.ts';
import type { AmdNeed, ChipKey } from './needs.ts';
import { DAY_MS, only, otherIssuer, type Resource } from './resource.ts';

export const AMD_KDS = 'https://kdsintf.amd.com';
/** Between requests for certificates of chips; AMD answers 429 to more. */
export const AMD_DISTANCE_MS = 10_000;

/** The authority between root and report key. */
const AUTHORITIES = { vcek: 'SEV-', vlek: 'SEV-VLEK-' } as const;

/** `kds`: base address, null for AMD's own. */
export function amdResources(need: AmdNeed, kds: string | null): readonly Resource[] {
  const { product, key, chip } = need;
  const base = (kds ?? AMD_KDS).replace(/\/$/, '');
  const at = (path: string): string => `${base}/${key}/v1/${product}/${path}`;
  const common = { chainHeaders: [], channel: 'standard', optional: false, paced: false } as const;
  return [
    {
      ...common,
      name: `${key.toUpperCase()} authorities`,
      url: at('cert_chain'),
      maxAgeMs: 7 * DAY_MS,
      mismatch: (items) => otherAuthorities(items, [`${AUTHORITIES[key]}${product}`, `ARK-${product}`]),
    },
    {
      ...common,
      name: `${key.toUpperCase()} CRL`,
      url: at('crl'),
      maxAgeMs: DAY_MS,
      mismatch: (items) => otherIssuer(items, `ARK-${product}`),
    },
    ...(chip === null
      ? []
      : [
          {
            ...common,
            name: 'VCEK',
            url: at(`${toHex(chip.hwid)}?${levels(chip.tcb)}`),
            // A chip has one key for each set of versions, and its certificate does not change.
            maxAgeMs: null,
            paced: true,
            mismatch: (items: readonly CollateralItem[]) => otherChip(items, need, chip),
          },
        ]),
  ];
}

/** Decimal with at least two digits; Turin's FMC comes first. */
function levels({ fmc, bootloader, tee, snp, microcode }: SnpTcb): string {
  const parts = [
    ...(fmc === null ? [] : [['fmcSPL', fmc] as const]),
    ['blSPL', bootloader],
    ['teeSPL', tee],
    ['snpSPL', snp],
    ['ucodeSPL', microcode],
  ] as const;
  return parts.map(([name, level]) => `${name}=${String(level).padStart(2, '0')}`).join('&');
}

function otherAuthorities(items: readonly CollateralItem[], names: readonly string[]): string | null {
  const found = items.map((item) =>
    item.kind === 'certificate' ? item.certificate.subject.commonName : null,
  );
  const same = found.length === names.length && names.every((name) => found.includes(name));
  return same
    ? null
    : `it holds ${found.map((name) => name ?? NAMELESS).join(' and ')}, not ${names.join(' and ')}`;
}

const NAMELESS = 'something without a name';

function otherChip(items: readonly CollateralItem[], { product }: AmdNeed, chip: ChipKey): string | null {
  const certificate = only(items, 'certificate')?.certificate;
  if (certificate === undefined || !isSnpEndorsement(certificate))
    return 'it is no certificate of a report key';
  const said = readSnpEndorsement(certificate);
  const same =
    said.kind === 'vcek' &&
    said.product === product &&
    said.hwid !== null &&
    equalBytes(said.hwid, chip.hwid) &&
    levels(said.tcb) === levels(chip.tcb);
  return same ? null : `it is of ${said.productName} at ${levels(said.tcb)}, or of another chip`;
}
