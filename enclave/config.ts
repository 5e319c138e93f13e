/**
 * The measured configuration: a JSON file inside the image, so its every byte moves PCR0 and PCR2, and its
 * digest is extended into PCR16 and locked before it is parsed. There are no defaults and no other source:
 * what is not written here cannot be switched on from outside. What only one platform has in it is read by that
 * platform's own file, so that the program of another knows neither the field nor the word.
 */
import { AssayError } from '../src/base/errors.ts';
import { type JsonValue, parseJson } from '../src/codec/json.ts';
import type { ReadKin } from './attest/kin.ts';
import {
  bad,
  bytes,
  type Fields,
  integer,
  list,
  object,
  type Read,
  type Reader,
  text,
} from './config-fields.ts';

/** Ed25519 public keys (32 bytes each), of which `threshold` distinct ones must sign. */
export interface Authorities {
  readonly threshold: number;
  readonly keys: readonly Uint8Array[];
}

export interface EnclaveConfig {
  readonly platform: string;
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
  /** Verifies evidence of kin: who signs it is this platform's matter. */
  readonly readKin: ReadKin;
  /** What this platform alone has in it; its own files know the shapes. */
  readonly own: Read<Fields>;
  /** The longest time for which a decision may be used, in milliseconds. */
  readonly maxValidForMs: number;
}

/** What an entry program says of its platform. */
export interface PlatformConfig {
  /** The word that `platform` must be. */
  readonly name: string;
  readonly simulated: boolean;
  /** Reads what this platform alone has in the configuration; a field without a reader is unknown. */
  readonly fields: Fields;
  readonly kin: (own: Read<Fields>) => ReadKin;
}

const authorities: Reader<Authorities> = (value, path) => {
  const read = object({ threshold: integer(1, 16), keys: list(bytes(32), 16) })(value, path);
  if (new Set(read.keys.map(String)).size !== read.keys.length) bad(`${path}.keys`, 'the same key twice');
  return read.threshold <= read.keys.length ? read : bad(`${path}.threshold`, 'more than there are keys');
};

const ORIGIN = /^[a-z0-9](?:[a-z0-9.-]{0,62})(?:\/[a-z0-9-]{1,32})?$/;

const COMMON = {
  version: integer(1, 1),
  origin: text(ORIGIN),
  rpcPort: integer(1, 65_535),
  storePort: integer(1, 65_535),
  seal: object({ everySeconds: integer(1, 3_600), maxLeaves: integer(1, 1_000_000) }),
  policy: authorities,
  genesis: authorities,
  keyring: object({ kmsKeyId: text(/^[A-Za-z0-9:/_-]{1,256}$/), predecessors: list(bytes(48), 64) }),
  maxValidForMs: integer(1, 86_400_000),
};

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
export function parseConfig(source: Uint8Array, platform: PlatformConfig): EnclaveConfig {
  const word: Reader<string> = (value, path) =>
    value === platform.name ? platform.name : bad(path, `must be ${platform.name}`);
  const read = object({ ...platform.fields, ...COMMON, platform: word })(readJson(source), '');
  if (platform.simulated !== read.origin.startsWith('sim.'))
    bad('origin', 'must start with sim. exactly when the platform is simulated');
  const { origin, rpcPort, storePort, seal, policy, genesis, keyring, maxValidForMs } = read;
  const common = { origin, rpcPort, storePort, seal, policy, genesis, keyring, maxValidForMs };
  const own = Object.freeze(
    Object.fromEntries(Object.keys(platform.fields).map((name) => [name, (read as Read<Fields>)[name]])),
  );
  return Object.freeze({ ...common, platform: platform.name, own, readKin: platform.kin(own) });
}
