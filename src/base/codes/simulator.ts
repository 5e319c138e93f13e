/** Codes of the simulated hardware. */
export const SIMULATOR_CODES = {
  SIMULATOR_ON_HARDWARE: {
    kind: 'refused',
    meaning: 'The simulator does not run beside real confidential hardware',
    remedy: 'Run the image for this hardware, or the simulator on an ordinary machine',
  },
  SIMULATOR_FAULT_UNKNOWN: {
    kind: 'malformed',
    meaning: 'There is no simulated fault of that name',
    remedy: 'Use one of the names in the message; each simulated platform has its own',
  },
  SIMULATOR_STATE_INVALID: {
    kind: 'malformed',
    meaning: 'A file in the state folder of the simulator is not what the simulator wrote there',
    remedy: 'Restore the state folder, or delete it and make new simulated hardware',
  },
  KEY_POLICY_INVALID: {
    kind: 'malformed',
    meaning: 'A key policy uses something else than Allow statements on attested measurements',
    remedy: 'Use StringEqualsIgnoreCase conditions on RecipientAttestation keys',
  },
  VM_START_FAILED: {
    kind: 'refused',
    meaning: 'The simulated machine did not start',
    remedy: 'See the message; check the VM folder and the program image',
  },
} as const;
