/** The boots of a log: each attestation judged, and all of one service. */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import type { Attestation } from '../../src/statement/attestation.ts';
import { type LogAuthority, logKeyOf, requireSimulatedAgreement } from '../log-authority.ts';
import type { JudgeEvidence } from '../seal.ts';
import { type AuditReader, type BundleIndex, readEpoch } from './bundle.ts';

/** What the auditor's judge says about one boot. */
export interface JudgedEpoch {
  readonly service: LogAuthority & {
    readonly platform: string;
    readonly configDigest: Uint8Array;
    /** When the evidence ends, ms. */
    readonly validUntil: number;
  };
  /** False when only the evidence itself says when it was made: `TIME_UNANCHORED`. */
  readonly anchored: boolean;
  /** Judges evidence of the same boot's seals under the same trust policy. */
  readonly judgeSeal: JudgeEvidence;
}

/** Resolves when the attestation is authentic and acceptable; rejects with the code of what is not. */
export type JudgeEpoch = (attestation: Attestation) => Promise<JudgedEpoch>;

export interface AuditedEpoch extends JudgedEpoch {
  /** SHA-256 of the attestation file. */
  readonly fileDigest: Uint8Array;
}

export type Epochs = ReadonlyMap<number, AuditedEpoch>;

/** Judges every epoch that the index names. Throws what the judge rejects with, and EPOCH_*. */
export async function judgeEpochs(
  reader: AuditReader,
  index: BundleIndex,
  judge: JudgeEpoch,
  crypto: Crypto,
): Promise<Epochs> {
  const epochs = new Map<number, AuditedEpoch>();
  let first: AuditedEpoch | null = null;
  for (const number of index.epochs) {
    const { attestation, bytes } = await readEpoch(reader, number);
    const judged = await judge(attestation);
    if (judged.service.epoch !== number)
      fail('EPOCH_UNATTESTED', `epochs/${number} is the attestation of epoch ${judged.service.epoch}`);
    const epoch = { ...judged, fileDigest: crypto.sha256(bytes) };
    requireSimulatedAgreement(epoch.service);
    const logKey = logKeyOf(epoch.service, crypto);
    first ??= epoch;
    requireSameService(first.service, epoch.service, logKey);
    epochs.set(number, epoch);
  }
  return epochs;
}

function requireSameService(first: LogAuthority, later: LogAuthority, logKey: Uint8Array): void {
  const same = first.origin === later.origin && first.simulated === later.simulated;
  if (!same || first.logKey === null || !equalBytes(first.logKey, logKey))
    fail('EPOCH_KEY_CHANGED', `epoch ${later.epoch} is of another service than epoch ${first.epoch}`);
}

/** Throws `EPOCH_UNATTESTED`. */
export function epochOf(epochs: Epochs, number: number): AuditedEpoch {
  return epochs.get(number) ?? fail('EPOCH_UNATTESTED', `epoch ${number} has no attestation in the bundle`);
}
