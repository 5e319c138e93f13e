/**
 * The configuration of an enclave on an emulated Nitro machine, whose module signs nothing: a Nitro build contains
 * nothing of this file.
 */
import { parseEmulatedNitro } from '../../src/evidence/nitro.ts';
import { nitroKin, type ReadKin } from '../attest/kin.ts';
import type { PlatformConfig } from '../config.ts';
import { type Fields, integer, type Read } from '../config-fields.ts';
import { machineSettings } from './machine-fields.ts';

export const EMULATED_CONFIG: PlatformConfig = Object.freeze({
  name: 'nitro-emulated',
  simulated: true,
  fields: {
    machine: machineSettings(/^[a-z][a-z0-9-]{0,30}$/, { min: 2, max: 3 }),
    kmsPort: integer(1, 65_535),
  },
  // Who emulates the hardware can write any evidence; that the rest of the path works is all that this shows.
  kin: (): ReadKin => async (evidence) => nitroKin(parseEmulatedNitro(evidence)),
});

/** Where the parent's stand-in for the key service listens. */
export const kmsPortOf = (own: Read<Fields>): number => own['kmsPort'] as number;
