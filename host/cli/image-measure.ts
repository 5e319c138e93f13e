/**
 * `assay image measure`: what an image measures to, as JSON of nitro-cli's shape or as a policy that demands it; of
 * firmware for SEV-SNP, what a launch measures to.
 */
import { measureEif } from '../../images/eif-measure.ts';
import { configDigest, formatMeasurements } from '../../images/measurements.ts';
import { isProgram, measureProgram, PROGRAM_CONFIG, readProgram } from '../../images/program.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { type ImageMeasurements, type ImageWarning, parseEif } from '../../src/image/index.ts';
import { keyCondition, terraformCondition } from '../image/index.ts';
import { measureSnp, SNP_OPTIONS } from './image-measure-snp.ts';
import { readFile, readInput } from './input.ts';
import type { Io } from './io.ts';
import type { CommandLine, Options } from './options.ts';
import { addConfiguration, readMeasurements, type TrustFacts } from './trust-make.ts';
import { TRUST_OPTIONS, trustFromFacts } from './trust-options.ts';

/** Of an EIF or a program image. */
const EIF_OPTIONS: Options = {
  ...TRUST_OPTIONS,
  canonical: { type: 'boolean' },
  as: { type: 'string' },
  node: { type: 'string' },
};

export const MEASURE_OPTIONS: Options = {
  ...EIF_OPTIONS,
  ...SNP_OPTIONS,
  json: { type: 'boolean' },
  platform: { type: 'string' },
};

interface Measured {
  readonly registers: ImageMeasurements & { readonly pcr8: Uint8Array | null };
  readonly warnings: readonly ImageWarning[];
  /** Beside `Measurements`, as make build writes them. */
  readonly facts: { readonly [name: string]: string | boolean };
  /** The measured configuration of a program image; null for an EIF, of which it is not known where it lies. */
  readonly config: Uint8Array | null;
}

/** An image with the libraries of a large model still fits; standard input has its own limit. */
const MAX_IMAGE = 2 * 1024 ** 3;
const MAX_STDIN = 64 * 1024 ** 2;

export async function readImageFile(path: string, io: Io): Promise<Uint8Array> {
  return path === '-' ? readInput(path, io, MAX_STDIN) : readFile(path, MAX_IMAGE);
}

export async function measure(line: CommandLine, io: Io): Promise<number> {
  const platform = line.text('platform') ?? 'nitro';
  if (platform === 'snp') {
    refuseOptions(line, EIF_OPTIONS, '--platform nitro');
    return measureSnp(line, io);
  }
  if (platform !== 'nitro') fail('USAGE', `assay image measure: --platform ${platform}: is not nitro or snp`);
  refuseOptions(line, SNP_OPTIONS, '--platform snp');
  return measureImageFile(line, io);
}

async function measureImageFile(line: CommandLine, io: Io): Promise<number> {
  const path = line.positionals[0] as string;
  const format = line.text('as') ?? 'measurements';
  if (!['measurements', 'trust', 'kms-policy', 'terraform'].includes(format))
    fail('USAGE', `assay image measure: --as ${format}: is not trust, kms-policy or terraform`);
  if (format !== 'trust') refuseOptions(line, TRUST_OPTIONS, '--as trust');
  const measured = measureFile(await readImageFile(path, io), line);
  const { registers, warnings, facts } = measured;
  for (const { code, message } of warnings) io.err(`assay: warning: ${code}: ${message}\n`);
  const json = (value: object): void =>
    io.out(`${JSON.stringify(value, null, line.flag('json') ? undefined : 2)}\n`);
  const text = formatMeasurements(registers, facts, warnings);
  if (format === 'trust') json(trustFromFacts(factsOf(text, measured, path), line));
  else if (format === 'kms-policy') json(keyCondition(registers));
  else if (format === 'terraform')
    if (line.flag('json')) json({ terraform: terraformCondition(registers) });
    else io.out(terraformCondition(registers));
  else json(JSON.parse(text) as object);
  return 0;
}

/** They would be taken and mean nothing. */
function refuseOptions(line: CommandLine, options: Options, where: string): void {
  for (const option of Object.keys(options))
    if (line.flag(option) || line.text(option) !== undefined)
      fail('USAGE', `assay image measure: --${option} goes with ${where}`);
}

function measureFile(file: Uint8Array, line: CommandLine): Measured {
  const node = line.text('node');
  if (!isProgram(parseEif(file))) {
    if (node !== undefined) fail('USAGE', 'assay image measure: --node goes with a program image');
    const { warnings, ...registers } = measureEif(nodeCrypto, file, { canonical: line.flag('canonical') });
    return { registers, warnings, facts: {}, config: null };
  }
  // Its reader is strict about what stands where, so its registers fix its layout.
  const program = readProgram(file);
  const binary = readFile(node ?? process.execPath, MAX_IMAGE);
  const registers = { ...measureProgram(nodeCrypto, program, binary), pcr8: null };
  const config = program.files.find(({ path }) => path === PROGRAM_CONFIG)?.data ?? null;
  const digest = toHex(configDigest(nodeCrypto, program));
  return { registers, warnings: [], config, facts: programFacts(config, digest) };
}

/** The facts that make build writes beside the measurements, from the configuration itself. */
function programFacts(config: Uint8Array | null, digest: string): Measured['facts'] {
  if (config === null) return {};
  const { origin, simulatedRoots } = addConfiguration(NO_FACTS, config, PROGRAM_CONFIG);
  const [root] = simulatedRoots;
  return {
    Platform: 'nitro',
    Simulated: true,
    ...(origin === null ? {} : { Origin: origin }),
    ConfigDigest: digest,
    ...(root === undefined ? {} : { SimulatedRootName: root.name, SimulatedRootSpkiSha256: root.spkiSha256 }),
  };
}

const NO_FACTS: TrustFacts = {
  pcrs: {},
  origin: null,
  configDigest: null,
  authorities: null,
  simulatedRoots: [],
};

function factsOf(measurements: string, { config }: Measured, path: string): TrustFacts {
  const facts = readMeasurements(utf8(measurements), path);
  return config === null ? facts : addConfiguration(facts, config, `${path}: ${PROGRAM_CONFIG}`);
}
