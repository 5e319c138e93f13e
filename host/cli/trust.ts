/** `assay trust`: makes, shows and checks trust policies. */
import { fail } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { parseTrustPolicy, type TrustPolicy, trustPolicyDigest } from '../../verifier/index.ts';
import { isAddress, readFile, readInput } from './input.ts';
import type { Io } from './io.ts';
import { type CommandLine, readCommandLine } from './options.ts';
import { refuseOverwrite, writeWhole } from './output.ts';
import { learnEvidence, learnService } from './trust-evidence.ts';
import { namedTrustPolicy, readTrustFile } from './trust-file.ts';
import { GUEST_HELP, GUEST_OPTIONS, refuseGuestOptions } from './trust-guest.ts';
import { readMeasurements } from './trust-make.ts';
import { TRUST_OPTIONS, trustFromFacts } from './trust-options.ts';
import { compareTrust, describeDifferences, describeTrust, openings } from './trust-show.ts';

export const TRUST_HELP: string = `Usage: assay trust ACTION

  init MEASUREMENTS [-o FILE]   makes a policy from measurements.json, the output of nitro-cli
                                or of assay image measure
    --config FILE               the measured configuration: gives origin, digest, authorities
    --origin NAME               the service's name
    --config-digest HEX|any     digest of the configuration
    --authority HEX             raw Ed25519 key whose policy orders count; repeat for more
    --simulated-root NAME=HEX   accept a simulated root by name and SPKI SHA-256
    --any-service               any service on this image will do
    --max-age SECONDS|any       of the evidence (300)
    --challenge WHERE           quote, session or any: where the verifier's must stand
                                (session; of TDX, SGX and SEV-SNP quote)
    --platform NAME             what the measurements must be of
    --force                     overwrite FILE
${GUEST_HELP}  init URL --trust-on-first-use believes what a running service says, once
  init --from EVIDENCE --trust-on-first-use
                                believes what a quote, a report or a document says, once it is proven genuine
    --collateral PATH           what the vendor publishes, as for assay verify; repeat for more
    --at TIME                   judge it at this time (RFC 3339) instead of now
  show FILE                     says what a policy accepts and what it waives
  check FILE                    says whether a policy is complete
  diff FILE FILE                says what the second accepts otherwise

  --json                        prints one JSON object
`;

const FLAG = { type: 'boolean' } as const;
const SHOW = { json: FLAG, help: { type: 'boolean', short: 'h' } } as const;
const INIT = {
  ...SHOW,
  output: { type: 'string', short: 'o' },
  ...TRUST_OPTIONS,
  ...GUEST_OPTIONS,
  platform: { type: 'string' },
  from: { type: 'string' },
  collateral: { type: 'string', multiple: true },
  at: { type: 'string' },
  'trust-on-first-use': FLAG,
  force: FLAG,
} as const;

