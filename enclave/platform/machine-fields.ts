/**
 * What the configuration says of the machine under an enclave image. The builder writes it into the ramdisk of init,
 * which holds the machine to it before the evaluator starts; here it is read again, because its digest is in PCR16.
 */
import { type Fields, integer, object, type Read, type Reader, text } from '../config-fields.ts';

export interface MachineSettings {
  /** What the kernel must keep time with. */
  readonly clockSource: string;
  /** Context id of the parent on the vsock. */
  readonly parentCid: number;
  readonly memoryMib: number;
}

/** Less than this, and the kernel could not even unpack the image. */
const LEAST_MEMORY_MIB = 256;

export const machineSettings = (
  clockSource: RegExp,
  parentCid: { readonly min: number; readonly max: number },
): Reader<MachineSettings> =>
  object({
    clockSource: text(clockSource),
    parentCid: integer(parentCid.min, parentCid.max),
    memoryMib: integer(LEAST_MEMORY_MIB, 1_048_576),
  });

export const machineOf = (own: Read<Fields>): MachineSettings => own['machine'] as MachineSettings;
