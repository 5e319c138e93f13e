/** The auditor's judge: attestations and seals under one trust policy, whatever the platform. */
import type { Millis } from '../../src/base/clock.ts';
import { equalBytes } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import type { ReceiptFile } from '../../src/log/index.ts';
import type { Collateral } from '../../src/collateral/index.ts';
import { hearEvidence } from '../appraise.ts';
import { withEndorsements } from '../endorsements.ts';
import { ProofCache } from '../proof-cache.ts';
import type { JudgeEvidence } from '../seal.ts';
import { judgeAttestation } from '../service.ts';
import { type TrustPolicy, trustPolicyDigest } from '../trust-policy.ts';
import type { CheckLog } from '../verdict.ts';
import { auditLog } from './audit.ts';
import type { AuditReader } from './bundle.ts';
import type { JudgeEpoch } from './epochs.ts';
import type { AuditReport } from './report.ts';

export interface AuditExpectations {
  readonly trust: TrustPolicy;
  readonly crypto: Crypto;
  readonly now: Millis;
  readonly receipts?: readonly ReceiptFile[];
  /** Certificates, revocation lists and signed statements of vendors, beside those that each attestation brings. */
  readonly collateral?: Collateral;
  readonly onProgress?: (done: number, size: number) => void;
}

/** Judges a bundle under the auditor's trust policy; see `auditLog`. */
export function auditBundle(reader: AuditReader, expectations: AuditExpectations): Promise<AuditReport> {
  const { trust, crypto, receipts, onProgress } = expectations;
  return auditLog(reader, {
    judgeEpoch: auditJudge(expectations),
    crypto,
    receipts: receipts ?? [],
    trustSha256: trustPolicyDigest(trust, crypto),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}

type Judged = Pick<AuditExpectations, 'trust' | 'crypto' | 'now' | 'collateral'>;

/**
 * A judge of epochs. Evidence that has expired since is judged at its own time, and then anchors nothing. A boot's
 * seals are judged with the endorsements of its attestation.
 */
export function auditJudge({ trust, crypto, now, collateral: given }: Judged): JudgeEpoch {
  const cache = new ProofCache();
  return async (attestation) => {
    const collateral = withEndorsements(attestation.endorsements, given);
    const judge = (at: Millis | 'evidence') =>
      judgeAttestation(attestation, {
        mode: 'archive',
        now: at,
        trust,
        crypto,
        cache,
        ...(given === undefined ? {} : { collateral: given }),
        challenge: null,
        session: null,
      });
    const present = await judge(now);
    const expired = present.failure?.code === 'CHAIN_EXPIRED';
    const { service, failure, verdict } = expired ? await judge('evidence') : present;
    if (service === null)
      throw (
        failure ?? new AssayError('EVIDENCE_UNVERIFIED', `not performed: ${verdict.unverified.join(', ')}`)
      );
    return {
      service,
      anchored: !expired,
      judgeSeal: judgeSealEvidence(
        attestation.platform,
        { trust, crypto, collateral, now: expired ? 'evidence' : now },
        cache,
      ),
    };
  };
}

/** As strict as for an attestation: a check that was not performed accepts nothing. */
function requireAccepted(log: CheckLog): void {
  const { failure, unverified } = log;
  if (log.onlyTimeOpen) return;
  if (failure !== null && failure.code !== 'TIME_UNANCHORED') throw failure;
  if (unverified.length > 0) fail('EVIDENCE_UNVERIFIED', `not performed: ${unverified.join(', ')}`);
}

function judgeSealEvidence(
  platform: string,
  {
    trust,
    crypto,
    now,
    collateral,
  }: Pick<Judged, 'trust' | 'crypto'> & {
    readonly now: Millis | 'evidence';
    readonly collateral: Collateral;
  },
  cache: ProofCache,
): JudgeEvidence {
  return async (bytes, binding) => {
    const { log, evidence } = await hearEvidence(
      bytes,
      platform,
      { mode: 'archive', now, trust, crypto, cache, collateral },
      [],
    );
    requireAccepted(log);
    if (
      evidence?.binding === undefined ||
      evidence.binding === null ||
      !equalBytes(evidence.binding, binding)
    )
      fail('STATEMENT_NOT_BOUND', 'the evidence does not bind this seal');
  };
}
