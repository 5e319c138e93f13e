/**
 * The configurations of enclaves on simulated hardware: each names the roots of that hardware, which no code pins.
 * A build for real hardware contains nothing of this file.
 */
import { toHex } from '../../src/base/hex.ts';
import { type RootPin, simulatedRoot } from '../../verifier/roots.ts';
import type { ReadKin } from '../attest/kin.ts';
import { signedBy } from '../attest/signed-kin.ts';
import type { PlatformConfig } from '../config.ts';
import { bad, bytes, type Fields, list, object, type Read, type Reader, text } from '../config-fields.ts';
import type { PlatformKind } from './index.ts';

const MAX_ROOTS = 4;
const readRoots = list(object({ name: text(/^[ -~]{1,128}$/), spkiSha256: bytes(32) }), MAX_ROOTS);

const rootsOf =
  (platform: PlatformKind): Reader<readonly RootPin[]> =>
  (value, path) => {
    const named = readRoots(value, path);
    if (named.length === 0) bad(path, 'must name the root of the simulated hardware');
    return named.map(({ name, spkiSha256 }) => simulatedRoot(platform, name, toHex(spkiSha256)));
  };

/** `kin`: how evidence under these roots is read. */
export function simulatedConfig(
  platform: PlatformKind,
  kin: (roots: readonly RootPin[]) => ReadKin,
): PlatformConfig {
  return Object.freeze({
    name: `${platform}-simulated`,
    simulated: true,
    fields: { simulatedRoots: rootsOf(platform) },
    kin: (own: Read<Fields>) => kin(own['simulatedRoots'] as readonly RootPin[]),
  });
}

/** On simulated Nitro. Marked pure, so that the programs of other platforms hold nothing of it. */
export const SIMULATED_CONFIG: PlatformConfig = /* @__PURE__ */ simulatedConfig('nitro', signedBy);
