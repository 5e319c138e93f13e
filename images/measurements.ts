/**
 * measurements.json: what an image measures to, in the JSON that `nitro-cli build-enclave` prints, so that
 * existing tools read it, with our own facts beside it.
 */
import type { Hashing } from '../src/base/crypto.ts';
import { fail } from '../src/base/errors.ts';
import { toHex } from '../src/base/hex.ts';
import type { ImageMeasurements } from '../src/image/pcr.ts';
import type { ImageWarning } from '../src/image/warnings.ts';
import { measureProgram, PROGRAM_CONFIG, type Program, readProgram } from './program.ts';

export interface ProgramMeasurements extends ImageMeasurements {
  /** SHA-256 of the measured configuration, 32 bytes. */
  readonly configDigest: Uint8Array;
}

/** Measures a program image with the Node binary that it names. */
export function measure(hashing: Hashing, image: Uint8Array, node: Uint8Array): ProgramMeasurements {
  const program = readProgram(image);
  return { ...measureProgram(hashing, program, node), configDigest: configDigest(hashing, program) };
}

export function configDigest(hashing: Hashing, program: Program): Uint8Array {
  const config = program.files.find(({ path }) => path === PROGRAM_CONFIG);
  return config === undefined ? fail('PROGRAM_INVALID', `no ${PROGRAM_CONFIG}`) : hashing.sha256(config.data);
}

/** A register that is not there, and facts and warnings when there are none, are left out. */
export function formatMeasurements(
  measured: ImageMeasurements & { readonly pcr8?: Uint8Array | null },
  facts: { readonly [name: string]: string | boolean },
  warnings: readonly ImageWarning[] = [],
): string {
  const { pcr0, pcr1, pcr2, pcr8 = null } = measured;
  const body = {
    Measurements: {
      HashAlgorithm: 'Sha384 { ... }',
      PCR0: toHex(pcr0),
      PCR1: toHex(pcr1),
      PCR2: toHex(pcr2),
      ...(pcr8 === null ? {} : { PCR8: toHex(pcr8) }),
    },
    ...(Object.keys(facts).length === 0 ? {} : { Assay: facts }),
    ...(warnings.length === 0
      ? {}
      : { Warnings: warnings.map(({ code, message }) => ({ Code: code, Message: message })) }),
  };
  return `${JSON.stringify(body, null, 2)}\n`;
}