/** Returns the exit status; throws AssayError for what it cannot do. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const [action, ...rest] = args;
  switch (action) {
    case 'init':
      return init(readCommandLine('trust init', rest, INIT, [0, 1]), io);
    case 'show':
      return show(readCommandLine('trust show', rest, SHOW, [1, 1]), io);
    case 'check':
      return check(readCommandLine('trust check', rest, SHOW, [1, 1]), io);
    case 'diff':
      return diff(readCommandLine('trust diff', rest, SHOW, [2, 2]), io);
    case '--help':
    case '-h':
      io.out(TRUST_HELP);
      return 0;
    default:
      return fail(
        'USAGE',
        action === undefined ? 'assay trust: needs an action' : `assay trust: no action ${action}`,
      );
  }
}

async function init(line: CommandLine, io: Io): Promise<number> {
  if (line.flag('help')) {
    io.out(TRUST_HELP);
    return 0;
  }
  const output = line.text('output');
  if (output !== undefined) refuseOverwrite(output, line.flag('force'));
  const policy = await made(line, io);
  const text = `${JSON.stringify(policy, null, 2)}\n`;
  if (output === undefined) {
    io.out(text);
    return 0;
  }
  writeWhole(output, text);
  const written = parseTrustPolicy(readFile(output));
  const digest = trustPolicyDigest(written, nodeCrypto);
  io.out(
    line.flag('json')
      ? `${JSON.stringify({ file: output, trust_sha256: digest })}\n`
      : `${output}: sha256 ${digest}\n${describeTrust(written)}`,
  );
  return 0;
}

/** From measurements, from evidence in a file, or from a running service. */
async function made(line: CommandLine, io: Io): Promise<TrustPolicy> {
  const [source] = line.positionals;
  const evidence = line.text('from');
  if ((source === undefined) === (evidence === undefined))
    fail('USAGE', 'assay trust init: give measurements, an address or --from EVIDENCE, and one of them');
  const address = source !== undefined && isAddress(source);
  if (source !== undefined && !address) return fromMeasurements(source, line, io);
  if (!line.flag('trust-on-first-use'))
    fail(
      'USAGE',
      address
        ? 'assay trust init: a service cannot vouch for itself; give measurements, or --trust-on-first-use'
        : 'assay trust init: evidence does not say what is right; give measurements, or --trust-on-first-use',
    );
  const policy = address
    ? await learnService(source, line, io)
    : await learnEvidence(evidence as string, line, io);
  io.err(
    `assay: this policy believes what the ${address ? 'service' : 'evidence'} said of itself${address ? ' today' : ''}; every verdict will say trust-on-first-use\n`,
  );
  return policy;
}

async function fromMeasurements(path: string, line: CommandLine, io: Io): Promise<TrustPolicy> {
  if (line.flag('trust-on-first-use'))
    fail('USAGE', 'assay trust init: --trust-on-first-use goes with an address or --from EVIDENCE');
  for (const option of ['collateral', 'at'])
    if (line.text(option) !== undefined)
      fail('USAGE', `assay trust init: --${option} goes with --from EVIDENCE`);
  const facts = readMeasurements(await readInput(path, io), path);
  const platform = facts.guest?.platform ?? 'nitro';
  const wanted = line.text('platform') ?? platform;
  if (wanted !== platform)
    fail('PLATFORM_UNKNOWN', `${path}: the measurements are of ${platform}, not of ${wanted}`);
  refuseGuestOptions(platform, line);
  if (platform === 'nitro' && line.flag('pin-hardware'))
    fail('USAGE', 'assay trust init: --pin-hardware goes with evidence that names the machine: --from');
  return trustFromFacts(facts, line);
}

async function read(line: CommandLine, io: Io): Promise<TrustPolicy> {
  const path = line.positionals[0] as string;
  return namedTrustPolicy(path, await readInput(path, io));
}

async function show(line: CommandLine, io: Io): Promise<number> {
  const policy = await read(line, io);
  io.out(line.flag('json') ? `${JSON.stringify(policy)}\n` : describeTrust(policy));
  return 0;
}

async function check(line: CommandLine, io: Io): Promise<number> {
  const policy = await read(line, io);
  const waived = openings(policy);
  const digest = trustPolicyDigest(policy, nodeCrypto);
  io.out(
    line.flag('json')
      ? `${JSON.stringify({ complete: true, trust_sha256: digest, waived })}\n`
      : `complete; sha256 ${digest}\n${waived.length === 0 ? 'waives nothing' : `waives ${waived.join(', ')}`}\n`,
  );
  return 0;
}

/** The differences are the answer: the exit status is 0 either way. */
function diff(line: CommandLine, io: Io): number {
  const [before, after] = line.positionals.map(readTrustFile) as [TrustPolicy, TrustPolicy];
  const differences = compareTrust(before, after);
  io.out(
    line.flag('json')
      ? `${JSON.stringify({ same: differences.length === 0, differences })}\n`
      : describeDifferences(before, after),
  );
  return 0;
}
