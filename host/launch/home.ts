/**
 * Where a development installation keeps its things, below `var/` of the checkout (or ASSAY_HOME): the simulated
 * hardware's seed, the authorities' key that signs orders, the client's key, the store. Made by `make build`
 * and on first use; each install has its own random ones.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fail } from '../../src/base/errors.ts';

export interface DevHome {
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
}

/** Compiled code lies in `dist`; tests and benchmarks run this file from the sources. */
const COMPILED: boolean = import.meta.filename.endsWith('.js');

export const CHECKOUT: string = resolve(import.meta.dirname, COMPILED ? '../../..' : '../..');

/** The first digits of PCR0; `none` before the first build. */
function imageName(measurements: string): string {
  if (!existsSync(measurements)) return 'none';
  return /"PCR0": "([0-9a-f]{16})/.exec(readFileSync(measurements, 'utf8'))?.[1] ?? 'none';
}

/** The paths, whether or not anything lies there. */
export function homePaths(): DevHome {
  const folder = process.env['ASSAY_HOME'] ?? join(CHECKOUT, 'var');
  const build = join(CHECKOUT, 'build');
  return {
    folder,
    simulator: join(folder, 'simulator'),
    store: join(folder, 'stores', imageName(join(build, 'measurements.json'))),
    keyPolicy: join(build, 'key-policy.json'),
    authorityKey: join(folder, 'authority.key'),
    clientKey: join(folder, 'client.key'),
    image: join(build, 'assay-simulated.img'),
    measurements: join(build, 'measurements.json'),
    trust: join(folder, 'trust.json'),
  };
}

/** Throws NOT_BUILT when `make build` has not run. */
export function devHome(): DevHome {
  const home = homePaths();
  if (!existsSync(home.image) || !existsSync(home.measurements))
    fail('NOT_BUILT', `${home.image} is absent; run 'make build'`);
  return home;
}
