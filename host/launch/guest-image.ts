/**
 * The image of a simulated TDX or SEV-SNP machine, with what its owners write down about it: measurements, the
 * custodian's key policy, and a trust policy that pins program, configuration and machine.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { enclaveProgram, measure, simulatedImage } from '../../images/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { openHardware } from '../simulator/index.ts';
import { developmentConfig, ORIGIN } from './config.ts';
import { guestTrust } from './guest-trust.ts';
import { CHECKOUT, type DevHome } from './home.ts';

export type GuestPlatform = 'tdx' | 'snp';

export interface GuestImage {
  readonly path: string;
  readonly bytes: number;
  readonly measurements: Readonly<Record<string, Uint8Array>>;
}

/** Makes the simulated hardware if there is none. `authority`: raw Ed25519; `node`: the binary that runs the program. */
export async function buildGuestImage(
  home: DevHome & { readonly builtTrust: string },
  platform: GuestPlatform,
  { authority, node }: { readonly authority: Uint8Array; readonly node: Uint8Array },
): Promise<GuestImage> {
  mkdirSync(dirname(home.image), { recursive: true });
  const now = Date.now();
  const hardware = await openHardware(platform, { state: home.simulator, faults: [], now: () => now });
  const { rootName, rootSpkiSha256, keyId } = hardware;
  const identity = { ...hardware, keyArn: keyId };
  const config = developmentConfig(identity, authority, platform);
  const program = await enclaveProgram(CHECKOUT, `${platform}-simulated`);
  const image = simulatedImage(program, { root: CHECKOUT, config, node, hashing: nodeCrypto });
  const measured = measure(nodeCrypto, image, node);
  const guest = hardware.launch({ measured, configDigest: measured.configDigest });
  const trust = await guestTrust(guest, { platform, rootName, rootSpkiSha256, config, authority, now });
  writeFileSync(home.image, image);
  writeFileSync(home.keyPolicy, guest.keyPolicy);
  writeFileSync(home.builtTrust, asText(trust));
  const hex = Object.entries(guest.measurements).map(([name, value]) => [name, toHex(value)]);
  const facts = {
    Measurements: Object.fromEntries(hex),
    Assay: {
      Platform: platform,
      Simulated: true,
      Origin: ORIGIN,
      ConfigDigest: toHex(measured.configDigest),
      // What the configuration of a later image names under keyring.predecessors.
      Image: toHex(imageOf(platform, guest.measurements)),
      SimulatedRootName: rootName,
      SimulatedRootSpkiSha256: toHex(rootSpkiSha256),
    },
  };
  writeFileSync(home.measurements, asText(facts));
  return { path: home.image, bytes: image.length, measurements: guest.measurements };
}

/** As the enclave identifies its own kind: on TDX all registers that hold code, on SEV-SNP the launch measurement. */
function imageOf(platform: GuestPlatform, measurements: GuestImage['measurements']): Uint8Array {
  const named = (name: string): Uint8Array => measurements[name] as Uint8Array;
  if (platform === 'snp') return named('MEASUREMENT');
  return nodeCrypto.sha384(named('MRTD'), named('RTMR1'), named('RTMR2'));
}

const asText = (value: JsonObject): Uint8Array => utf8(`${JSON.stringify(value, null, 2)}\n`);
