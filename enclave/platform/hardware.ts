/** Which confidential hardware a machine shows. An enclave runs on exactly the one that it was built for. */
import { existsSync } from 'node:fs';
import { fail } from '../../src/base/errors.ts';
import type { PlatformKind } from './index.ts';

const SIGNS: Readonly<Record<PlatformKind, readonly string[]>> = {
  nitro: ['/dev/nsm'],
  tdx: ['/dev/tdx_guest'],
  snp: ['/dev/sev-guest'],
};

const KINDS = Object.keys(SIGNS) as readonly PlatformKind[];

/** Throws PLATFORM_AMBIGUOUS unless the machine shows `wanted` and nothing else. */
export function requireOnlyPlatform(
  wanted: PlatformKind,
  exists: (path: string) => boolean = existsSync,
): void {
  const shown = KINDS.filter((kind) => SIGNS[kind].some(exists));
  if (shown.length !== 1 || shown[0] !== wanted) {
    fail(
      'PLATFORM_AMBIGUOUS',
      `built for ${wanted}; the machine shows ${shown.length === 0 ? 'none' : shown.join(' and ')}`,
    );
  }
}
