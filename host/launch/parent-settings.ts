/**
 * Writes the settings of a Nitro parent instance for one image, into a folder that must not exist:
 *
 *     parent-settings --image FILE --measurements FILE --config FILE -o DIR
 *         [--listen HOST:PORT] [--cid N] [--cpus N] [--kms-port N] [--image-path PATH]
 *
 * A bad command line, file or image is `CODE: message` on stderr and status 2 or 1.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkConfig } from '../../images/nitro/config.ts';
import { type ParentFiles, parentFiles } from '../../images/nitro/parent/index.ts';
import { nodeCrypto } from '../../native/index.ts';
import { catalogued } from '../../src/base/codes/index.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { formatAddress, parseAddress } from '../client/address.ts';
import { CHECKOUT } from './home.ts';

const ONE = { type: 'string' } as const;
const DEFAULTS = {
  listen: '0.0.0.0:7470',
  cid: '16',
  cpus: '2',
  'kms-port': '8000',
  'image-path': '/usr/local/lib/assay/enclave.eif',
} as const;
const OPTIONS = {
  image: ONE,
  measurements: ONE,
  config: ONE,
  output: { type: 'string', short: 'o' },
  listen: { ...ONE, default: DEFAULTS.listen },
  cid: { ...ONE, default: DEFAULTS.cid },
  cpus: { ...ONE, default: DEFAULTS.cpus },
  'kms-port': { ...ONE, default: DEFAULTS['kms-port'] },
  'image-path': { ...ONE, default: DEFAULTS['image-path'] },
} as const;
const USAGE = 'parent-settings --image FILE --measurements FILE --config FILE -o DIR';
/** 0 to 3 are the hypervisor's, the loopback's, the host's and the parent's (vsock(7), Nitro Enclaves). */
const FIRST_CID = 4;
const MAX_U32 = 0xffff_ffff;

function number(name: string, text: string, min: number, max: number): number {
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : fail('USAGE', `--${name}: a number of ${min} to ${max}`);
}

function read(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw new AssayError('USAGE', `${path} cannot be read`, { cause });
  }
}

/** Without its scheme, as the relay takes it and a unit can carry it: one word. */
function listenAddress(text: string): string {
  const address = parseAddress(text);
  if (address.family !== 'tcp') return fail('USAGE', '--listen: HOST:PORT');
  return formatAddress(address).replace('tcp://', '');
}

async function main(args: readonly string[]): Promise<void> {
  let values: ReturnType<typeof parse>;
  function parse() {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
  }
  try {
    values = parse();
  } catch (cause) {
    return fail('USAGE', (cause as Error).message, { cause });
  }
  const { image, measurements, config, output } = values;
  if (image === undefined || measurements === undefined || config === undefined || output === undefined)
    return fail('USAGE', USAGE);
  const imagePath = values['image-path'];
  if (!/^\/[A-Za-z0-9._/-]+$/.test(imagePath)) fail('USAGE', '--image-path: an absolute path of plain names');
  const given = { image: read(image), measurements: read(measurements), config: read(config) };
  await checkConfig(CHECKOUT, 'nitro', given.config);
  const files: ParentFiles = parentFiles(nodeCrypto, given, {
    listen: listenAddress(values.listen),
    cid: number('cid', values.cid, FIRST_CID, MAX_U32 - 1),
    cpus: number('cpus', values.cpus, 1, 1_024),
    kmsPort: number('kms-port', values['kms-port'], 1, MAX_U32 - 1),
    imagePath,
  });
  try {
    mkdirSync(output);
  } catch (cause) {
    throw new AssayError('USAGE', `${output} is there already, or cannot be made`, { cause });
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(output, name), text);
  process.stdout.write(files['parent.env']);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const known = error instanceof AssayError ? error : new AssayError('INTERNAL', String(error));
  process.stderr.write(`${known.code}: ${known.message}\n`);
  process.exitCode = catalogued(known).kind === 'malformed' ? 2 : 1;
}
