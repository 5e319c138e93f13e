/**
 * The measured configuration: a JSON file inside the image, so its every byte moves PCR0 and PCR2, and its
 * digest is extended into PCR16 and locked before it is parsed. There are no defaults and no other source:
 * what is not written here cannot be switched on from outside.
 */
import { fromHex } from '../src/base/hex.ts';
import { AssayError, fail } from '../src/base/errors.ts';
import { type JsonObject, type JsonValue, parseJson } from '../src/codec/json.ts';

/** Ed25519 public keys (32 bytes each), of which `threshold` distinct ones must sign. */
export interface Authorities {
  readonly threshold: number;
  readonly keys: readonly Uint8Array[];
}

export interface EnclaveConfig {
  readonly platform: 'nitro' | 'nitro-simulated';
  /** The service's name: first line of every checkpoint. Simulated ones start with `sim.`. */
  readonly origin: string;
  /** Ports on the vsock: ours for RPC, the host's for its store. */
  readonly rpcPort: number;
  readonly storePort: number;
  readonly seal: { readonly everySeconds: number; readonly maxLeaves: number };
  readonly policy: Authorities;
  readonly genesis: Authorities;
  readonly keyring: {
    /** Key id of the release backend; part of the request, checked in the answer. */
    readonly kmsKeyId: string;
    /** PCR0 values (48 bytes) of earlier images whose keyrings and logs this image takes over; itself always. */
    readonly predecessors: readonly Uint8Array[];
  };
  /** SPKI SHA-256 of the simulated root; empty on real hardware, where the roots are pinned in the code. */
  readonly simulatedRoots: readonly { readonly name: string; readonly spkiSha256: Uint8Array }[];
  /** The longest time for which a decision may be used, in milliseconds. */
  readonly maxValidForMs: number;
}

type Reader<T> = (value: JsonValue | undefined, path: string) => T;

const bad = (path: string, wanted: string): never =>
  fail('CONFIG_INVALID', `config.json: ${path}: ${wanted}`);

const text =
  (pattern: RegExp): Reader<string> =>
  (value, path) =>
    typeof value === 'string' && pattern.test(value)
      ? value
      : bad(path, `must be text like ${pattern.source}`);

const integer =
  (min: number, max: number): Reader<number> =>
  (value, path) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : bad(path, `must be an integer of ${min} to ${max}`);

const bytes =
  (length: number): Reader<Uint8Array> =>
  (value, path) =>
    typeof value === 'string' && /^[0-9a-f]+$/.test(value) && value.length === 2 * length
      ? fromHex(value)
      : bad(path, `must be ${length} bytes in lower-case hex`);

const list =
  <T>(item: Reader<T>, max: number): Reader<T[]> =>
  (value, path) =>
    Array.isArray(value) && value.length <= max
      ? value.map((entry, index) => item(entry, `${path}[${index}]`))
      : bad(path, `must be a list of at most ${max}`);

/** An object with exactly these fields: a missing one fails in its reader, an extra one here. */
function object<T extends object>(fields: { readonly [K in keyof T]: Reader<T[K]> }): Reader<T> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return bad(path || 'top', 'must be an object');
    const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
    for (const name of Object.keys(value)) if (!Object.hasOwn(fields, name)) bad(at(name), 'unknown field');
    const out: Partial<T> = {};
    for (const name of Object.keys(fields) as (keyof T & string)[])
      out[name] = fields[name]((value as JsonObject)[name], at(name));
    return Object.freeze(out) as T;
  };
}

const authorities: Reader<Authorities> = (value, path) => {
  const read = object<Authorities>({ threshold: integer(1, 16), keys: list(bytes(32), 16) })(value, path);
  if (new Set(read.keys.map(String)).size !== read.keys.length) bad(`${path}.keys`, 'the same key twice');
  return read.threshold <= read.keys.length ? read : bad(`${path}.threshold`, 'more than there are keys');
};

const ORIGIN = /^[a-z0-9](?:[a-z0-9.-]{0,62})(?:\/[a-z0-9-]{1,32})?$/;

const config = object<EnclaveConfig & { readonly version: number }>({
  version: integer(1, 1),
  platform: (value, path) =>
    value === 'nitro' || value === 'nitro-simulated' ? value : bad(path, 'must be nitro or nitro-simulated'),
  origin: text(ORIGIN),
  rpcPort: integer(1, 65_535),
  storePort: integer(1, 65_535),
  seal: object({ everySeconds: integer(1, 3_600), maxLeaves: integer(1, 1_000_000) }),
  policy: authorities,
  genesis: authorities,
  keyring: object({ kmsKeyId: text(/^[A-Za-z0-9:/_-]{1,256}$/), predecessors: list(bytes(48), 64) }),
  simulatedRoots: list(object({ name: text(/^[ -~]{1,128}$/), spkiSha256: bytes(32) }), 4),
  maxValidForMs: integer(1, 86_400_000),
});

function readJson(source: Uint8Array): JsonValue {
  try {
    return parseJson(source, { maxBytes: 65_536, maxDepth: 8, path: 'config.json' });
  } catch (cause) {
    throw new AssayError('CONFIG_INVALID', cause instanceof AssayError ? cause.message : 'config.json', {
      cause,
    });
  }
}

/** Strict: every field present, none unknown. Errors are CONFIG_INVALID and name the field. */
export function parseConfig(source: Uint8Array): EnclaveConfig {
  const read = config(readJson(source), '');
  const simulated = read.platform === 'nitro-simulated';
  if (simulated !== read.origin.startsWith('sim.'))
    bad('origin', 'must start with sim. exactly when the platform is simulated');
  if (simulated !== read.simulatedRoots.length > 0)
    bad('simulatedRoots', 'must be given exactly when the platform is simulated');
  return read;
}
