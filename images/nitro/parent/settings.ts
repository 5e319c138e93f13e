/**
 * Settings of a parent instance, made from the image that it is to run: memory, ports, the host of KMS, and the
 * registers that the key's policy waits for. The image is measured here again; a file that says otherwise is refused.
 */
import type { Hashing } from '../../../src/base/crypto.ts';
import { fail } from '../../../src/base/errors.ts';
import { toHex } from '../../../src/base/hex.ts';
import { isObject, jsonArray, jsonText, jsonUint } from '../../../src/codec/json-shape.ts';
import { type JsonObject, parseJson } from '../../../src/codec/json.ts';
import { measureEif } from '../../eif-measure.ts';

export interface ParentInput {
  /** The enclave image file. */
  readonly image: Uint8Array;
  /** measurements.json, as the build wrote it, from a machine that you trust. */
  readonly measurements: Uint8Array;
  /** The measured configuration that is in the image. */
  readonly config: Uint8Array;
}

/** What neither image nor configuration decides. */
export interface ParentChoices {
  /** Where the relay listens: HOST:PORT. */
  readonly listen: string;
  /** Context id of the enclave: 4 or more. */
  readonly cid: number;
  /** Processors of the enclave: whole cores, so an even number where a core has two threads. */
  readonly cpus: number;
  /** Port of the proxy to KMS on the vsock. */
  readonly kmsPort: number;
  /** Where the image will lie on the parent. */
  readonly imagePath: string;
}

/** By name; each is the whole text of a file. */
export type ParentFiles = Readonly<
  Record<'parent.env' | 'allocator.yaml' | 'vsock-proxy.yaml' | 'stack-parameters.json', string>
>;

/** Parameters of the stack that keep their values when the registers change. */
export const STACK_KEPT: readonly string[] = [
  'AdministratorArn',
  'ClientCidr',
  'ImageId',
  'InstanceType',
  'SubnetId',
  'VolumeGib',
  'VpcId',
];

const MIB = 1_048_576;
/** nitro-cli refuses less (resource_manager.rs), and the kernel could not unpack the image. */
const TIMES_IMAGE = 4;
/** The kernel counts less than the machine has: 64 bytes for each page of 4 KiB, and what it takes for itself. */
const PAGE_SHARE = 64;
const KERNEL_MIB = 64;
const MAX_JSON = 65_536;
const ARN = /^arn:(aws|aws-us-gov|aws-cn):kms:([a-z0-9-]{1,32}):[0-9]{12}:key\/[A-Za-z0-9-]{1,64}$/;

/** What to give the enclave: four times its image, and enough that the kernel counts what the configuration demands. */
export function parentMemoryMib(imageBytes: number, demandedMib: number): number {
  const counted = Math.ceil(((demandedMib + KERNEL_MIB) * PAGE_SHARE) / (PAGE_SHARE - 1));
  const mib = Math.max(Math.ceil((TIMES_IMAGE * imageBytes) / MIB), counted);
  // Huge pages are of 2 MiB at least.
  return mib + (mib % 2);
}

/**
 * Throws NITRO_PCR_MISMATCH, SERVICE_CONFIG_MISMATCH, CONFIG_INVALID, the code of a file that cannot be read, or that
 * of an image that is not canonical, or signed by nobody.
 */
