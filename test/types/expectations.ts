/**
 * What must not compile: a security expectation that is left out (design section 3, rule 3). `make check` compiles
 * this file; an error that no longer occurs fails it as an unused @ts-expect-error.
 */
import type { Crypto } from '../../src/base/crypto.ts';
import type { NitroDocument } from '../../src/evidence/nitro.ts';
import type { Attestation } from '../../src/statement/index.ts';
import {
  appraiseNitro,
  judgeAttestation,
  judgeEvidence,
  type NitroClaims,
  type NitroExpectations,
  type TrustPolicy,
  type Verified,
  verifyNitro,
} from '../../verifier/index.ts';

declare const trust: TrustPolicy;
declare const crypto: Crypto;
declare const bytes: Uint8Array;
declare const document: NitroDocument;
declare const attestation: Attestation;
declare const verified: Verified<NitroClaims>;

const complete: TrustPolicy = {
  version: 1,
  service: 'any',
  hardware: { ids: 'any' },
  platforms: { nitro: { pcrs: 'any', debug: 'reject' } },
  freshness: { max_age_seconds: 300, nonce: 'quote' },
  revocation: 'required',
  simulated: 'reject',
  witnesses: 'none',
};
const { service: _service, ...withoutService } = complete;
const { hardware: _hardware, ...withoutHardware } = complete;
const { platforms: _platforms, ...withoutPlatforms } = complete;
const { freshness: _freshness, ...withoutFreshness } = complete;
const { revocation: _revocation, ...withoutRevocation } = complete;
const { simulated: _simulated, ...withoutSimulated } = complete;
const { witnesses: _witnesses, ...withoutWitnesses } = complete;

export const incomplete: readonly TrustPolicy[] = [
  // @ts-expect-error service is not stated
  withoutService,
  // @ts-expect-error hardware is not stated
  withoutHardware,
  // @ts-expect-error platforms are not stated
  withoutPlatforms,
  // @ts-expect-error freshness is not stated
  withoutFreshness,
  // @ts-expect-error revocation is not stated
  withoutRevocation,
  // @ts-expect-error simulated is not stated
  withoutSimulated,
  // @ts-expect-error witnesses are not stated
  withoutWitnesses,
  // @ts-expect-error debug is not stated
  { ...complete, platforms: { nitro: { pcrs: 'any' } } },
  // @ts-expect-error measurements are not stated
  { ...complete, platforms: { nitro: { debug: 'reject' } } },
  // @ts-expect-error the nonce is not stated
  { ...complete, freshness: { max_age_seconds: 300 } },
  // @ts-expect-error the age is not stated
  { ...complete, freshness: { nonce: 'any' } },
  // @ts-expect-error the configuration is not stated
  { ...complete, service: { origin: 'x', policy_authorities: 'any' } },
  // @ts-expect-error the waiver has another word
  { ...complete, revocation: 'none' },
  // @ts-expect-error an unknown key
  { ...complete, debug: 'allow' },
];

const archive = { mode: 'archive', now: 'evidence', crypto } as const;
const live = { mode: 'live', now: 0, crypto } as const;

export async function calls(): Promise<void> {
  await judgeEvidence(bytes, { ...live, trust, platform: null, nonce: null });
  // @ts-expect-error no trust policy: null says that none is meant
  await judgeEvidence(bytes, { ...live, platform: null, nonce: null });
  // @ts-expect-error no nonce: null says that none was sent
  await judgeEvidence(bytes, { ...live, trust, platform: null });
  // @ts-expect-error no time
  await judgeEvidence(bytes, { mode: 'live', crypto, trust, platform: null, nonce: null });
  // @ts-expect-error live evidence cannot be judged at its own time
  await judgeEvidence(bytes, { ...live, now: 'evidence', trust, platform: null, nonce: null });

  await judgeAttestation(attestation, { ...archive, trust, challenge: null, session: null });
  // @ts-expect-error no trust policy
  await judgeAttestation(attestation, { ...archive, challenge: null, session: null });
  // @ts-expect-error no session: null says that there is none
  await judgeAttestation(attestation, { ...archive, trust, challenge: null });
  // @ts-expect-error no challenge
  await judgeAttestation(attestation, { ...archive, trust, session: null });

  // @ts-expect-error no roots: which are acceptable is never a default
  await verifyNitro(document, { at: 0, crypto });
  // @ts-expect-error no time
  await verifyNitro(document, { roots: [], crypto });

  const waived: NitroExpectations = {
    pcrs: 'any',
    debug: 'allow',
    partitions: 'any',
    hardware: 'any',
    revocation: 'any',
  };
  appraiseNitro(verified, waived);
  const { debug: _debug, ...withoutDebug } = waived;
  // @ts-expect-error debug is not stated
  appraiseNitro(verified, withoutDebug);
  // @ts-expect-error claims that nobody verified
  appraiseNitro({ claims: verified.claims }, waived);
}
