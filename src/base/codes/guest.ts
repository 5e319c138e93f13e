/** Codes of the first minutes inside an enclave image: init says them on the console, and the machine goes down. */
export const GUEST_CODES = {
  INIT_CONFIG_INVALID: {
    kind: 'malformed',
    meaning: 'The settings of init in the first ramdisk cannot be read',
    remedy: 'Build the image again; the file is measured, so nobody else has changed it',
  },
  INIT_SYSTEM: {
    kind: 'refused',
    meaning:
      'The kernel refused something that init needs: a mount, the loopback device, a limit, the filter',
    remedy: 'Build the image with the kernel configuration of this version',
  },
  CMDLINE_CHANGED: {
    kind: 'refused',
    meaning: 'The kernel was started with another command line than the image has',
    remedy:
      'Start the image as it is; only the places of virtio devices may follow the measured command line',
  },
  MEMORY_TOO_SMALL: {
    kind: 'refused',
    meaning: 'The machine has less memory than the measured configuration demands',
    remedy: 'Give the enclave at least four times the size of its image, and no less than the message says',
  },
  CLOCK_SOURCE_WRONG: {
    kind: 'refused',
    meaning: 'The kernel keeps time with another clock than the measured configuration names',
    remedy: 'Run the image on AWS Nitro, where the clock is kvm-clock, or build one for this machine',
  },
  HEARTBEAT_MISSING: {
    kind: 'refused',
    meaning: 'The parent did not answer on the vsock, port 9000, as nitro-cli does',
    remedy: 'Start the enclave with nitro-cli run-enclave or assay run',
  },
  PCRS_NOT_LOCKED: {
    kind: 'refused',
    meaning: 'The module did not lock every register, so what it attests could still change',
    remedy: 'Run the image on genuine hardware; a module that refuses this is none',
  },
  ENTROPY_MISSING: {
    kind: 'refused',
    meaning: 'The hardware gives no random numbers, and keys made without them could be guessed',
    remedy: 'Run the image on genuine hardware',
  },
  EVALUATOR_ENDED: {
    kind: 'refused',
    meaning: 'The evaluator has ended, and the machine with it',
    remedy: 'See the lines before on the console; an enclave never continues half',
  },
} as const;
