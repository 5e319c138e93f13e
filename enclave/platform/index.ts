/**
 * platform/: one file a kind of hardware, all behind `Platform`. Nothing above this folder knows which one runs.
 * It must never be chosen at run time by anything unmeasured: each platform has its own entry program.
 */
import type { Millis } from '../../src/base/clock.ts';

export type PlatformKind = 'nitro' | 'tdx' | 'snp';

/**
 * What a quote binds. Sizes as the platform's slots allow: Nitro takes 1,024 bytes each, we emit at most 512. TDX and
 * SEV-SNP have the first slot alone: there challenge and recipient must stand in the statement that is bound.
 */
export interface QuoteRequest {
  /** 64 bytes: `bind(domain, statement)`. */
  readonly binding: Uint8Array;
  /** The verifier's 32-byte challenge, or null when no one asked. */
  readonly challenge: Uint8Array | null;
  /** DER SubjectPublicKeyInfo of the key that a release backend encrypts to; null in every other document. */
  readonly recipient: Uint8Array | null;
}

export interface Quote {
  readonly evidence: Uint8Array;
  /** The hardware's signed time, where the evidence has one. */
  readonly time: Millis | null;
  /**
   * A collateral bundle as the host gave it, at most MAX_ENDORSEMENTS bytes; null where the evidence needs none. To the
   * enclave these are bytes to pass on: who judges the evidence judges them.
   */
  readonly endorsements: Uint8Array | null;
}

/** What the time of a boot starts from. */
export type TimeSource =
  /** Each quote has a signed time. */
  | { readonly signed: true; readonly source: string }
  /** Nobody signs one: the guest's own clock, which whoever runs the machine can set. */
  | { readonly signed: false; readonly source: string; readonly read: () => Promise<Millis> };

export interface Platform {
  readonly kind: PlatformKind;
  readonly simulated: boolean;
  readonly time: TimeSource;
  quote(request: QuoteRequest): Promise<Quote>;
  /** Entropy from the hardware, not from the host. */
  random(length: number): Promise<Uint8Array>;
  /**
   * Makes the hardware say which configuration this boot reads, by its SHA-256, before anything of it is read, so that
   * nothing later can change what it says. Throws when the hardware already says something else.
   */
  measureConfiguration(digest: Uint8Array): Promise<void>;
  /** What identifies this image, 48 bytes: what a configuration names as a predecessor. */
  image(): Promise<Uint8Array>;
}
