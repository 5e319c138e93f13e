/**
 * The table of platforms. Each offers the same rooms: read the bytes, verify them, appraise what they say. What
 * comes out is the same for all, so that statements, sessions and freshness are judged by one piece of code.
 */
import { formatTime, type Millis } from '../src/base/clock.ts';
import type { Crypto } from '../src/base/crypto.ts';
import { fail } from '../src/base/errors.ts';
import { toHex } from '../src/base/hex.ts';
import type { JsonObject } from '../src/codec/json.ts';
import { parseNitro } from '../src/evidence/nitro.ts';
import type { ChainCache } from './chain.ts';
import {
  appraiseNitro,
  NITRO_APPRAISE_CHECKS,
  NITRO_ROOTS,
  NITRO_VERIFY_CHECKS,
  type NitroClaims,
  type Verified,
  verifyNitro,
} from './nitro.ts';
import { simulatedRoot } from './roots.ts';
import type { TrustPolicy } from './trust-policy.ts';
import type { CheckLog, PlannedCheck } from './verdict.ts';

export interface VerifyContext {
  readonly at: Millis;
  readonly crypto: Crypto;
  /** Null: only genuine hardware is authentic. A trust policy can name simulated roots. */
  readonly trust: TrustPolicy | null;
  readonly cache?: ChainCache;
  readonly log: CheckLog;
}

/** Evidence that was read and not yet verified. */
export interface OpenedEvidence {
  /** The time it claims for itself, null when it has none. */
  readonly time: Millis | null;
  verify(context: VerifyContext): Promise<ProvenEvidence>;
}

/** Evidence that hardware, or a simulated root that the trust policy names, has signed. */
export interface ProvenEvidence {
  readonly simulated: boolean;
  readonly validUntil: Millis;
  /** Signed by the hardware; null on platforms without a clock. */
  readonly time: Millis | null;
  /** The 64-byte slot that holds bind(statement); null when empty. */
  readonly binding: Uint8Array | null;
  /** The slot for a challenge; null when empty. */
  readonly challenge: Uint8Array | null;
  /** The slot for a key that others encrypt to; null when empty. */
  readonly recipient: Uint8Array | null;
  readonly claims: JsonObject;
  /** Records every expectation of the platform in `log`; throws the first that is not met. */
  appraise(trust: TrustPolicy, log: CheckLog): void;
}

export interface PlatformJudge {
  readonly verifyChecks: readonly PlannedCheck[];
  readonly appraiseChecks: readonly PlannedCheck[];
  open(bytes: Uint8Array): OpenedEvidence;
}

const nitro: PlatformJudge = Object.freeze({
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

export type PlatformTable = ReadonlyMap<string, PlatformJudge>;

export const PLATFORMS: PlatformTable = new Map([['nitro', nitro]]);

/** Names for --platform. */
export const PLATFORM_NAMES: readonly string[] = Object.freeze([...PLATFORMS.keys()]);

/** PLATFORM_UNKNOWN when there is none of that name. */
export function platformJudge(name: string, platforms: PlatformTable = PLATFORMS): PlatformJudge {
  return (
    platforms.get(name) ??
    fail(
      'PLATFORM_UNKNOWN',
      `no platform ${JSON.stringify(name.slice(0, 64))}; known: ${PLATFORM_NAMES.join(', ')}`,
    )
  );
}

/** Recognises a platform by how its evidence begins; PLATFORM_UNKNOWN otherwise. */
export function detectPlatform(bytes: Uint8Array): string {
  // A COSE_Sign1, with or without its tag: an array of four, or any array or tag that the reader will explain.
  const major = bytes[0] === undefined ? -1 : bytes[0] >> 5;
  return major === 4 || major === 6
    ? 'nitro'
    : fail('PLATFORM_UNKNOWN', 'evidence: begins like that of no known platform');
}

function simulatedRoots(trust: TrustPolicy | null, platform: string): ReturnType<typeof simulatedRoot>[] {
  if (trust === null || trust.simulated === 'reject') return [];
  return trust.simulated.roots
    .filter((root) => root.platform === platform)
    .map((root) => simulatedRoot(root.platform, root.name, root.spki_sha256));
}

export function nitroEvidence(verified: Verified<NitroClaims>): ProvenEvidence {
  const { claims, pin, validUntil } = verified;
  return {
    simulated: pin.simulated,
    validUntil,
    time: claims.timestamp,
    binding: claims.userData,
    challenge: claims.nonce,
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
