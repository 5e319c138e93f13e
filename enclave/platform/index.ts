/**
 * platform/: one file a kind of hardware, all behind `Platform`. Nothing above this folder knows which one runs.
 * It must never be chosen at run time by anything unmeasured: each platform has its own entry program.
 */
import type { Millis } from '../../src/base/clock.ts';

/** What a quote binds. Sizes as the platform's slots allow: Nitro takes 1,024 bytes each, we emit at most 512. */
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
}

export interface Platform {
  readonly kind: 'nitro';
  readonly simulated: boolean;
  quote(request: QuoteRequest): Promise<Quote>;
  /** Entropy from the hardware, not from the host. */
  random(length: number): Promise<Uint8Array>;
  /** Extends a free register with a digest and locks it, so that nothing later can change what it says. */
  extendAndLock(register: number, digest: Uint8Array): Promise<void>;
  /** Locks every register, so that no later document says anything else than the first; PCRS_NOT_LOCKED. */
  lockAll(): Promise<void>;
  /** The registers that identify this image, by index. */
  measurements(): Promise<ReadonlyMap<number, Uint8Array>>;
}