export function parentFiles(hashing: Hashing, input: ParentInput, choices: ParentChoices): ParentFiles {
  const pcrs = checkedRegisters(hashing, input);
  const config = jsonObjectOf(input.config, 'configuration');
  const machine = jsonObjectAt(config, 'machine');
  refuseExampleKeys(config);
  const [, partition, region] = kmsArn(config);
  const memory = parentMemoryMib(input.image.length, jsonUint(machine, 'memoryMib', 'configuration.machine'));
  const host = `kms.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`;
  const environment = {
    ENCLAVE_IMAGE: choices.imagePath,
    ENCLAVE_CID: choices.cid,
    ENCLAVE_CPUS: choices.cpus,
    ENCLAVE_MEMORY_MIB: memory,
    RPC_PORT: jsonUint(config, 'rpcPort', 'configuration'),
    STORE_PORT: jsonUint(config, 'storePort', 'configuration'),
    LISTEN: choices.listen,
    KMS_HOST: host,
    KMS_PORT: choices.kmsPort,
  };
  const parameters = [
    ...Object.entries(pcrs).map(([name, value]) => ({ ParameterKey: name, ParameterValue: value })),
    ...STACK_KEPT.map((name) => ({ ParameterKey: name, UsePreviousValue: true })),
  ];
  return {
    'parent.env': Object.entries(environment)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
    'allocator.yaml': `---\nmemory_mib: ${memory}\ncpu_count: ${choices.cpus}\n`,
    'vsock-proxy.yaml': `allowlist:\n- {address: ${host}, port: 443}\n`,
    'stack-parameters.json': `${JSON.stringify(parameters, null, 2)}\n`,
  };
}

/** `Pcr8` is empty for an image that nobody signed. */
type Registers = Readonly<Record<'Pcr0' | 'Pcr1' | 'Pcr2' | 'Pcr8', string>>;

function checkedRegisters(hashing: Hashing, { image, measurements, config }: ParentInput): Registers {
  // An image of which the registers do not fix the layout is not what the key's policy should wait for.
  const { pcr0, pcr1, pcr2, pcr8 } = measureEif(hashing, image);
  const file = jsonObjectOf(measurements, 'measurements');
  const said = jsonObjectAt(file, 'Measurements');
  for (const [name, measured] of Object.entries({ PCR0: pcr0, PCR1: pcr1, PCR2: pcr2 })) {
    const expected = jsonText(said, name, 'measurements').toLowerCase();
    if (toHex(measured) !== expected)
      fail('NITRO_PCR_MISMATCH', `${name} of the image is ${toHex(measured)}, expected was ${expected}`);
  }
  const facts = file['Assay'];
  const digest = isObject(facts) ? facts['ConfigDigest'] : undefined;
  if (digest !== toHex(hashing.sha256(config)))
    fail(
      'SERVICE_CONFIG_MISMATCH',
      'the measurements do not name this configuration as the one that the image was built with',
    );
  const signer = pcr8 === null ? '' : toHex(pcr8);
  return { Pcr0: toHex(pcr0), Pcr1: toHex(pcr1), Pcr2: toHex(pcr2), Pcr8: signer };
}

function kmsArn(config: JsonObject): readonly string[] {
  const keyring = jsonObjectAt(config, 'keyring');
  const match = ARN.exec(jsonText(keyring, 'kmsKeyId', 'configuration.keyring'));
  return match ?? fail('CONFIG_INVALID', 'keyring.kmsKeyId: must be the full ARN of a KMS key');
}

/** Nobody has the private half of what stands in the example, so nobody could ever sign an order. */
function refuseExampleKeys(config: JsonObject): void {
  for (const name of ['policy', 'genesis']) {
    const keys = jsonArray(jsonObjectAt(config, name), 'keys', name, 16, String);
    if (keys.some((key) => /^([0-9a-f]{2})\1*$/.test(key)))
      fail(
        'CONFIG_INVALID',
        `${name}.keys: still has a key of the example; make one with assay policy keygen`,
      );
  }
}

const jsonObjectOf = (bytes: Uint8Array, path: string): JsonObject => {
  const value = parseJson(bytes, { maxBytes: MAX_JSON, maxDepth: 8, path });
  return isObject(value) ? value : fail('JSON_SHAPE', `${path}: not an object`);
};

const jsonObjectAt = (object: JsonObject, name: string): JsonObject => {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return isObject(value) ? value : fail('JSON_SHAPE', `${name}: not an object`);
};
