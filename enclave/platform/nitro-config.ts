/**
 * The configuration of an enclave on AWS Nitro. Its roots are pinned in the code, and of the machine it may say only
 * what is true of every Nitro Enclave: the clock of its hypervisor, and a parent at context id 3.
 */
import { NITRO_ROOTS } from '../../verifier/nitro/index.ts';
import { signedBy } from '../attest/signed-kin.ts';
import type { PlatformConfig } from '../config.ts';
import { machineSettings } from './machine-fields.ts';

export const NITRO_CONFIG: PlatformConfig = Object.freeze({
  name: 'nitro',
  simulated: false,
  fields: { machine: machineSettings(/^kvm-clock$/, { min: 3, max: 3 }) },
  kin: () => signedBy(NITRO_ROOTS),
});
