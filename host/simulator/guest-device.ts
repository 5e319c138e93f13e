/**
 * `dev/tdx` or `dev/snp` of a simulated machine: evidence over 64 bytes with the endorsements that the host has for it,
 * registers where there are any, entropy and a clock. Served like the Nitro module: `serveNsm`.
 */
import { randomBytes } from 'node:crypto';
import type { Millis } from '../../src/base/clock.ts';
import { AssayError } from '../../src/base/errors.ts';
import { readCollateral, writeBundle } from '../../src/collateral/index.ts';
import {
  decodeDeviceRequest,
  type DeviceResponse,
  encodeDeviceResponse,
} from '../../src/evidence/simulated-device.ts';

export interface GuestParts {
  readonly evidence: (reportData: Uint8Array) => Uint8Array;
  /** What the vendor serves now, by file name. */
  readonly collateral: () => ReadonlyMap<string, Uint8Array>;
  /** Null on hardware without registers. Throws RangeError for one that a guest cannot extend. */
  readonly extend: ((register: number, digest: Uint8Array) => void) | null;
  readonly now: () => Millis;
}

/** Vendors sign their statements for a month; a host that fetches them anew each hour is a careful one. */
const REFRESH: Millis = 3_600_000;
const MAX_MESSAGE = 200;

export function createGuestDevice(parts: GuestParts): { handle(request: Uint8Array): Promise<Uint8Array> } {
  const endorsements = refreshed(() => bundleOf(parts.collateral()), parts.now);

  function answer(message: Uint8Array): DeviceResponse {
    const request = decodeDeviceRequest(message);
    switch (request.kind) {
      case 'quote':
        return { kind: 'quote', evidence: parts.evidence(request.reportData), endorsements: endorsements() };
      case 'extend':
        if (parts.extend === null) return { kind: 'error', message: 'this hardware has no registers' };
        parts.extend(request.register, request.digest);
        return { kind: 'extend' };
      case 'random':
        return { kind: 'random', random: new Uint8Array(randomBytes(request.length)) };
      case 'clock':
        return { kind: 'clock', time: parts.now() };
    }
  }

  return Object.freeze({
    async handle(message: Uint8Array): Promise<Uint8Array> {
      try {
        return encodeDeviceResponse(answer(message));
      } catch (error) {
        if (!(error instanceof AssayError || error instanceof RangeError)) throw error;
        return encodeDeviceResponse({ kind: 'error', message: error.message.slice(0, MAX_MESSAGE) });
      }
    },
  });
}

/** As a host keeps it: what it cannot read it leaves out. */
export function bundleOf(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  return writeBundle(readCollateral([...files].map(([name, bytes]) => ({ name, bytes }))).items);
}

function refreshed(make: () => Uint8Array, now: () => Millis): () => Uint8Array {
  let made: { readonly at: Millis; readonly bytes: Uint8Array } | null = null;
  return () => {
    const at = now();
    if (made === null || at - made.at > REFRESH || at < made.at) made = { at, bytes: make() };
    return made.bytes;
  };
}
