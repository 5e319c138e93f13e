/** Faults of simulated hardware, by name. Each makes evidence that a verifier must refuse, or must wait for. */
import type { Millis } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';

export interface Faults {
  /** Launched in debug mode: PCR0, PCR1 and PCR2 are zero. */
  readonly debug: boolean;
  /** The leaf certificate ended an hour ago. */
  readonly expiredLeaf: boolean;
  /** Signed below a root that no trust policy names. */
  readonly wrongRoot: boolean;
  /** Documents carry the nonce of an earlier request. */
  readonly replayedNonce: boolean;
  /** Each document takes this long; 0 for no delay. */
  readonly slowQuotesMs: Millis;
}

export const NO_FAULTS: Faults = Object.freeze({
  debug: false,
  expiredLeaf: false,
  wrongRoot: false,
  replayedNonce: false,
  slowQuotesMs: 0,
});

export const FAULT_NAMES: readonly string[] = [
  'debug',
  'expired-leaf',
  'wrong-root',
  'replayed-nonce',
  'slow-quotes[=MILLISECONDS]',
];

/** Public clouds answer about once a second, and stall for longer. */
const DEFAULT_SLOWNESS: Millis = 2_000;
const SLOW = /^slow-quotes(?:=(\d{1,6}))?$/;

/** Throws SIMULATOR_FAULT_UNKNOWN. */
export function parseFaults(names: readonly string[]): Faults {
  const faults = { ...NO_FAULTS } as { -readonly [K in keyof Faults]: Faults[K] };
  for (const name of names) {
    const slow = SLOW.exec(name);
    if (slow !== null) faults.slowQuotesMs = slow[1] === undefined ? DEFAULT_SLOWNESS : Number(slow[1]);
    else if (name === 'debug') faults.debug = true;
    else if (name === 'expired-leaf') faults.expiredLeaf = true;
    else if (name === 'wrong-root') faults.wrongRoot = true;
    else if (name === 'replayed-nonce') faults.replayedNonce = true;
    else fail('SIMULATOR_FAULT_UNKNOWN', `${JSON.stringify(name)}; known are ${FAULT_NAMES.join(', ')}`);
  }
  return Object.freeze(faults);
}
