/**
 * `assay collateral fetch`: asks Intel and AMD for what evidence is judged with, and writes it as one bundle, so that
 * judging needs no network. What is fetched is compared with what was asked for and with what was seen before; whether
 * it is genuine is for `assay verify`.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto } from '../../native/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { parsePem } from '../../src/codec/pem.ts';
import { signedItems } from '../../verifier/index.ts';
import { mergeCollateral, writeBundle } from '../../src/collateral/index.ts';
import {
  AMD_DISTANCE_MS,
  amdResources,
  type Channel,
  createHttpGet,
  createPace,
  defaultCacheFolder,
  describeNeed,
  fetchAll,
  type FetchOptions,
  intelResources,
  memoryPath,
  type Need,
  needOf,
  openCache,
  pcsAddresses,
  readMemory,
  remember,
  type Resource,
} from '../collateral/index.ts';
import { collateralReport } from './collateral-report.ts';
import { readFile, readInput, readSource } from './input.ts';
import type { Io } from './io.ts';
import { type CommandLine, readCommandLine, readHex } from './options.ts';
import { writeWhole } from './output.ts';

export const COLLATERAL_HELP: string = `Usage: assay collateral fetch EVIDENCE... -o FILE|FOLDER [options]
       assay collateral fetch --tee tdx|sgx --fmspc HEX --ca platform|processor -o FILE|FOLDER [options]
       assay collateral fetch --product Milan|Genoa|Turin -o FILE|FOLDER [options]

Fetches what evidence of Intel TDX, Intel SGX and AMD SEV-SNP is judged with: signed statements, revocation lists and
certificates. Nothing is verified here: assay verify does that, offline, with the bundle.

  -o FILE|FOLDER     the bundle; in a folder it is named by its SHA-256
  --product NAME     also says what a report of version 2 does not: of which processor it is
  --update early|standard
                     Intel's statements of the newest recovery, or of the one that counts by now (standard)
  --evaluation-number N
                     those of this number instead
  --pcs URL          a PCCS or another mirror instead of Intel's service; http only where you write it
  --root-crl URL     Intel's list of revoked authorities, where that mirror does not have it
  --kds URL          a mirror of AMD's service
  --tls-ca FILE      PEM: who else vouches for the TLS certificates of the servers that these three name
  --cache FOLDER     where answers are kept, with the newest seen (XDG_CACHE_HOME/assay/collateral)
  --offline          takes everything from there
  --json             prints one JSON object instead of text

NODE_USE_ENV_PROXY=1 goes through the proxy that HTTPS_PROXY names.
`;

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean' } as const;
const OPTIONS = {
  output: { type: 'string', short: 'o' },
  tee: TEXT,
  fmspc: TEXT,
  ca: TEXT,
  product: TEXT,
  update: TEXT,
  'evaluation-number': TEXT,
  pcs: TEXT,
  'root-crl': TEXT,
  kds: TEXT,
  'tls-ca': TEXT,
  cache: TEXT,
  offline: FLAG,
  json: FLAG,
  help: { type: 'boolean', short: 'h' },
} as const;

const MAX_EVIDENCE = 64;
const ATTEMPTS = 4;
const MAX_WAIT_MS = 120_000;
const PATIENCE_MS = 1_000;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const line = readCommandLine('collateral', args, OPTIONS, [0, MAX_EVIDENCE + 1]);
  const [action, ...evidence] = line.positionals;
  if (line.flag('help') || action === undefined) {
    io.out(COLLATERAL_HELP);
    return line.flag('help') ? 0 : 2;
  }
  if (action !== 'fetch')
    fail('USAGE', `assay collateral: no action ${JSON.stringify(action)}; there is fetch`);
  const output = line.text('output') ?? fail('USAGE', 'assay collateral fetch: -o FILE is missing');
  const needs = await needsOf(line, evidence, io);
  const channel = channelOf(line);
  const resources = resourcesOf(line, needs, channel);
  const folder = line.text('cache') ?? defaultCacheFolder();
  const memory = readMemory(memoryPath(folder));
  const options = { ...machine(line, folder, io), memory };
  const { fetched, absent } = await patiently(io, resources, fetchAll(resources, options));
  const { items } = mergeCollateral({ items: fetched.flatMap((one) => one.items), ignored: [] });
  const bundle = writeBundle(items);
  const sha256 = toHex(nodeCrypto.sha256(bundle));
  const path = isFolder(output) ? join(output, `${sha256}.json`) : output;
  writeWhole(path, bundle);
  // A stranger in the vendor's place must not make us remember what never was.
  await remember(memoryPath(folder), await signedItems({ items, ignored: [] }, nodeCrypto), channel);
  io.out(collateralReport({ needs, fetched, absent, path, sha256, items }, line.flag('json')));
  return 0;
}

/** Says what it is waiting for when that takes more than a second. */
async function patiently<T>(io: Io, resources: readonly Resource[], work: Promise<T>): Promise<T> {
  const hosts = [...new Set(resources.map(({ url }) => new URL(url).host))].join(' and ');
  const timer = setTimeout(() => io.err(`asking ${hosts} …\n`), PATIENCE_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

async function needsOf(line: CommandLine, files: readonly string[], io: Io): Promise<readonly Need[]> {
  const product = oneOf(line, 'product', ['Milan', 'Genoa', 'Turin']);
  const tee = oneOf(line, 'tee', ['tdx', 'sgx']);
  const ca = oneOf(line, 'ca', ['platform', 'processor']);
  const fmspc = line.text('fmspc');
  const given = [tee, ca, fmspc].filter((value) => value !== undefined);
  if (files.length > 0) {
    if (given.length > 0)
      fail('USAGE', 'assay collateral fetch: --tee, --fmspc and --ca stand in the evidence');
    const needs = await Promise.all(
      files.map(async (file) => needOf(await readEvidence(file, io), product ?? null)),
    );
    return [...new Map(needs.map((need) => [describeNeed(need), need])).values()];
  }
  const intel = tee === undefined || ca === undefined || fmspc === undefined ? null : { tee, ca, fmspc };
  if (given.length > 0 && intel === null)
    fail('USAGE', 'assay collateral fetch: --tee, --fmspc and --ca go together');
  if (intel === null && product === undefined)
    fail('USAGE', 'assay collateral fetch: give evidence, or say of which platform');
  return [
    ...(intel === null
      ? []
      : [{ vendor: 'intel', ...intel, fmspc: toHex(readHex('--fmspc', intel.fmspc, 6, 6)) } as const]),
    ...(product === undefined
      ? []
      : (['vcek', 'vlek'] as const).map((key) => ({ vendor: 'amd', product, key, chip: null }) as const)),
  ];
}

async function readEvidence(file: string, io: Io): Promise<Uint8Array> {
  const source = readSource(await readInput(file, io));
  if (source.kind === 'evidence') return source.bytes;
  if (source.kind === 'attestation') return source.attestation.evidence;
  return fail('INPUT_UNRECOGNISED', `${file}: not evidence`);
}

function channelOf(line: CommandLine): Channel {
  const number = line.text('evaluation-number');
  const update = oneOf(line, 'update', ['early', 'standard']);
  if (number === undefined) return update ?? 'standard';
  if (update !== undefined) fail('USAGE', '--evaluation-number: not together with --update');
  return /^[1-9]\d{0,8}$/.test(number)
    ? Number(number)
    : fail('USAGE', '--evaluation-number: must be a number');
}

/** Each address once: two platforms share most of what they need. */
function resourcesOf(line: CommandLine, needs: readonly Need[], channel: Channel): readonly Resource[] {
  const addresses = pcsAddresses(line.text('pcs') ?? null, line.text('root-crl') ?? null);
  const all = needs.flatMap((need) =>
    need.vendor === 'intel'
      ? intelResources(need, addresses, channel)
      : amdResources(need, line.text('kds') ?? null),
  );
  return [...new Map(all.map((resource) => [resource.url, resource])).values()];
}

/** What fetching needs of the machine, but for the memory. */
function machine(line: CommandLine, folder: string, io: Io): Omit<FetchOptions, 'memory'> {
  const named = ['pcs', 'root-crl', 'kds'].flatMap((option) => {
    const url = line.text(option);
    if (url === undefined) return [];
    return URL.canParse(url) ? [new URL(url).origin] : fail('USAGE', `--${option}: ${url} is no address`);
  });
  const tlsCa = line.text('tls-ca');
  if (tlsCa !== undefined && named.length === 0)
    fail(
      'USAGE',
      '--tls-ca: vouches for the servers that --pcs, --root-crl and --kds name, and none is named',
    );
  const authorities = tlsCa === undefined ? null : new TextDecoder('latin1').decode(readFile(tlsCa));
  if (authorities !== null) parsePem(authorities, 'CERTIFICATE', '--tls-ca');
  const waiting = {
    now: () => io.now(),
    sleep: (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms)),
    random: Math.random,
    onWait: (text: string): void => io.err(`${text}\n`),
    maxWaitMs: MAX_WAIT_MS,
  };
  return {
    ...waiting,
    get: createHttpGet({ named, authorities }),
    cache: openCache(folder),
    pace: createPace(folder, AMD_DISTANCE_MS, waiting),
    offline: line.flag('offline'),
    attempts: ATTEMPTS,
  };
}

function oneOf<T extends string>(line: CommandLine, option: string, allowed: readonly T[]): T | undefined {
  const value = line.text(option);
  if (value === undefined) return undefined;
  return (
    allowed.find((one) => one === value) ?? fail('USAGE', `--${option}: must be ${allowed.join(' or ')}`)
  );
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
