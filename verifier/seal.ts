/**
 * Judges one seal: the statement is this service's, and hardware evidence binds it. Which hardware is somebody
 * else's question: the judge of evidence is an argument, so that no platform is named here.
 */
import { equalBytes } from '../src/base/bytes.ts';
import type { Crypto } from '../src/base/crypto.ts';
import { fail } from '../src/base/errors.ts';
import type { SealFile } from '../src/log/files.ts';
import { bind, DOMAINS } from '../src/statement/bind.ts';
import { Seal } from '../src/statement/seal.ts';
import { thumbprint } from '../src/statement/thumbprint.ts';
import { type LogAuthority, logKeyOf } from './log-authority.ts';

/**
 * Resolves when the evidence is genuine, acceptable under the same trust policy as the service's, and binds
 * exactly these 64 bytes; rejects otherwise.
 */
export type JudgeEvidence = (evidence: Uint8Array, binding: Uint8Array) => Promise<void>;

declare const verified: unique symbol;

/** Only `verifySeal` makes one. */
export interface VerifiedSeal {
  readonly [verified]: true;
  readonly statement: Seal;
  /** SHA-256 of the statement's bytes: what the next seal and the log call it. */
  readonly digest: Uint8Array;
}

/** What every seal of a boot repeats from its identity: else it is of another boot or service. */
export function requireSealOfService(statement: Seal, service: LogAuthority, crypto: Crypto): void {
  const { origin, epoch, bootId, epochKey, logKeyThumbprint } = statement;
  if (origin !== service.origin) fail('SEAL_SERVICE_MISMATCH', `a seal of ${origin}`);
  if (epoch !== service.epoch || !equalBytes(bootId, service.bootId))
    fail('SEAL_SERVICE_MISMATCH', `a seal of another boot, epoch ${epoch}`);
  const sameKeys =
    equalBytes(epochKey, service.epochKey) &&
    equalBytes(logKeyThumbprint, thumbprint(crypto, logKeyOf(service, crypto)));
  if (!sameKeys) fail('SEAL_SERVICE_MISMATCH', 'a seal that names other keys');
}

/** Throws record errors, `SEAL_UNQUOTED`, `SEAL_SERVICE_MISMATCH`, and what the judge throws. */
export async function verifySeal(
  file: SealFile,
  service: LogAuthority,
  crypto: Crypto,
  judge: JudgeEvidence,
): Promise<VerifiedSeal> {
  const statement = Seal.decode(file.statement);
  requireSealOfService(statement, service, crypto);
  if (file.evidence === null) return fail('SEAL_UNQUOTED', `seal ${statement.number} has no evidence`);
  await judge(file.evidence, bind(crypto, DOMAINS.seal, file.statement));
  return Object.freeze({ statement, digest: crypto.sha256(file.statement) }) as VerifiedSeal;
}
