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
import { dictionary, hex, integer, list, literal, object, orWord, type Shape, text } from './shape.ts';

/** Which service: the image is public, so a measurement alone names none. */
export interface ServiceExpectations {
  readonly origin: string;
  /** SHA-256 of the measured configuration, hex. */
  readonly config_digest: string;
  /** Raw Ed25519 public keys, hex, whose policy orders count. */
  readonly policy_authorities: 'any' | readonly string[];
}

export interface NitroTrust {
  /** Allowed values by register number, 96 hex digits each. */
  readonly pcrs: 'any' | Readonly<Record<string, readonly string[]>>;
  readonly debug: 'reject' | 'allow';
  /** Partitions of AWS; only `aws` when left out. */
  readonly partitions?: 'any' | readonly string[];
}

export interface SimulatedRoot {
  readonly platform: 'nitro';
  /** SHA-256 of the root's SubjectPublicKeyInfo, hex. */
  readonly spki_sha256: string;
  /** Common name of the root. */
  readonly name: string;
}

export interface TrustPolicy {
  readonly version: 1;
  readonly service: 'any' | ServiceExpectations;
  /** Answers physical attacks: which machines, not which code. Values as for `pcrs`. */
  readonly hardware: {
    readonly ids: 'any' | { readonly pcr3?: readonly string[]; readonly pcr4?: readonly string[] };
  };
  readonly platforms: { readonly nitro?: NitroTrust };
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

const PCR_INDEX = '^(0|[1-9]|[12][0-9]|3[01])$';
const MAX_VALUES = 1_024;
const pcrValues: Shape<readonly string[]> = list(hex(48), MAX_VALUES);

const service = object(
  {
    origin: text('^[!-~]+$', 255),
    config_digest: orWord('any', hex(32)),
    policy_authorities: orWord('any', list(hex(32), 64)),
  },
  {},
);

const nitro = object(
  { pcrs: orWord('any', dictionary(PCR_INDEX, pcrValues)), debug: literal('reject', 'allow') },
  { partitions: orWord('any', list(text('^[a-z0-9-]+$', 32), 8)) },
);

const simulatedRoot = object(
  { platform: literal('nitro'), spki_sha256: hex(32), name: text('^[ -~]+$', 128) },
  {},
);

const trustPolicy: Shape<TrustPolicy> = object(
  {
    version: literal(1),
    service: orWord('any', service),
    hardware: object({ ids: orWord('any', object({}, { pcr3: pcrValues, pcr4: pcrValues }, 1)) }, {}),
    platforms: object({}, { nitro }, 1),
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
  const { nitro } = platforms;
  if (nitro === undefined || nitro.pcrs === 'any') return;
  const registers = Object.keys(nitro.pcrs);
  // PCR2 is a constant in an image of one ramdisk, PCR1 covers the kernel only, the rest is up to the enclave.
  if (!registers.includes('0') && !registers.includes('8'))
    fail(
      'EXPECTATION_MISSING',
      'trust policy: platforms.nitro.pcrs names neither the image (0) nor its signer (8)',
    );
  for (const [register, values] of Object.entries(nitro.pcrs))
    if (
      nitro.debug === 'reject' &&
      ['0', '1', '2'].includes(register) &&
      values.some((value) => /^0+$/.test(value))
    )
      fail(
        'TRUST_POLICY_INVALID',
        `trust policy: platforms.nitro.pcrs.${register}: zero is what debug mode shows`,
      );
}

/** What the policy opts out of, by the path of the key that says so. */
export function waivers(policy: TrustPolicy): readonly string[] {
  const { provenance } = policy;
  return provenance === undefined ? ['witnesses'] : ['witnesses', provenance];
}
