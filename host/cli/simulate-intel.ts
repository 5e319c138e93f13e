/** `assay simulate tdx` and `sgx`: a quote, and what Intel's provisioning service would serve for its platform. */
import { join } from 'node:path';
import { measureText } from '../../src/image/pcr.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import {
  createIntelVendor,
  INTEL_FAULTS,
  type IntelVendor,
  parseIntelFaults,
  type TcbStatus,
  type TdQuoteOptions,
  type Tee,
} from '../simulator/intel/index.ts';
import { deriveFrom } from '../simulator/state.ts';
import type { Io } from './io.ts';
import { type CommandLine, type Options, readHex, readTime, readWord } from './options.ts';
import { makeFolder, readSeed, write } from './simulate-files.ts';

const STATUSES: readonly TcbStatus[] = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
];

export const INTEL_HELP: string = `tdx|sgx -o FOLDER
  -o FOLDER          quote.bin, and beside it TCB info, QE identity, certificates and revocation lists
  --tcb-status WORD  what the TCB info says of this platform: ${STATUSES.slice(0, 3).join(', ')},
                     ${STATUSES.slice(3, 5).join(', ')},
                     ${STATUSES.slice(5).join(', ')}
  --report-data HEX  64 bytes that the quote binds
  --at TIME          when the vendor issues what it issues (RFC 3339); now when left out
  --mrtd HEX, --rtmr N=HEX, --quote-version 4|5, --body-type 2|3|4     of a TD
  --mrenclave HEX, --mrsigner HEX                                      of an enclave
  --fault NAME       one of these:
${Object.entries(INTEL_FAULTS)
  .map(([name, what]) => `    ${name.padEnd(19)} ${what}`)
  .join('\n')}
`;

const TEXT = { type: 'string' } as const;

export const INTEL_OPTIONS: Options = {
  'tcb-status': TEXT,
  'report-data': TEXT,
  at: TEXT,
  mrtd: TEXT,
  rtmr: { type: 'string', multiple: true },
  'quote-version': TEXT,
  'body-type': TEXT,
  mrenclave: TEXT,
  mrsigner: TEXT,
};

export const simulateTdx = (line: CommandLine, io: Io): Promise<number> => simulate('tdx', line, io);
export const simulateSgx = (line: CommandLine, io: Io): Promise<number> => simulate('sgx', line, io);

async function simulate(tee: Tee, line: CommandLine, io: Io): Promise<number> {
  const folder = line.text('output') ?? fail('USAGE', 'assay simulate: -o FOLDER is missing');
  const at = line.text('at');
  const now = at === undefined ? io.now() : readTime('--at', at);
  const status = readWord(line, 'tcb-status', STATUSES);
  const vendor = await createIntelVendor({
    derive: deriveFrom(readSeed(line.text('seed'))),
    now: () => now,
    faults: parseIntelFaults(line.texts('fault')),
    ...(status === undefined ? {} : { tcbStatus: status }),
  });
  const quote = tee === 'tdx' ? quoteTd(line, vendor) : quoteEnclave(line, vendor);
  const files = new Map([['quote.bin', quote], ...vendor.collateral(tee)]);
  makeFolder(folder);
  for (const [name, bytes] of files) write(join(folder, name), bytes);
  const root = { platform: tee, name: vendor.rootName, spki_sha256: toHex(vendor.rootSpkiSha256) };
  if (line.flag('json'))
    io.out(`${JSON.stringify({ simulated: true, folder, files: [...files.keys()], root })}\n`);
  else {
    io.out(
      `simulated ${tee.toUpperCase()} quote and its collateral: ${folder}/ (${[...files.keys()].join(', ')})\n`,
    );
    io.out(`its root, for "simulated" in a trust policy: ${JSON.stringify(root)}\n`);
  }
  return 0;
}

function quoteTd(line: CommandLine, vendor: IntelVendor): Uint8Array {
  refuseOther(line, ['mrenclave', 'mrsigner'], 'an enclave');
  const td = vendor.launchTd({ mrtd: measurement(line, 'mrtd', 48), ...registers(line) });
  const version = readWord(line, 'quote-version', ['4', '5']);
  const bodyType = readWord(line, 'body-type', ['2', '3', '4']);
  const options: TdQuoteOptions = {
    ...(version === undefined ? {} : { version: Number(version) as 4 | 5 }),
    ...(bodyType === undefined ? {} : { bodyType: Number(bodyType) as 2 | 3 | 4 }),
  };
  if (version !== '5' && bodyType !== undefined && bodyType !== '2')
    fail('USAGE', '--body-type: only quotes of version 5 have another body than 2');
  return td.quote(reportData(line), options);
}

function quoteEnclave(line: CommandLine, vendor: IntelVendor): Uint8Array {
  refuseOther(line, ['mrtd', 'quote-version', 'body-type'], 'a TD');
  const enclave = vendor.launchEnclave({
    mrenclave: measurement(line, 'mrenclave', 32),
    mrsigner: measurement(line, 'mrsigner', 32),
    isvProdId: 1,
    isvSvn: 1,
  });
  return enclave.quote(reportData(line));
}

function registers(line: CommandLine): Record<`rtmr${0 | 1 | 2 | 3}`, Uint8Array> | object {
  const found: Record<string, Uint8Array> = {};
  for (const text of line.texts('rtmr')) {
    const match = /^([0-3])=(.*)$/s.exec(text);
    if (match === null || found[`rtmr${match[1]}`] !== undefined)
      return fail('USAGE', `--rtmr: ${JSON.stringify(text)} is not N=HEX, once for each N of 0 to 3`);
    found[`rtmr${match[1]}`] = readHex('--rtmr', match[2] as string, 48, 48);
  }
  return found;
}

/** Made up when it is left out, and the same each time. */
function measurement(line: CommandLine, name: string, size: number): Uint8Array {
  const text = line.text(name);
  return text === undefined
    ? measureText(nodeCrypto, `assay simulated image, ${name}`).slice(0, size)
    : readHex(`--${name}`, text, size, size);
}

function reportData(line: CommandLine): Uint8Array {
  const text = line.text('report-data');
  return text === undefined ? new Uint8Array(64) : readHex('--report-data', text, 64, 64);
}

function refuseOther(line: CommandLine, names: readonly string[], of: string): void {
  const given = names.find((name) => line.text(name) !== undefined);
  if (given !== undefined) fail('USAGE', `assay simulate: --${given} is of ${of}`);
}
