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
import { parseAttestation } from '../../src/statement/attestation.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import type { NamedThumbprint } from '../../src/statement/fields.ts';
import { Identity } from '../../src/statement/identity.ts';
import type { EnclaveConfig } from '../config.ts';

/** The document, if whoever signs on this platform has signed it; rejects otherwise. */
export type ReadKin = (evidence: Uint8Array, crypto: Crypto) => Promise<NitroDocument>;

export interface Kin {
  /** Resolves when the evidence is genuine, of kin, and binds exactly these 64 bytes; else rejects with `code`. */
  judge(evidence: Uint8Array, binding: Uint8Array, code: Code): Promise<void>;
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
  readonly measurements: ReadonlyMap<number, Uint8Array>;
}

function sameKeyring(a: readonly NamedThumbprint[], b: readonly NamedThumbprint[]): boolean {
  return (
    a.length === b.length &&
    a.every((key, i) => key.name === b[i]?.name && equalBytes(key.thumbprint, b[i].thumbprint))
  );
}

export function createKin({ crypto, config, measurements }: KinParts): Kin {
  const own = measurements.get(0) as Uint8Array;
  const accepted = [own, ...config.keyring.predecessors];

  function requireKin(document: NitroDocument, code: Code): void {
    const pcr0 = document.pcrs[0];
    if (pcr0 === undefined || !accepted.some((known) => equalBytes(known, pcr0))) {
      fail(
        code,
        `made by an image with PCR0 ${pcr0 === undefined ? 'absent' : toHex(pcr0).slice(0, 16)}…, which the configuration does not name`,
      );
    }
  }

  async function judge(evidence: Uint8Array, binding: Uint8Array, code: Code): Promise<void> {
    try {
      const document = await config.readKin(evidence, crypto);
      requireKin(document, code);
      if (document.userData === null || !equalBytes(document.userData, binding))
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
        await judge(
          attestation.evidence,
          bind(crypto, DOMAINS.identity, attestation.identity),
          'EPOCH_UNACCEPTABLE',
        );
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
