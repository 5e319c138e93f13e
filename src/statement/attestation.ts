/**
 * Attestation: hardware evidence with the identity statement that it binds, as it travels over RPC and in files.
 * Nothing in it is believed before the verifier has judged the evidence and recomputed the binding.
 */
import { fail } from '../base/errors.ts';
import { toBase64 } from '../codec/base64.ts';
import { type JsonObject, type JsonValue, parseJson } from '../codec/json.ts';
import { bytesOf, jsonArray, jsonBytes, jsonObject, jsonText, jsonUint } from '../codec/json-shape.ts';
import { MAX_KEYS } from './fields.ts';

export const ATTESTATION_TYPE = 'assay/attestation/v1';

/** The place of one challenge among those that a quote answers (RFC 6962 inclusion proof). */
export interface ChallengePath {
  readonly index: number;
  readonly count: number;
  /** Hashes of 32 bytes, from the leaf to the root. */
  readonly path: readonly Uint8Array[];
}

/** A raw Ed25519 public key; it counts only if its thumbprint stands in the identity's keyring. */
export interface NamedKey {
  readonly name: string;
  readonly key: Uint8Array;
}

export interface Attestation {
  readonly platform: string;
  /** The hardware's document, as it was made. */
  readonly evidence: Uint8Array;
  /** The bytes of the identity statement that the evidence binds. */
  readonly identity: Uint8Array;
  readonly challenge: ChallengePath | null;
  readonly keys: readonly NamedKey[];
  /**
   * What the vendor says about the hardware (RFC 9334: endorsements), as a collateral bundle that the host carries
   * beside the evidence. Each item has its vendor's signature; null where the evidence brings all that it needs.
   */
  readonly endorsements: Uint8Array | null;
}

export interface SessionProof {
  /** The bytes of a session statement. */
  readonly statement: Uint8Array;
  /** Ed25519 by the session key over bind(`session`, statement). */
  readonly signature: Uint8Array;
}

const MAX_FILE = 1_048_576;
const MAX_EVIDENCE = 262_144;
const MAX_IDENTITY = 65_535;
/** Bytes of endorsements; a bundle of today has 8,000 to 11,000. */
export const MAX_ENDORSEMENTS = 262_144;
const MAX_PATH = 64;

/** JSON text that ends in a newline. */
export function formatAttestation(attestation: Attestation): string {
  return `${JSON.stringify(attestationToJson(attestation), null, 2)}\n`;
}

/** Throws ParseError, or AssayError JSON_SHAPE naming the field. */
export function parseAttestation(input: string | Uint8Array): Attestation {
  const value = parseJson(input, { maxBytes: MAX_FILE, maxDepth: 8, path: 'attestation' });
  return attestationFromJson(value, 'attestation');
}

/** The object that stands in files, also inside a receipt file. */
export function attestationToJson(attestation: Attestation): JsonObject {
  const { challenge, endorsements } = attestation;
  return {
    type: ATTESTATION_TYPE,
    platform: attestation.platform,
    evidence: toBase64(attestation.evidence),
    identity: toBase64(attestation.identity),
    challenge:
      challenge === null
        ? null
        : { index: challenge.index, count: challenge.count, path: challenge.path.map(toBase64) },
    keys: attestation.keys.map(({ name, key }) => ({ name, key: toBase64(key) })),
    // Left out when there are none: files of before there were endorsements have the same bytes.
    ...(endorsements === null ? {} : { endorsements: toBase64(endorsements) }),
  };
}

export function attestationFromJson(value: JsonValue, path: string): Attestation {
  const required = ['type', 'platform', 'evidence', 'identity', 'challenge', 'keys'];
  const object = jsonObject(value, path, required, ['endorsements']);
  if (object['type'] !== ATTESTATION_TYPE) fail('JSON_SHAPE', `${path}.type: not ${ATTESTATION_TYPE}`);
  const challenge = object['challenge'] ?? null;
  return Object.freeze({
    platform: jsonText(object, 'platform', path, { min: 1, max: 64 }),
    evidence: jsonBytes(object, 'evidence', path, { min: 1, max: MAX_EVIDENCE }),
    identity: jsonBytes(object, 'identity', path, { min: 1, max: MAX_IDENTITY }),
    challenge: challenge === null ? null : challengeFromJson(challenge, `${path}.challenge`),
    keys: jsonArray(object, 'keys', path, MAX_KEYS, keyFromJson),
    endorsements: Object.hasOwn(object, 'endorsements')
      ? jsonBytes(object, 'endorsements', path, { min: 1, max: MAX_ENDORSEMENTS })
      : null,
  });
}

function challengeFromJson(value: JsonValue, path: string): ChallengePath {
  const object = jsonObject(value, path, ['index', 'count', 'path']);
  return Object.freeze({
    index: jsonUint(object, 'index', path),
    count: jsonUint(object, 'count', path),
    path: jsonArray(object, 'path', path, MAX_PATH, (item, at) => bytesOf(item, at, 32)),
  });
}

function keyFromJson(value: JsonValue, path: string): NamedKey {
  const object = jsonObject(value, path, ['name', 'key']);
  return Object.freeze({
    name: jsonText(object, 'name', path, { min: 1, max: 64 }),
    key: jsonBytes(object, 'key', path, 32),
  });
}
