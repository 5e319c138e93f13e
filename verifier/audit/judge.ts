/** The auditor's judge: attestations and seals under one trust policy, whatever the platform. */
import type { Millis } from '../../src/base/clock.ts';
import { equalBytes } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import type { ReceiptFile } from '../../src/log/index.ts';
import { hearEvidence } from '../appraise.ts';
import { ChainCache } from '../chain.ts';
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

type Judged = Pick<AuditExpectations, 'trust' | 'crypto' | 'now'>;

/** A judge of epochs. Evidence that has expired since is judged at its own time, and then anchors nothing. */
export function auditJudge({ trust, crypto, now }: Judged): JudgeEpoch {
  const cache = new ChainCache();
  return async (attestation) => {
    const judge = (at: Millis | 'evidence') =>
      judgeAttestation(attestation, {
        mode: 'archive',
        now: at,
        trust,
        crypto,
        cache,
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
        { trust, crypto, now: expired ? 'evidence' : now },
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
  { trust, crypto, now }: Omit<Judged, 'now'> & { readonly now: Millis | 'evidence' },
  cache: ChainCache,
): JudgeEvidence {
  return async (bytes, binding) => {
    const { log, evidence } = await hearEvidence(
      bytes,
      platform,
      { mode: 'archive', now, trust, crypto, cache },
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
