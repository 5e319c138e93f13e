/** Collateral with the certificates of everyone who signed some of it, as files. */
import { toHex } from '../../src/base/hex.ts';
import type { CollateralFile } from '../../src/collateral/index.ts';
import { parseQuote } from '../../src/evidence/intel/index.ts';
import type { AmdFault } from '../../host/simulator/amd/index.ts';
import { type RootPin, simulatedRoot } from '../../verifier/roots.ts';
import { corpusBytes } from './corpus.ts';
import { simulatedAmd } from './simulated-amd.ts';
import { enclaveQuote, simulatedIntel, tdQuote } from './simulated-intel.ts';

interface Set {
  readonly files: readonly CollateralFile[];
  readonly pin: RootPin;
}

export async function simulatedCollateral(
  platform: 'tdx' | 'sgx' | 'snp',
  faults: readonly string[] = [],
): Promise<Set> {
  if (platform === 'snp') {
    const { vendor } = await simulatedAmd(faults as readonly AmdFault[]);
    return { files: filesOf(vendor.collateral('vcek')), pin: pinOf('snp', vendor) };
  }
  const vendor = await simulatedIntel(faults);
  const quote = platform === 'tdx' ? tdQuote(vendor) : enclaveQuote(vendor);
  return {
    files: [...filesOf(vendor.collateral(platform)), ...certificatesOf(quote)],
    pin: pinOf(platform, vendor),
  };
}

/** The PCK and those above it. */
export const certificatesInQuote = (path: string): readonly CollateralFile[] =>
  certificatesOf(corpusBytes('tdx', path));

function certificatesOf(quote: Uint8Array): readonly CollateralFile[] {
  const { certification } = parseQuote(quote);
  if (certification.kind !== 'chain') throw new Error('the quote has no chain');
  return certification.certificates.map((bytes, i) => ({ name: `certificate ${i}`, bytes }));
}

const filesOf = (files: ReadonlyMap<string, Uint8Array>): readonly CollateralFile[] =>
  [...files].map(([name, bytes]) => ({ name, bytes }));

const pinOf = (
  platform: string,
  vendor: { readonly rootName: string; readonly rootSpkiSha256: Uint8Array },
): RootPin => simulatedRoot(platform, vendor.rootName, toHex(vendor.rootSpkiSha256));
