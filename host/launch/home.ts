/**
 * Where a development installation keeps its things, below `var/` of the checkout (or ASSAY_HOME): the simulated
 * hardware's seed, the authorities' key that signs orders, the client's key, the store. Made by `make build`
 * and on first use; each install has its own random ones.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fail } from '../../src/base/errors.ts';
import type { SimulatedPlatform } from '../simulator/index.ts';

export interface DevHome {
  readonly platform: SimulatedPlatform;
  readonly folder: string;
  readonly simulator: string;
  /** One store an image: a keyring opens only for the image that made it, or one whose configuration names it. */
  readonly store: string;
  /** Key policy of the simulated custodian that names the built image. */
  readonly keyPolicy: string;
  /** Ed25519, PKCS#8 PEM: signs genesis and policy orders of this installation. */
  readonly authorityKey: string;
  readonly clientKey: string;
  readonly image: string;
  readonly measurements: string;
  readonly trust: string;
  /** The trust policy as the build wrote it; null on Nitro, where it is made from the measurements. */
  readonly builtTrust: string | null;
}

/** Compiled code lies in `dist`; tests and benchmarks run this file from the sources. */
const COMPILED: boolean = import.meta.filename.endsWith('.js');

export const CHECKOUT: string = resolve(import.meta.dirname, COMPILED ? '../../..' : '../..');

/** The first digits of what names the image; `none` before the first build. */
function imageName(measurements: string): string {
  if (!existsSync(measurements)) return 'none';
  return (
    /"(?:PCR0|MRTD|MEASUREMENT)": "([0-9a-f]{16})/.exec(readFileSync(measurements, 'utf8'))?.[1] ?? 'none'
  );
}

/**
 * The paths of one platform, whether or not anything lies there. All platforms have the simulated hardware's seed and
 * the keys of people in common; image, store and trust policy are each platform's own.
 */
export function homePaths(platform: SimulatedPlatform = 'nitro'): DevHome {
  const folder = process.env['ASSAY_HOME'] ?? join(CHECKOUT, 'var');
  const nitro = platform === 'nitro';
  const build = nitro ? join(CHECKOUT, 'build') : join(CHECKOUT, 'build', platform);
  const name = imageName(join(build, 'measurements.json'));
  return {
    platform,
    folder,
    simulator: join(folder, 'simulator'),
    store: join(folder, 'stores', nitro ? name : `${platform}-${name}`),
    keyPolicy: join(build, 'key-policy.json'),
    authorityKey: join(folder, 'authority.key'),
    clientKey: join(folder, 'client.key'),
    image: join(build, 'assay-simulated.img'),
    measurements: join(build, 'measurements.json'),
    trust: join(folder, nitro ? 'trust.json' : `trust-${platform}.json`),
    builtTrust: nitro ? null : join(build, 'trust.json'),
  };
}

/** Throws NOT_BUILT when `make build` has not run. */
export function devHome(platform: SimulatedPlatform = 'nitro'): DevHome {
  const home = homePaths(platform);
  if (!existsSync(home.image) || !existsSync(home.measurements))
    fail('NOT_BUILT', `${home.image} is absent; run 'make build'`);
  return home;
}
