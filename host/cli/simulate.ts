/**
 * `assay simulate`: writes evidence of the genuine form under a root of its own, healthy or with a named fault, for
 * people who test a verifier: ours or another one.
 */
import { fail } from '../../src/base/errors.ts';
import { refuseBesideHardware } from '../simulator/index.ts';
import { reportError } from './errors.ts';
import type { Io } from './io.ts';
import { type CommandLine, readCommandLine } from './options.ts';
import { AMD_HELP, AMD_OPTIONS, simulateSnp } from './simulate-amd.ts';
import { INTEL_HELP, INTEL_OPTIONS, simulateSgx, simulateTdx } from './simulate-intel.ts';
import { NITRO_HELP, NITRO_OPTIONS, simulateNitro } from './simulate-nitro.ts';

export const SIMULATE_HELP: string = `Usage: assay simulate nitro|tdx|sgx|snp -o FILE|FOLDER [options]

Writes evidence of simulated hardware: the genuine form, under a root that no vendor has, with
the collateral that its vendor would serve. A verifier accepts it only when its trust policy
names that root.

  --seed FILE        32 bytes that make the hardware; random when left out: another root each time
  --fault NAME       may be repeated
  --json             prints one JSON object instead of text

assay simulate ${NITRO_HELP}
assay simulate ${INTEL_HELP}
assay simulate ${AMD_HELP}`;

const PLATFORMS: Readonly<Record<string, (line: CommandLine, io: Io) => Promise<number>>> = {
  nitro: simulateNitro,
  tdx: simulateTdx,
  sgx: simulateSgx,
  snp: simulateSnp,
};

const OWN = { nitro: NITRO_OPTIONS, tdx: INTEL_OPTIONS, sgx: INTEL_OPTIONS, snp: AMD_OPTIONS } as const;
const COMMON = {
  output: { type: 'string', short: 'o' },
  seed: { type: 'string' },
  fault: { type: 'string', multiple: true },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Returns the exit status. Nothing is written unless everything was understood. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    const named = args.find((argument) => Object.hasOwn(OWN, argument)) as keyof typeof OWN | undefined;
    const line = readCommandLine('simulate', args, { ...COMMON, ...OWN[named ?? 'nitro'] }, [0, 1]);
    if (line.flag('help')) {
      io.out(SIMULATE_HELP);
      return 0;
    }
    const simulate = PLATFORMS[line.positionals[0] ?? ''];
    if (simulate === undefined)
      return fail('USAGE', `assay simulate: name a platform; there are ${Object.keys(PLATFORMS).join(', ')}`);
    refuseBesideHardware();
    return await simulate(line, io);
  } catch (error) {
    return reportError(error, io);
  }
}
