/**
 * Makes a trust policy from what its author already trusts: the measurements of an image (our measurements.json, any
 * output of nitro-cli, or that of assay image measure) and the configuration of the service. Nothing is assumed: what
 * is not known must be said.
 */
import { nodeCrypto } from '../../native/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { isObject } from '../../src/codec/json-shape.ts';
import { type JsonObject, type JsonValue, parseJson } from '../../src/codec/json.ts';
import { readTrustPolicy, type TrustPolicy } from '../../verifier/index.ts';
import { type GuestFacts, guestFacts } from './trust-facts.ts';

/** What is known about the service and its image; null is not known. */
export interface TrustFacts {
  /** Of Nitro; empty on other platforms. */
  readonly pcrs: Readonly<Record<string, readonly string[]>>;
  /** Of another platform. */
  readonly guest?: GuestFacts;
  readonly origin: string | null;
  /** Hex, or `any`. */
  readonly configDigest: string | null;
  /** Hex, or `any`. */
  readonly authorities: 'any' | readonly string[] | null;
  /** Simulated roots by name and SPKI SHA-256 in hex; empty on real hardware. */
  readonly simulatedRoots: readonly { readonly name: string; readonly spkiSha256: string }[];
}

export interface TrustChoices {
  /** Says aloud that any service on this image will do. */
  readonly anyService: boolean;
  readonly provenance?: 'trust-on-first-use';
  /** Where it is not Nitro, whose part is made of the registers: the part of the platform. */
  readonly platforms?: JsonObject;
  readonly hardware?: 'any' | JsonObject;
  readonly freshness?: Readonly<Partial<Record<'max_age_seconds' | 'nonce', JsonValue>>>;
  readonly revocation?: 'required' | 'any';
}

const MAX_JSON = 4 * 1024 * 1024;
const DEFAULT_MAX_AGE_SECONDS = 300;

export function buildTrustPolicy(facts: TrustFacts, choices: TrustChoices): TrustPolicy {
  const { simulatedRoots } = facts;
  const { platforms = { nitro: { pcrs: facts.pcrs, debug: 'reject' } } } = choices;
  const [platform = 'nitro'] = Object.keys(platforms);
  const policy = {
    version: 1,
    service: choices.anyService ? 'any' : serviceOf(facts),
    hardware: { ids: choices.hardware ?? 'any' },
    platforms,
    // Where the hardware signs no time, nothing but a challenge in the quote proves an age.
    freshness: {
      max_age_seconds: DEFAULT_MAX_AGE_SECONDS,
      nonce: platform === 'nitro' ? 'session' : 'quote',
      ...choices.freshness,
    },
    revocation: choices.revocation ?? 'required',
    simulated:
      simulatedRoots.length === 0
        ? 'reject'
        : {
            roots: simulatedRoots.map(({ name, spkiSha256 }) => ({
              platform,
              spki_sha256: spkiSha256,
              name,
            })),
          },
    witnesses: 'none',
    ...(choices.provenance === undefined ? {} : { provenance: choices.provenance }),
  };
  return readTrustPolicy(policy as JsonObject);
}

function serviceOf({ origin, configDigest, authorities }: TrustFacts): JsonObject {
  if (origin === null)
    return fail(
      'EXPECTATION_MISSING',
      'the origin is not known: give --origin or --config, or waive it with --any-service',
    );
  if (configDigest === null)
    return fail(
      'EXPECTATION_MISSING',
      'the configuration is not known: give --config FILE, or waive it with --config-digest any',
    );
  return { origin, config_digest: configDigest, policy_authorities: authorities ?? 'any' };
}

/**
 * Reads `Measurements` as nitro-cli build-enclave, describe-eif and describe-enclaves write them, with the facts that
 * our own build puts beside them under `Assay`; and what other platforms measure, in the same form.
 */
export function readMeasurements(bytes: Uint8Array, path: string): TrustFacts {
  const value = parseJson(bytes, { maxBytes: MAX_JSON, maxDepth: 32, path });
  const entry = Array.isArray(value) ? onlyOne(value, path) : value;
  const measurements = isObject(entry) ? entry['Measurements'] : undefined;
  if (!isObject(entry) || !isObject(measurements))
    return fail(
      'JSON_SHAPE',
      `${path}: no Measurements as nitro-cli, make build or assay image measure write them`,
    );
  const guest = guestFacts(measurements, path);
  const pcrs = Object.entries(measurements).flatMap(([key, measured]) => {
    const register = /^PCR([0-9]{1,2})$/.exec(key)?.[1];
    if (register === undefined) return [];
    if (typeof measured !== 'string') return fail('JSON_SHAPE', `${path}: Measurements.${key} is not text`);
    return [[register, [measured.toLowerCase()]] as const];
  });
  if (guest !== null && pcrs.length > 0) fail('JSON_SHAPE', `${path}: measurements of two platforms`);
  const facts = isObject(entry['Assay']) ? entry['Assay'] : {};
  const rootName = text(facts, 'SimulatedRootName');
  const rootHash = text(facts, 'SimulatedRootSpkiSha256');
  return {
    pcrs: Object.fromEntries(pcrs),
    ...(guest === null ? {} : { guest }),
    origin: text(facts, 'Origin'),
    configDigest: text(facts, 'ConfigDigest'),
    authorities: text(facts, 'PolicyAuthorities')?.split(',') ?? null,
    simulatedRoots: rootName === null || rootHash === null ? [] : [{ name: rootName, spkiSha256: rootHash }],
  };
}

function onlyOne(entries: readonly JsonValue[], path: string): JsonValue {
  if (entries.length !== 1)
    return fail(
      'JSON_SHAPE',
      `${path}: describes ${entries.length} enclaves; give the one that is to be trusted`,
    );
  return entries[0] as JsonValue;
}

function text(object: JsonObject, key: string): string | null {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  return typeof value === 'string' ? value : null;
}

/** Takes from the measured configuration what it decides: origin, authorities, simulated roots, and its digest. */
export function addConfiguration(facts: TrustFacts, bytes: Uint8Array, path: string): TrustFacts {
  const value = parseJson(bytes, { maxBytes: MAX_JSON, maxDepth: 16, path });
  const policy = isObject(value) ? value['policy'] : undefined;
  const keys = isObject(policy) ? policy['keys'] : undefined;
  if (!isObject(value) || typeof value['origin'] !== 'string' || !Array.isArray(keys))
    return fail('JSON_SHAPE', `${path}: no configuration with origin and policy.keys`);
  const roots = Array.isArray(value['simulatedRoots']) ? value['simulatedRoots'] : [];
  const configDigest = toHex(nodeCrypto.sha256(bytes));
  if (facts.configDigest !== null && facts.configDigest !== configDigest)
    fail(
      'SERVICE_CONFIG_MISMATCH',
      `${path}: has the digest ${configDigest}, the image was built with ${facts.configDigest}`,
    );
  return {
    ...facts,
    origin: value['origin'],
    configDigest,
    authorities: keys.map(String),
    simulatedRoots: roots.filter(isObject).map((root) => ({
      name: text(root, 'name') ?? '',
      spkiSha256: text(root, 'spkiSha256') ?? '',
    })),
  };
}
