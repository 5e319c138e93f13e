/** `assay trust`: makes, shows and checks trust policies. */
import { fail } from '../../src/base/errors.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { parseTrustPolicy, type TrustPolicy, trustPolicyDigest } from '../../verifier/index.ts';
import { isAddress, readFile, readInput } from './input.ts';
import type { Io } from './io.ts';
import { type CommandLine, readCommandLine } from './options.ts';
import { refuseOverwrite, writeWhole } from './output.ts';
import { printable } from './errors.ts';
import { namedTrustPolicy } from './trust-file.ts';
import { learnService } from './trust-first-use.ts';
import { readMeasurements } from './trust-make.ts';
import { TRUST_OPTIONS, trustFromFacts } from './trust-options.ts';

export const TRUST_HELP = `Usage: assay trust ACTION

  init MEASUREMENTS [-o FILE]   makes a policy from measurements.json or the output of nitro-cli
    --config FILE               the measured configuration: gives origin, digest, authorities
    --origin NAME               the service's name
    --config-digest HEX|any     digest of the configuration
    --authority HEX             raw Ed25519 key whose policy orders count; repeat for more
    --simulated-root NAME=HEX   accept a simulated root by name and SPKI SHA-256
    --any-service               any service on this image will do
    --force                     overwrite FILE
  init URL --trust-on-first-use believes what a running service says, once
  show FILE                     says what a policy accepts and what it waives
  check FILE                    says whether a policy is complete

  --json                        prints one JSON object
`;

const FLAG = { type: 'boolean' } as const;
const SHOW = { json: FLAG, help: { type: 'boolean', short: 'h' } } as const;
const INIT = {
  ...SHOW,
  output: { type: 'string', short: 'o' },
  ...TRUST_OPTIONS,
  'trust-on-first-use': FLAG,
  force: FLAG,
} as const;

/** Returns the exit status; throws AssayError for what it cannot do. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const [action, ...rest] = args;
  switch (action) {
    case 'init':
      return init(readCommandLine('trust init', rest, INIT, [1, 1]), io);
    case 'show':
      return show(readCommandLine('trust show', rest, SHOW, [1, 1]), io);
    case 'check':
      return check(readCommandLine('trust check', rest, SHOW, [1, 1]), io);
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
  const source = line.positionals[0] as string;
  const output = line.text('output');
  if (output !== undefined) refuseOverwrite(output, line.flag('force'));
  const policy = isAddress(source)
    ? await fromService(source, line, io)
    : await fromMeasurements(source, line, io);
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
      : `${output}: sha256 ${digest}\n${describe(written)}`,
  );
  return 0;
}

async function fromService(url: string, line: CommandLine, io: Io): Promise<TrustPolicy> {
  if (!line.flag('trust-on-first-use'))
    fail(
      'USAGE',
      'assay trust init: a service cannot vouch for itself; give measurements, or --trust-on-first-use',
    );
  const policy = await learnService(url, () => io.now());
  io.err(
    'assay: this policy believes what the service said of itself today; every verdict will say trust-on-first-use\n',
  );
  return policy;
}

async function fromMeasurements(path: string, line: CommandLine, io: Io): Promise<TrustPolicy> {
  if (line.flag('trust-on-first-use'))
    fail('USAGE', 'assay trust init: --trust-on-first-use goes with an address');
  return trustFromFacts(readMeasurements(await readInput(path, io), path), line);
}

async function read(line: CommandLine, io: Io): Promise<TrustPolicy> {
  const path = line.positionals[0] as string;
  return namedTrustPolicy(path, await readInput(path, io));
}

async function show(line: CommandLine, io: Io): Promise<number> {
  const policy = await read(line, io);
  io.out(line.flag('json') ? `${JSON.stringify(policy)}\n` : describe(policy));
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

/** The expectations that a policy opts out of, by their place in the file. */
function openings(policy: TrustPolicy): readonly string[] {
  const { service, platforms, freshness } = policy;
  const nitro = platforms.nitro;
  const rows: readonly (readonly [string, boolean])[] = [
    ['service', service === 'any'],
    ['service.config_digest', service !== 'any' && service.config_digest === 'any'],
    ['service.policy_authorities', service !== 'any' && service.policy_authorities === 'any'],
    ['hardware.ids', policy.hardware.ids === 'any'],
    ['platforms.nitro.pcrs', nitro?.pcrs === 'any'],
    ['platforms.nitro.debug', nitro?.debug === 'allow'],
    ['platforms.nitro.partitions', nitro?.partitions === 'any'],
    ['freshness.max_age_seconds', freshness.max_age_seconds === 'any'],
    ['freshness.nonce', freshness.nonce === 'any'],
    ['revocation', policy.revocation === 'any'],
    ['witnesses', true],
    ['provenance', policy.provenance !== undefined],
  ];
  return rows.filter(([, open]) => open).map(([name]) => name);
}

function describe(policy: TrustPolicy): string {
  const { service, platforms, freshness, simulated } = policy;
  const pcrs = platforms.nitro?.pcrs;
  const lines = [
    `service        ${service === 'any' ? 'any' : printable(service.origin)}`,
    ...(service === 'any' ? [] : [`configuration  ${service.config_digest}`]),
    ...(service === 'any' ? [] : [`authorities    ${[service.policy_authorities].flat().join(', ')}`]),
    ...(pcrs === undefined || pcrs === 'any'
      ? [`measurements   ${pcrs ?? 'none: Nitro is not accepted'}`]
      : Object.entries(pcrs).flatMap(([index, values]) =>
          values.map((value) => `PCR${index.padEnd(12)}${value}`),
        )),
    `debug mode     ${platforms.nitro?.debug ?? 'reject'}`,
    `freshness      at most ${freshness.max_age_seconds} s old, challenge in ${freshness.nonce}`,
    `simulated      ${simulated === 'reject' ? 'rejected' : simulated.roots.map(({ name }) => printable(name)).join(', ')}`,
    `waives         ${openings(policy).join(', ') || 'nothing'}`,
  ];
  return `${lines.join('\n')}\n`;
}
