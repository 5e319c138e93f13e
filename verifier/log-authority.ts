/** Whose log it is: what a judged service says about its keys, and the checks that tie the log to it. */
import { equalBytes } from '../src/base/bytes.ts';
import type { Crypto } from '../src/base/crypto.ts';
import { fail } from '../src/base/errors.ts';
import { thumbprint } from '../src/statement/thumbprint.ts';

/** What a judged service says about its log; `VerifiedService` has all of it. */
export interface LogAuthority {
  readonly origin: string;
  readonly simulated: boolean;
  /** `unanchored`: nothing vouches for the times that it states. */
  readonly clock?: 'hardware' | 'unanchored';
  readonly epoch: number;
  readonly bootId: Uint8Array;
  /** Raw Ed25519. */
  readonly epochKey: Uint8Array;
  /** Raw Ed25519, or null when the attestation came without it. */
  readonly logKey: Uint8Array | null;
  readonly keyring: readonly { readonly name: string; readonly thumbprint: Uint8Array }[];
}

/** Name of the log key in a keyring. */
export const LOG_KEY_NAME = 'log';

/** The attested log key: the raw key counts only if the attested keyring names its thumbprint. */
export function logKeyOf(service: LogAuthority, crypto: Crypto): Uint8Array {
  const named = service.keyring.find(({ name }) => name === LOG_KEY_NAME);
  if (service.logKey === null || named === undefined)
    return fail('LOG_KEY_MISMATCH', 'the attestation came without the log key or its keyring names none');
  if (!equalBytes(thumbprint(crypto, service.logKey), named.thumbprint))
    fail('LOG_KEY_MISMATCH', 'the log key is not the one whose thumbprint the keyring names');
  return service.logKey;
}

/** A service on simulated hardware has an origin of its own kind, so that neither passes for the other. */
export function requireSimulatedAgreement(service: Pick<LogAuthority, 'origin' | 'simulated'>): void {
  if (service.origin.startsWith('sim.') !== service.simulated)
    fail('SIMULATED_MISMATCH', `${service.origin} is ${service.simulated ? '' : 'not '}simulated`);
}
