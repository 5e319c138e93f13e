/**
 * The trust policy: the user's file that says what is acceptable (design section 8). Every security expectation is a
 * required key whose waiver is a word of its own; unknown keys are errors. `trust-policy.schema.json` is written from
 * the table below.
 */
import type { Hashing } from '../src/base/crypto.ts';
import { fail } from '../src/base/errors.ts';
import { toHex } from '../src/base/hex.ts';
import { canonicalize } from '../src/codec/jcs.ts';
import { type JsonObject, type JsonValue, parseJson } from '../src/codec/json.ts';
import { SGX_TRUST, type SgxTrust, TDX_TRUST, type TdxTrust } from './intel/trust.ts';
import { forbidHollowNitro, NITRO_TRUST, type NitroTrust } from './nitro/trust.ts';
import { hex, integer, list, literal, object, orWord, type Shape, text } from './shape.ts';
import { SNP_TRUST, type SnpTrust } from './snp/trust.ts';

export type { NitroTrust, SgxTrust, SnpTrust, TdxTrust };

/** Which service: the image is public, so a measurement alone names none. */
export interface ServiceExpectations {
  readonly origin: string;
  /** SHA-256 of the measured configuration, hex. */
  readonly config_digest: string;
  /** Raw Ed25519 public keys, hex, whose policy orders count. */
  readonly policy_authorities: 'any' | readonly string[];
}

/** Which machines, by what the hardware says of itself; each platform asks for its own. */
export interface HardwareIds {
  /** Nitro: the instance's role and the instance, as `pcrs` has values. */
  readonly pcr3?: readonly string[];
  readonly pcr4?: readonly string[];
  /** TDX and SGX: from the signed extension of the PCK certificate, 16 bytes each. */
  readonly ppid?: readonly string[];
  readonly platform_instance?: readonly string[];
  /** SEV-SNP with a VCEK: 64 bytes, of Turin 8. */
  readonly chip_id?: readonly string[];
  /** SEV-SNP with a VLEK: the provider that the certificate names. */
  readonly csp_id?: readonly string[];
}

export interface SimulatedRoot {
  readonly platform: 'nitro' | 'tdx' | 'sgx' | 'snp';
  /** SHA-256 of the root's SubjectPublicKeyInfo, hex. */
  readonly spki_sha256: string;
  /** Common name of the root. */
  readonly name: string;
}

export interface TrustPolicy {
  readonly version: 1;
  readonly service: 'any' | ServiceExpectations;
  /** Answers physical attacks: which machines, not which code. */
  readonly hardware: { readonly ids: 'any' | HardwareIds };
  readonly platforms: {
    readonly nitro?: NitroTrust;
    readonly tdx?: TdxTrust;
    readonly sgx?: SgxTrust;
    readonly snp?: SnpTrust;
  };
  readonly freshness: {
    readonly max_age_seconds: 'any' | number;
    /** Where the verifier's challenge must stand: in the quote, or in a session proof. */
    readonly nonce: 'quote' | 'session' | 'any';
  };
  readonly revocation: 'required' | 'any';
  readonly simulated: 'reject' | { readonly roots: readonly SimulatedRoot[] };
  readonly witnesses: 'none';
  /** How this policy came about, kept so that the verdict can say it. */
  readonly provenance?: 'trust-on-first-use';
}

const MAX_VALUES = 1_024;

const service = object(
  {
    origin: text('^[!-~]+$', 255),
    config_digest: orWord('any', hex(32)),
    policy_authorities: orWord('any', list(hex(32), 64)),
  },
  {},
);

const ids = object(
  {},
  {
    pcr3: list(hex(48), MAX_VALUES),
    pcr4: list(hex(48), MAX_VALUES),
    ppid: list(hex(16), MAX_VALUES),
    platform_instance: list(hex(16), MAX_VALUES),
    chip_id: list(text('^([0-9a-fA-F]{16}|[0-9a-fA-F]{128})$', 128), MAX_VALUES),
    csp_id: list(text('^[ -~]+$', 255), MAX_VALUES),
  },
  1,
);

const simulatedRoot = object(
  {
    platform: literal('nitro', 'tdx', 'sgx', 'snp'),
    spki_sha256: hex(32),
    name: text('^[ -~]+$', 128),
  },
  {},
);

const trustPolicy: Shape<TrustPolicy> = object(
  {
    version: literal(1),
    service: orWord('any', service),
    hardware: object({ ids: orWord('any', ids) }, {}),
    platforms: object({}, { nitro: NITRO_TRUST, tdx: TDX_TRUST, sgx: SGX_TRUST, snp: SNP_TRUST }, 1),
    freshness: object(
      {
        max_age_seconds: orWord('any', integer(1, 31_536_000)),
        nonce: literal('quote', 'session', 'any'),
      },
      {},
    ),
    revocation: literal('required', 'any'),
    simulated: orWord('reject', object({ roots: list(simulatedRoot, 16) }, {})),
    witnesses: literal('none'),
  },
  { provenance: literal('trust-on-first-use') },
);

/** JSON Schema (draft 2020-12) of a trust policy; published as trust-policy.schema.json. */
export const TRUST_POLICY_SCHEMA: JsonObject = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Assay trust policy',
  ...trustPolicy.schema,
};

const MAX_BYTES = 1_048_576;
const MAX_DEPTH = 16;

/** The bytes that each policy was read from, for `trust_sha256`: it is what sha256sum says of the file. */
const sources = new WeakMap<TrustPolicy, Uint8Array>();
const checked = new WeakSet<TrustPolicy>();

/** Reads a trust policy file. Throws JSON_ codes, EXPECTATION_MISSING, TRUST_KEY_UNKNOWN or TRUST_POLICY_INVALID. */
export function parseTrustPolicy(bytes: Uint8Array): TrustPolicy {
  const policy = readTrustPolicy(
    parseJson(bytes, { maxBytes: MAX_BYTES, maxDepth: MAX_DEPTH, path: 'trust policy' }),
  );
  sources.set(policy, bytes.slice());
  return policy;
}

/** The same for a value that is in memory. */
export function readTrustPolicy(value: JsonValue): TrustPolicy {
  const policy = trustPolicy.read(value, '');
  forbidHollow(policy);
  checked.add(policy);
  return policy;
}

/** Checks a policy that was not made by `parseTrustPolicy`, as plain JavaScript can pass anything. */
export function requireTrustPolicy(policy: TrustPolicy): TrustPolicy {
  if (policy === undefined || policy === null) return fail('EXPECTATION_MISSING', 'no trust policy is given');
  return checked.has(policy) ? policy : readTrustPolicy(policy as unknown as JsonValue);
}

/** Hex SHA-256 of the file, or of the canonical JSON (RFC 8785) when there was none. */
export function trustPolicyDigest(policy: TrustPolicy, hashing: Hashing): string {
  return toHex(hashing.sha256(sources.get(policy) ?? canonicalize(policy as unknown as JsonValue)));
}

/** Expectations that are well formed and expect nothing. */
function forbidHollow({ platforms }: TrustPolicy): void {
  if (platforms.nitro !== undefined) forbidHollowNitro(platforms.nitro);
}

/** What the policy opts out of, by the path of the key that says so. */
export function waivers(policy: TrustPolicy): readonly string[] {
  const { provenance } = policy;
  return provenance === undefined ? ['witnesses'] : ['witnesses', provenance];
}
