/**
 * The configuration of an enclave on simulated Nitro hardware: it names the roots of that hardware, which no code pins.
 * A Nitro build contains nothing of this file.
 */
import { toHex } from '../../src/base/hex.ts';
import { type RootPin, simulatedRoot } from '../../verifier/index.ts';
import { signedBy } from '../attest/signed-kin.ts';
import type { PlatformConfig } from '../config.ts';
import { bad, bytes, type Fields, list, object, type Read, type Reader, text } from '../config-fields.ts';

const MAX_ROOTS = 4;
const readRoots = list(object({ name: text(/^[ -~]{1,128}$/), spkiSha256: bytes(32) }), MAX_ROOTS);

const simulatedRoots: Reader<readonly RootPin[]> = (value, path) => {
  const named = readRoots(value, path);
  if (named.length === 0) bad(path, 'must name the root of the simulated hardware');
  return named.map(({ name, spkiSha256 }) => simulatedRoot('nitro', name, toHex(spkiSha256)));
};

export const SIMULATED_CONFIG: PlatformConfig = Object.freeze({
  name: 'nitro-simulated',
  simulated: true,
  fields: { simulatedRoots },
  kin: (own: Read<Fields>) => signedBy(own['simulatedRoots'] as readonly RootPin[]),
});
