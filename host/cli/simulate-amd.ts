/** `assay simulate snp`: an attestation report, and what AMD's key service would serve for its chip. */
import { join } from 'node:path';
import { measureText } from '../../src/image/pcr.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import {
  AMD_FAULTS,
  type AmdProduct,
  createAmdVendor,
  parseAmdFaults,
  type ReportOptions,
} from '../simulator/amd/index.ts';
import { deriveFrom } from '../simulator/state.ts';
import type { Io } from './io.ts';
import { type CommandLine, type Options, readHex, readTime, readWord } from './options.ts';
import { makeFolder, readSeed, write } from './simulate-files.ts';

const PRODUCTS: readonly AmdProduct[] = ['Milan', 'Genoa', 'Turin'];

export const AMD_HELP: string = `snp -o FOLDER
  -o FOLDER          report.bin, and beside it the certificates and the revocation list
  --product NAME     ${PRODUCTS.join(', ')}; Genoa when left out
  --signer NAME      vcek, the key of the chip, when left out; or vlek, a key of the provider
  --report-data HEX  64 bytes that the report binds
  --measurement HEX  48 bytes
  --host-data HEX    32 bytes
  --vmpl N           0 to 3; 0 when left out
  --report-version N 2, 3 or 5
  --at TIME          when the vendor issues what it issues (RFC 3339); now when left out
  --fault NAME       one of these:
${Object.entries(AMD_FAULTS)
  .map(([name, what]) => `    ${name.padEnd(20)} ${what}`)
  .join('\n')}
`;

const TEXT = { type: 'string' } as const;

export const AMD_OPTIONS: Options = {
  product: TEXT,
  signer: TEXT,
  'report-data': TEXT,
  measurement: TEXT,
  'host-data': TEXT,
  vmpl: TEXT,
  'report-version': TEXT,
  at: TEXT,
};

export async function simulateSnp(line: CommandLine, io: Io): Promise<number> {
  const folder = line.text('output') ?? fail('USAGE', 'assay simulate: -o FOLDER is missing');
  const at = line.text('at');
  const now = at === undefined ? io.now() : readTime('--at', at);
  const signer = readWord(line, 'signer', ['vcek', 'vlek']) ?? 'vcek';
  const vmpl = readWord(line, 'vmpl', ['0', '1', '2', '3']);
  const version = readWord(line, 'report-version', ['2', '3', '5']);
  const hostData = bytes(line, 'host-data', 32);
  const measurement =
    bytes(line, 'measurement', 48) ?? measureText(nodeCrypto, 'assay simulated image, measurement');
  const data = bytes(line, 'report-data', 64) ?? new Uint8Array(64);
  const vendor = await createAmdVendor({
    derive: deriveFrom(readSeed(line.text('seed'))),
    now: () => now,
    faults: parseAmdFaults(line.texts('fault')),
    product: readWord(line, 'product', PRODUCTS) ?? 'Genoa',
  });
  const guest = vendor.launchGuest({ measurement, ...(hostData === null ? {} : { hostData }) });
  const options: ReportOptions = {
    signer,
    ...(vmpl === undefined ? {} : { vmpl: Number(vmpl) as 0 | 1 | 2 | 3 }),
    ...(version === undefined ? {} : { version: Number(version) as 2 | 3 | 5 }),
  };
  const files = new Map([['report.bin', guest.report(data, options)], ...vendor.collateral(signer)]);
  makeFolder(folder);
  for (const [name, content] of files) write(join(folder, name), content);
  const root = { platform: 'snp', name: vendor.rootName, spki_sha256: toHex(vendor.rootSpkiSha256) };
  if (line.flag('json'))
    io.out(`${JSON.stringify({ simulated: true, folder, files: [...files.keys()], root })}\n`);
  else {
    io.out(`simulated SEV-SNP report and its collateral: ${folder}/ (${[...files.keys()].join(', ')})\n`);
    io.out(`its root, for "simulated" in a trust policy: ${JSON.stringify(root)}\n`);
  }
  return 0;
}

function bytes(line: CommandLine, name: string, size: number): Uint8Array | null {
  const text = line.text(name);
  return text === undefined ? null : readHex(`--${name}`, text, size, size);
}
