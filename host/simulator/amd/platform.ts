/**
 * The machines that are simulated: what firmware and microcode run on them, and what the report says of them. The
 * values are near those of recorded machines of 2025 and 2026.
 */
import type { Millis } from '../../../src/base/clock.ts';
import { fail } from '../../../src/base/errors.ts';
import type { AmdFaults } from './faults.ts';

export type AmdProduct = 'Milan' | 'Genoa' | 'Turin';
export type Authority = 'ark' | 'ask' | 'asvk';
export type Signer = 'vcek' | 'vlek';

export interface Revoked {
  readonly serial: number;
  readonly at: Millis;
}

/** Security version numbers: of microcode 0 to 255, of the others 0 to 127. `fmc` is null where there is none. */
export interface Tcb {
  readonly fmc: number | null;
  readonly bootloader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly build: number;
}

export interface Product {
  /** Of the authorities, as AMD has numbered them. */
  readonly serials: Readonly<Record<Authority, number>>;
  /** What AMD's list of this product really names: it has replaced the ASK of Genoa once. */
  readonly revoked: readonly Revoked[];
  /** In a VCEK; a VLEK has the bare name. */
  readonly productName: string;
  /** CPUID family (extended and base), model, stepping. */
  readonly cpu: readonly [family: number, model: number, stepping: number];
  readonly hwidBytes: number;
  readonly structVersion: number;
  readonly healthy: Tcb;
  readonly old: Tcb;
  readonly version: Version;
  /** Less SMT_EN. */
  readonly platformInfo: bigint;
  readonly mitigations: bigint;
}

export const PRODUCTS: Readonly<Record<AmdProduct, Product>> = {
  Milan: {
    serials: { ark: 0x01_0000, ask: 0x01_0001, asvk: 0x01_0101 },
    revoked: [],
    productName: 'Milan-B0',
    cpu: [0x19, 0x01, 0x01],
    hwidBytes: 64,
    structVersion: 0,
    healthy: { fmc: null, bootloader: 4, tee: 0, snp: 27, microcode: 222 },
    old: { fmc: null, bootloader: 3, tee: 0, snp: 8, microcode: 115 },
    version: { major: 1, minor: 55, build: 35 },
    platformInfo: 0x24n,
    mitigations: 0x0bn,
  },
  Genoa: {
    serials: { ark: 0x02_0000, ask: 0x02_0002, asvk: 0x02_0101 },
    revoked: [{ serial: 0x02_0001, at: Date.UTC(2022, 9, 31, 12) }],
    productName: 'Genoa',
    cpu: [0x19, 0x11, 0x01],
    hwidBytes: 64,
    structVersion: 0,
    healthy: { fmc: null, bootloader: 10, tee: 0, snp: 27, microcode: 88 },
    old: { fmc: null, bootloader: 7, tee: 0, snp: 14, microcode: 62 },
    version: { major: 1, minor: 55, build: 49 },
    platformInfo: 0x24n,
    mitigations: 0x0bn,
  },
  Turin: {
    serials: { ark: 0x03_0000, ask: 0x03_0001, asvk: 0x03_0101 },
    revoked: [],
    productName: 'Turin',
    cpu: [0x1a, 0x02, 0x01],
    hwidBytes: 8,
    structVersion: 1,
    healthy: { fmc: 1, bootloader: 1, tee: 1, snp: 4, microcode: 81 },
    old: { fmc: 0, bootloader: 0, tee: 0, snp: 1, microcode: 33 },
    version: { major: 1, minor: 55, build: 65 },
    platformInfo: 0x64n,
    mitigations: 0x3fn,
  },
};

/** Firmware that wrote version 2 of the report, and one that a machine with `old-tcb` runs. */
const VERSION_2: Version = { major: 1, minor: 52, build: 4 };
const OLD_VERSION: Version = { major: 1, minor: 55, build: 21 };
const SMT_ENABLED = 1n << 0n;
const ALIAS_CHECK_COMPLETE = 1n << 5n;
/** What firmware of that time said: SMT and TSME. */
const PLATFORM_INFO_2 = 0x03n;

export interface PlatformState {
  readonly current: Tcb;
  readonly committed: Tcb;
  readonly reported: Tcb;
  readonly launch: Tcb;
  readonly currentVersion: Version;
  readonly committedVersion: Version;
  readonly platformInfo: bigint;
  readonly mitigations: bigint;
}

/** What a machine of this product says of itself in a report of this version. */
export function platformState(name: AmdProduct, faults: AmdFaults, version: 2 | 3 | 5): PlatformState {
  const product = PRODUCTS[name];
  const base = faults.has('old-tcb') ? product.old : product.healthy;
  const committed = faults.has('high-spl') ? { ...base, microcode: 0xf0 } : base;
  const later = faults.has('old-tcb') ? OLD_VERSION : product.version;
  const installed = version === 2 ? VERSION_2 : later;
  const ahead = faults.has('provisional-firmware');
  const behind = faults.has('rolled-back-tcb');
  let platformInfo = product.platformInfo;
  if (faults.has('smt')) platformInfo |= SMT_ENABLED;
  if (faults.has('alias-check-missing')) platformInfo &= ~ALIAS_CHECK_COMPLETE;
  if (version === 2) platformInfo &= PLATFORM_INFO_2;
  return {
    current: ahead ? { ...committed, microcode: committed.microcode + 1 } : committed,
    committed,
    reported: behind ? { ...committed, microcode: committed.microcode - 2 } : committed,
    launch: committed,
    currentVersion: ahead ? { ...installed, build: installed.build + 1 } : installed,
    committedVersion: installed,
    platformInfo,
    mitigations: version === 5 ? product.mitigations : 0n,
  };
}

/** TCB_VERSION (AMD 56860 section 2.2): low byte first; null is a reserved byte. */
const TCB_VERSION: Readonly<Record<'classic' | 'turin', readonly (keyof Tcb | null)[]>> = {
  classic: ['bootloader', 'tee', null, null, null, null, 'snp', 'microcode'],
  turin: ['fmc', 'bootloader', 'tee', 'snp', null, null, null, 'microcode'],
};

export function encodeTcb(product: AmdProduct, tcb: Tcb): Uint8Array {
  const parts = TCB_VERSION[product === 'Turin' ? 'turin' : 'classic'];
  return Uint8Array.from(parts, (part) => {
    const level = part === null ? 0 : tcb[part];
    return level ?? fail('INTERNAL', `${product} has no level of ${part}`);
  });
}
