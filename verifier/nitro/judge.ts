/** AWS Nitro in the table of platforms. */
import { formatTime } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import {
  type OpenedEvidence,
  type PlatformJudge,
  type ProvenEvidence,
  simulatedRoots,
  type Verified,
} from '../platform.ts';
import { appraiseNitro, NITRO_APPRAISE_CHECKS } from './appraise.ts';
import { NITRO_ROOTS } from './roots.ts';
import { NITRO_VERIFY_CHECKS, type NitroClaims, verifyNitro } from './verify.ts';

export const nitroJudge: PlatformJudge = Object.freeze({
  timed: true,
  verifyChecks: NITRO_VERIFY_CHECKS,
  appraiseChecks: NITRO_APPRAISE_CHECKS,
  open(bytes: Uint8Array): OpenedEvidence {
    const document = parseNitro(bytes);
    return {
      time: document.timestamp,
      async verify({ trust, ...context }) {
        const verified = await verifyNitro(document, {
          ...context,
          roots: [...NITRO_ROOTS, ...simulatedRoots(trust, 'nitro')],
        });
        return nitroEvidence(verified);
      },
    };
  },
});

export function nitroEvidence(verified: Verified<NitroClaims>): ProvenEvidence {
  const { claims, pin, validUntil } = verified;
  return {
    simulated: pin.simulated,
    validUntil,
    time: claims.timestamp,
    binding: claims.userData,
    challenge: claims.nonce,
    hasChallengeSlot: true,
    recipient: claims.publicKey,
    claims: nitroClaimsJson(verified),
    appraise(trust, log) {
      const expected = trust.platforms.nitro;
      if (expected === undefined)
        return fail('PLATFORM_NOT_ACCEPTED', 'trust policy: platforms.nitro is not stated');
      appraiseNitro(
        verified,
        {
          pcrs: expected.pcrs,
          debug: expected.debug,
          partitions: expected.partitions ?? ['aws'],
          hardware: trust.hardware.ids,
          revocation: trust.revocation,
        },
        log,
      );
    },
  };
}

/** Claims as a verdict shows them: bytes in lower-case hex, times in RFC 3339. */
function nitroClaimsJson({ claims, pin, chain }: Verified<NitroClaims>): JsonObject {
  const hexOrNull = (bytes: Uint8Array | null): string | null => (bytes === null ? null : toHex(bytes));
  return Object.freeze({
    kind: claims.kind,
    module_id: claims.moduleId,
    instance_id: claims.instanceId,
    region: claims.region,
    partition: claims.partition,
    timestamp: formatTime(claims.timestamp),
    timestamp_ms: claims.timestamp,
    launched_at: claims.launchedAt === null ? null : formatTime(claims.launchedAt),
    debug: claims.debug,
    pcrs: Object.fromEntries(Object.entries(claims.pcrs).map(([index, value]) => [index, toHex(value)])),
    public_key: hexOrNull(claims.publicKey),
    user_data: hexOrNull(claims.userData),
    nonce: hexOrNull(claims.nonce),
    root: pin.name,
    root_spki_sha256: pin.spkiSha256,
    leaf: claims.leafName,
    leaf_not_before: formatTime(chain.leaf.notBefore),
    leaf_not_after: formatTime(chain.leaf.notAfter),
    unknown_fields: claims.unknownFields,
  });
}
