/**
 * The PCR rule of Nitro Enclaves (aws-nitro-enclaves-image-format README.md, "PCR"; AWS Nitro Enclaves User
 * Guide, "Where to get an enclave's measurements"). A register starts as 48 zero bytes and is extended once:
 * SHA-384(register ‖ data). For image contents the data is itself a SHA-384.
 *
 * Section boundaries are not measured: bytes moved from the first ramdisk to the end of the command line leave
 * all three registers unchanged. Who must know the layout has to fix it otherwise.
 */
import { utf8 } from '../base/bytes.ts';
import type { Hashing } from '../base/crypto.ts';

export const PCR_SIZE = 48;

/** The three registers that identify an image, 48 bytes each. */
export interface ImageMeasurements {
  /** Kernel, command line and all ramdisks. */
  readonly pcr0: Uint8Array;
  /** Kernel, command line and the first ramdisk. */
  readonly pcr1: Uint8Array;
  /** The ramdisks after the first; a constant when there is only one, and then it proves nothing. */
  readonly pcr2: Uint8Array;
}

/** What is measured of an image; an EifImage has this shape. */
export interface MeasuredSections {
  readonly kernel: Uint8Array;
  readonly cmdline: Uint8Array;
  readonly ramdisks: readonly Uint8Array[];
}

/** NSM ExtendPCR: data of any length. */
export function extendPcr(hashing: Hashing, register: Uint8Array, data: Uint8Array): Uint8Array {
  return hashing.sha384(register, data);
}

/** One register over the contents of sections. */
function measure(hashing: Hashing, ...contents: readonly Uint8Array[]): Uint8Array {
  return extendPcr(hashing, new Uint8Array(PCR_SIZE), hashing.sha384(...contents));
}

export function measureImage(hashing: Hashing, sections: MeasuredSections): ImageMeasurements {
  const { kernel, cmdline, ramdisks } = sections;
  const [first = new Uint8Array(0), ...rest] = ramdisks;
  return {
    pcr0: measure(hashing, kernel, cmdline, ...ramdisks),
    pcr1: measure(hashing, kernel, cmdline, first),
    pcr2: measure(hashing, ...rest),
  };
}

/** PCR3 of an IAM role ARN and PCR4 of an instance id: the ASCII text itself is extended. */
export function measureText(hashing: Hashing, text: string): Uint8Array {
  return extendPcr(hashing, new Uint8Array(PCR_SIZE), utf8(text));
}

/** PCR8 of the certificate (DER) that signed the image. */
export function measureSigner(hashing: Hashing, certificate: Uint8Array): Uint8Array {
  return measure(hashing, certificate);
}
