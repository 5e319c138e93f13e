/** The table of platforms, and how evidence of each is recognised. */
import { fail } from '../src/base/errors.ts';
import { isIntelQuote, quoteTee } from '../src/evidence/intel/index.ts';
import { isSnpReport } from '../src/evidence/snp/index.ts';
import { sgxJudge, tdxJudge } from './intel/judge.ts';
import { nitroJudge } from './nitro/judge.ts';
import type { PlatformJudge, PlatformTable } from './platform.ts';
import { snpJudge } from './snp/judge.ts';

export const PLATFORMS: PlatformTable = new Map([
  ['nitro', nitroJudge],
  ['tdx', tdxJudge],
  ['sgx', sgxJudge],
  ['snp', snpJudge],
]);

/** Names for --platform. */
export const PLATFORM_NAMES: readonly string[] = Object.freeze([...PLATFORMS.keys()]);

/** PLATFORM_UNKNOWN when there is none of that name. */
export function platformJudge(name: string, platforms: PlatformTable = PLATFORMS): PlatformJudge {
  return (
    platforms.get(name) ??
    fail(
      'PLATFORM_UNKNOWN',
      `no platform ${JSON.stringify(name.slice(0, 64))}; known: ${PLATFORM_NAMES.join(', ')}`,
    )
  );
}

/** Whether evidence of this platform, recognised when null, has a signed time; true of what nobody recognises. */
export function hasOwnTime(bytes: Uint8Array, platform: string | null): boolean {
  try {
    return platformJudge(platform ?? detectPlatform(bytes)).timed;
  } catch {
    return true;
  }
}

/** Recognises a platform by how its evidence begins; PLATFORM_UNKNOWN otherwise. */
export function detectPlatform(bytes: Uint8Array): string {
  if (isSnpReport(bytes)) return 'snp';
  if (isIntelQuote(bytes)) return quoteTee(bytes);
  // A COSE_Sign1, with or without its tag: an array of four, or any array or tag that the reader will explain.
  const major = bytes[0] === undefined ? -1 : bytes[0] >> 5;
  return major === 4 || major === 6
    ? 'nitro'
    : fail('PLATFORM_UNKNOWN', 'evidence: begins like that of no known platform');
}
