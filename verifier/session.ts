/**
 * Session proofs: evidence is public and can be relayed, so a live endpoint also proves that this TLS connection ends
 * in the enclave that the evidence describes. The proof is signed by the session key, which the evidence binds.
 */
import { equalBytes } from '../src/base/bytes.ts';
import { ed25519Spki } from '../src/base/ed25519.ts';
import { AssayError, fail } from '../src/base/errors.ts';
import type { Attestation, SessionProof } from '../src/statement/attestation.ts';
import { bind, DOMAINS } from '../src/statement/bind.ts';
import type { Identity } from '../src/statement/identity.ts';
import { Session } from '../src/statement/session.ts';
import type { JudgeOptions } from './appraise.ts';
import type { CheckLog, PlannedCheck } from './verdict.ts';

/** What the caller's own end of the connection knows. */
export interface LiveSession {
  readonly proof: SessionProof;
  /** TLS-Exporter("EXPORTER-assay-session-v1", challenge, 32) of the connection, as our end computes it. */
  readonly exporter: Uint8Array;
  /** SHA-256 of the key that the peer used in TLS. */
  readonly tlsSpkiHash: Uint8Array;
}

export const SESSION_CHECKS: readonly PlannedCheck[] = Object.freeze([
  { name: 'session.signature', clause: 'design 4: signed by the session key over bind(session)' },
  {
    name: 'session.binding',
    clause: 'design 4: boot, challenge, TLS exporter, TLS key and evidence digest; RFC 9266',
  },
]);

type SessionOptions = JudgeOptions & {
  readonly challenge: Uint8Array | null;
  readonly session: LiveSession | null;
};

/** A session that is there is always checked; one that is not is missing only when the trust policy demands it. */
export async function judgeSession(
  identity: Identity,
  attestation: Attestation,
  options: SessionOptions,
  log: CheckLog,
): Promise<void> {
  const { session, trust, crypto } = options;
  if (session === null) {
    if (trust === null) return;
    const demanded = trust.freshness.nonce === 'session' && options.mode === 'live';
    if (!demanded) for (const { name } of SESSION_CHECKS) log.notApplicable(name);
    return;
  }
  await log.judgeAsync('session.signature', async () => {
    try {
      const key = await crypto.importKey('Ed25519', ed25519Spki(identity.sessionKey));
      await key.verify(bind(crypto, DOMAINS.session, session.proof.statement), session.proof.signature);
    } catch (cause) {
      if (!(cause instanceof AssayError)) throw cause;
      fail('SESSION_SIGNATURE_INVALID', 'the session key did not sign this proof', { cause });
    }
  });
  log.judge('session.binding', () => checkBinding(identity, attestation, session, options));
}

function checkBinding(
  identity: Identity,
  attestation: Attestation,
  session: LiveSession,
  options: SessionOptions,
): void {
  const { challenge, crypto } = options;
  const proof = Session.decode(session.proof.statement);
  if (challenge === null)
    return fail('SESSION_MISMATCH', 'a session proof without a challenge of ours proves nothing');
  const same = (what: string, ours: Uint8Array, theirs: Uint8Array): void => {
    if (!equalBytes(ours, theirs)) fail('SESSION_MISMATCH', `the session proof is for another ${what}`);
  };
  same('boot', identity.bootId, proof.bootId);
  same('challenge', challenge, proof.challenge);
  same('connection (TLS exporter)', session.exporter, proof.exporter);
  same('TLS key', session.tlsSpkiHash, proof.tlsSpkiHash);
  same('TLS key than the evidence names', identity.tlsSpkiHash, proof.tlsSpkiHash);
  same('piece of evidence', crypto.sha256(attestation.evidence), proof.evidenceDigest);
}
