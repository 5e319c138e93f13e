/**
 * The second half of `make build`: makes this installation's simulated hardware and authority key if there are none,
 * builds the enclave's program image of each simulated platform with them in its measured configuration, and writes
 * what it measures to.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatMeasurements, measure } from '../../images/index.ts';
import { enclaveProgram, simulatedImage } from '../../images/enclave.ts';
import { nodeCrypto } from '../../native/index.ts';
import { toHex } from '../../src/base/hex.ts';
import { readAuthorityKey, writeAuthorityKey } from '../policy/index.ts';
import { hardwareIdentity, keyPolicyFor } from '../simulator/index.ts';
import { developmentConfig, ORIGIN } from './config.ts';
import { buildGuestImage, type GuestPlatform } from './guest-image.ts';
import { CHECKOUT, type DevHome, homePaths } from './home.ts';

const home = homePaths();
mkdirSync(home.folder, { recursive: true, mode: 0o700 });
mkdirSync(dirname(home.image), { recursive: true });
const authority = existsSync(home.authorityKey)
  ? readAuthorityKey(home.authorityKey)
  : writeAuthorityKey(home.authorityKey);
const hardware = await hardwareIdentity(home.simulator);
const config = developmentConfig(hardware, authority.publicKey);
const node = new Uint8Array(readFileSync(process.execPath));
const program = await enclaveProgram(CHECKOUT, 'simulated');
const image = simulatedImage(program, { root: CHECKOUT, config, node, hashing: nodeCrypto });
const measured = measure(nodeCrypto, image, node);
writeFileSync(home.image, image);
writeFileSync(home.keyPolicy, keyPolicyFor(measured));
writeFileSync(
  home.measurements,
  formatMeasurements(measured, {
    Platform: 'nitro',
    Simulated: true,
    Origin: ORIGIN,
    ConfigDigest: toHex(measured.configDigest),
    SimulatedRootName: hardware.rootName,
    SimulatedRootSpkiSha256: toHex(hardware.rootSpkiSha256),
  }),
);
process.stdout.write(
  `${home.image}: ${(image.length / 1_048_576).toFixed(1)} MB, PCR0 ${toHex(measured.pcr0).slice(0, 16)}…\n`,
);

for (const platform of ['tdx', 'snp'] as const satisfies readonly GuestPlatform[]) {
  const own = homePaths(platform) as DevHome & { readonly builtTrust: string };
  const { path, bytes, measurements } = await buildGuestImage(own, platform, {
    authority: authority.publicKey,
    node,
  });
  const [name, value] = Object.entries(measurements)[0] as [string, Uint8Array];
  const size = (bytes / 1_048_576).toFixed(1);
  process.stdout.write(`${path}: ${size} MB, ${name} ${toHex(value).slice(0, 16)}…\n`);
}
