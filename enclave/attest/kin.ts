/**
 * Kin: evidence of this image's own kind. The enclave believes a keyring's birth quote or an earlier epoch's
 * identity only if genuine hardware says that the same image, or a predecessor that the measured configuration
 * names, made it for exactly these bytes.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { AssayError, type Code, fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { NitroDocument } from '../../src/evidence/nitro.ts';
import { type Attestation, parseAttestation } from '../../src/statement/attestation.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import type { NamedThumbprint } from '../../src/statement/fields.ts';
import { Identity } from '../../src/statement/identity.ts';
import type { EnclaveConfig } from '../config.ts';

/** What evidence says of who made it. */
export interface KinEvidence {
  /** As `Platform.image()` gives it; null when the evidence does not say. */
  readonly image: Uint8Array | null;
  /** The bytes that it binds; null when none. */
  readonly binding: Uint8Array | null;
}

/**
 * Reads evidence if whoever signs on this platform has signed it, and a guest that its host can look into or change did
 * not make it; rejects otherwise. `endorsements`: what was kept beside it.
 */
export type ReadKin = (
  evidence: Uint8Array,
  endorsements: Uint8Array | null,
  crypto: Crypto,
) => Promise<KinEvidence>;

/** PCR0 is the whole image, and zero in debug mode. */
export const nitroKin = ({ pcrs, userData }: NitroDocument): KinEvidence => ({
  image: pcrs[0] ?? null,
  binding: userData,
});

/** Evidence, and the endorsements that were kept with it. */
export type EndorsedEvidence = Pick<Attestation, 'evidence' | 'endorsements'>;

export interface Kin {
  /** Resolves when the evidence is genuine, of kin, and binds exactly these 64 bytes; else rejects with `code`. */
  judge(made: EndorsedEvidence, binding: Uint8Array, code: Code): Promise<void>;
  /**
   * Reads an earlier epoch's attestation file and returns what it may speak for. It must have had the keyring that
   * is open now: under another one, the leaves that it signed belong to another log of the same name.
   */
  epoch(
    attestation: Uint8Array,
    keyring: readonly NamedThumbprint[],
  ): Promise<{ epoch: number; epochKey: Uint8Array; bootId: Uint8Array }>;
}

export interface KinParts {
  readonly crypto: Crypto;
  readonly config: EnclaveConfig;
  /** Of this image, as `Platform.image()` gives it. */
  readonly image: Uint8Array;
}

function sameKeyring(a: readonly NamedThumbprint[], b: readonly NamedThumbprint[]): boolean {
  return (
    a.length === b.length &&
    a.every((key, i) => key.name === b[i]?.name && equalBytes(key.thumbprint, b[i].thumbprint))
  );
}

export function createKin({ crypto, config, image: own }: KinParts): Kin {
  const accepted = [own, ...config.keyring.predecessors];

  function requireKin({ image }: KinEvidence, code: Code): void {
    if (image !== null && accepted.some((known) => equalBytes(known, image))) return;
    const shown = image === null ? 'nothing' : `${toHex(image).slice(0, 16)}…`;
    fail(code, `made by an image that measures ${shown}, which the configuration does not name`);
  }

  async function judge(made: EndorsedEvidence, binding: Uint8Array, code: Code): Promise<void> {
    try {
      const kin = await config.readKin(made.evidence, made.endorsements, crypto);
      requireKin(kin, code);
      if (kin.binding === null || !equalBytes(kin.binding, binding))
        fail(code, 'the evidence is over other bytes');
    } catch (error) {
      if (error instanceof AssayError && error.code === code) throw error;
      const why = error instanceof AssayError ? `${error.code}: ${error.message}` : 'unreadable';
      throw new AssayError(code, why, { cause: error });
    }
  }

  return {
    judge,
    async epoch(bytes, keyring) {
      try {
        const attestation = parseAttestation(bytes);
        const identity = Identity.decode(attestation.identity);
        const binding = bind(crypto, DOMAINS.identity, attestation.identity);
        await judge(attestation, binding, 'EPOCH_UNACCEPTABLE');
        if (identity.origin !== config.origin)
          fail('EPOCH_UNACCEPTABLE', `an epoch of ${identity.origin}, this is ${config.origin}`);
        if (!sameKeyring(identity.keyring, keyring))
          fail('EPOCH_UNACCEPTABLE', `epoch ${identity.epoch} had another keyring`);
        return { epoch: identity.epoch, epochKey: identity.epochKey, bootId: identity.bootId };
      } catch (error) {
        if (error instanceof AssayError && error.code === 'EPOCH_UNACCEPTABLE') throw error;
        throw new AssayError('EPOCH_UNACCEPTABLE', 'the attestation of an earlier epoch cannot be read', {
          cause: error,
        });
      }
    },
  };
}
