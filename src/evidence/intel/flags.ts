/** Bits that say how an enclave or a TD runs. Bits without a name here are kept: what they may be is the verifier's. */

/** ATTRIBUTES.FLAGS of an enclave (Intel SDM volume 3D, ATTRIBUTES). */
export interface SgxFlags {
  readonly initialized: boolean;
  readonly debug: boolean;
  readonly mode64: boolean;
  readonly provisionKey: boolean;
  readonly einitTokenKey: boolean;
  readonly cet: boolean;
  readonly kss: boolean;
  readonly aexNotify: boolean;
}

/** TDATTRIBUTES (Intel TDX Module ABI, TD_ATTRIBUTES). */
export interface TdFlags {
  readonly debug: boolean;
  /** Without it the host can inject #VE where the guest does not expect one. */
  readonly septVeDisable: boolean;
  readonly migratable: boolean;
  readonly pks: boolean;
  readonly keyLocker: boolean;
  readonly perfmon: boolean;
}

type Bits<Flags> = { readonly [Name in keyof Flags]: bigint };

const SGX: Bits<SgxFlags> = {
  initialized: 0n,
  debug: 1n,
  mode64: 2n,
  provisionKey: 4n,
  einitTokenKey: 5n,
  cet: 6n,
  kss: 7n,
  aexNotify: 10n,
};

/**
 * Later modules give names to more bits (4 to 6 let the host profile the TD, 16 ICSSD, 27 LASS, 62 TPA). They stay
 * among the reserved ones: each is to be allowed by someone who knows it.
 */
const TD: Bits<TdFlags> = {
  debug: 0n,
  septVeDisable: 28n,
  migratable: 29n,
  pks: 30n,
  keyLocker: 31n,
  perfmon: 63n,
};

const maskOf = (bits: Readonly<Record<string, bigint>>): bigint =>
  Object.values(bits).reduce((mask, at) => mask | (1n << at), 0n);

const SGX_NAMED: bigint = maskOf({ ...SGX });
const TD_NAMED: bigint = maskOf({ ...TD });

export const reservedSgx = (flags: bigint): bigint => flags & ~SGX_NAMED;
export const reservedTd = (flags: bigint): bigint => flags & ~TD_NAMED;

const has = (flags: bigint, at: bigint): boolean => ((flags >> at) & 1n) === 1n;

export function sgxFlags(flags: bigint): SgxFlags {
  return Object.freeze({
    initialized: has(flags, SGX.initialized),
    debug: has(flags, SGX.debug),
    mode64: has(flags, SGX.mode64),
    provisionKey: has(flags, SGX.provisionKey),
    einitTokenKey: has(flags, SGX.einitTokenKey),
    cet: has(flags, SGX.cet),
    kss: has(flags, SGX.kss),
    aexNotify: has(flags, SGX.aexNotify),
  });
}

export function tdFlags(flags: bigint): TdFlags {
  return Object.freeze({
    debug: has(flags, TD.debug),
    septVeDisable: has(flags, TD.septVeDisable),
    migratable: has(flags, TD.migratable),
    pks: has(flags, TD.pks),
    keyLocker: has(flags, TD.keyLocker),
    perfmon: has(flags, TD.perfmon),
  });
}

/** 64 bits of little-endian bytes. */
export const bitsOf = (bytes: Uint8Array, offset = 0): bigint =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(offset, true);
